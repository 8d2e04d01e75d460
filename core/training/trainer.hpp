// A tenant's own model: gathering its examples, training, the gate, installing.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/async/blocking.hpp"
#include "core/async/task.hpp"
#include "core/async/task_group.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/nlp/retraining.hpp"
#include "storage/repositories/nlp.hpp"

namespace easyflow::training {

struct Request {
  std::vector<nlp::Example> examples;  ///< besides those the tenant has stored
  bool with_base = true;               ///< the examples that ship, too
  std::string name = "shop";           ///< begins the version
  bool force = false;                  ///< install it even when the gate refuses
  bool dry_run = false;                ///< install nothing
};

struct Outcome {
  nlp::Retraining trained;
  std::size_t stored_examples = 0;  ///< of the tenant, that were used
  bool installed = false;
};

/// All labelled examples of a tenant: "operator", "import", or both when `source` is empty.
Task<std::vector<nlp::Example>> stored_examples(storage::NlpRepository& rows, std::string tenant_id,
                                                std::string source);

/// Adds examples or gives known texts their new intent; the number of those that are new or changed.
Task<int> store_examples(storage::NlpRepository& rows, std::string tenant_id, std::vector<nlp::Example> examples,
                         std::string user_id);

/// An operator says what a message means (NlpRepository::label_message). `intent` must be one of the model that ships,
/// of the tenant's models or of its examples, unless `is_new`. `user_id` may be empty. Errors: invalid_input (field
/// "intent", with what may be meant), not_found.
Task<Result<void>> label_message(storage::NlpRepository& rows, std::string tenant_id, std::string message_id,
                                 std::string intent, std::string user_id, bool is_new);

/// Trains on `thread` and, unless it is refused, makes the model the tenant's active one: hubs take it on at once.
/// `on_progress` is told 0..1 on that thread; false stops. Errors: invalid_input (too few examples), conflict
/// (stopped).
Task<Result<Outcome>> train_tenant(storage::NlpRepository& rows, BlockingThread& thread, std::string tenant_id,
                                   Request request, std::function<bool(double)> on_progress);

/// How the tenant's active model does on messages that operators labelled and it was not trained on.
struct TenantTest {
  std::string model;
  std::size_t labelled = 0;  ///< by operators, all in all
  bool is_reliable = false;  ///< false with fewer than nlp::kEnoughForCalibration to measure on
  nlp::TestReport report;    ///< report.examples of them were new to the model
};
Task<TenantTest> test_tenant(storage::NlpRepository& rows, BlockingThread& thread, std::string tenant_id);

/// What the hub's trainer is doing, or did last, for one tenant.
struct State {
  std::string state = "idle";  ///< idle, running, installed, trained (a dry run), refused, failed
  double progress = 0;
  std::optional<Timestamp> started_at;
  std::optional<Timestamp> finished_at;
  std::string error;               ///< of "failed"
  std::optional<Outcome> outcome;  ///< without its model; of installed, trained and refused
};

/// Trains in the background, one model at a time for the whole hub. Thread: the I/O thread.
class Trainer {
 public:
  Trainer(boost::asio::any_io_executor executor, storage::NlpRepository& rows, const Clock& clock);
  ~Trainer();

  /// Error conflict: a training runs already (it may be another tenant's), or the hub is stopping.
  Result<void> start(std::string tenant_id, Request request);
  State state(const std::string& tenant_id) const;
  /// For short measurements beside it.
  BlockingThread& thread();
  /// Stops the training that runs; what was not installed is lost.
  Task<> close();

 private:
  struct Shared;
  Task<> run(std::string tenant_id, Request request);

  storage::NlpRepository& rows_;
  const Clock& clock_;
  std::shared_ptr<Shared> shared_;
  TaskGroup tasks_;
};

}  // namespace easyflow::training
