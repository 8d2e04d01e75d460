#include "core/ingest/batcher.hpp"

#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <optional>

#include "core/async/task_group.hpp"
#include "core/base/log.hpp"
#include "core/ingest/intake.hpp"

namespace easyflow::ingest {
namespace {

namespace asio = boost::asio;

Error stored_nothing() {
  return Error(ErrorKind::unavailable, "The message could not be stored now. Send it again.", std::chrono::seconds(2));
}

}  // namespace

struct IngestBatcher::State : std::enable_shared_from_this<IngestBatcher::State> {
  using Answer = asio::any_completion_handler<void(bool stored)>;

  struct Waiting {
    Waiting(storage::Delivery delivery_, Answer answer_) : delivery(std::move(delivery_)), answer(std::move(answer_)) {}
    storage::Delivery delivery;
    Answer answer;
  };

  /// Deliveries of one transaction, and who waits for each.
  struct Batch {
    std::shared_ptr<std::vector<storage::Delivery>> deliveries = std::make_shared<std::vector<storage::Delivery>>();
    std::vector<Answer> answers;
    std::size_t size() const { return answers.size(); }
  };

  State(asio::any_io_executor executor_, storage::InboundRepository& inbound_, BatcherOptions options_)
      : executor(executor_), inbound(inbound_), options(options_), tasks(executor_) {}

  /// Starts transactions while there are deliveries and free slots. No timer: what arrives during a commit is the
  /// next batch, so a lone delivery never waits for company.
  void pump() {
    while (!queue.empty() && in_flight < options.parallel && (in_flight == 0 || queue.size() >= smallest_companion())) {
      auto batch = std::make_shared<Batch>();
      const auto largest = std::min(options.max_batch, share());
      while (!queue.empty() && batch->size() < largest) {
        batch->deliveries->push_back(std::move(queue.front().delivery));
        batch->answers.push_back(std::move(queue.front().answer));
        queue.pop_front();
      }
      ++in_flight;
      deliveries_in_flight += batch->size();
      tasks.spawn("ingest.batch", run(this->shared_from_this(), std::move(batch)));
    }
  }

  /// What one of all transactions gets. One that took all that waits would leave too little for a companion, and the
  /// database would work for one at a time.
  std::size_t share() const {
    const auto parallel = static_cast<std::size_t>(options.parallel);
    return (queue.size() + deliveries_in_flight + parallel - 1) / parallel;
  }

  /// While transactions are under way, another one starts only for about as many deliveries as they hold. A small one
  /// would cost the database as much beside its rows, and its deliveries wait no longer than the next commit.
  std::size_t smallest_companion() const {
    const auto mean = deliveries_in_flight / static_cast<std::size_t>(in_flight);
    return std::min(options.max_batch, (mean * 3 + 3) / 4);
  }

  /// Once for all requests that the loop has read by then: they share a transaction.
  void pump_soon() {
    if (pump_posted) return;
    pump_posted = true;
    auto run_pump = [self = this->shared_from_this()] {
      self->pump_posted = false;
      self->pump();
    };
    asio::post(executor, std::move(run_pump));
  }

  static Task<bool> store(std::shared_ptr<State> self,
                          std::shared_ptr<const std::vector<storage::Delivery>> deliveries) {
    try {
      auto counts = co_await self->inbound.store(std::move(deliveries));
      count_events(counts);
      if (self->outage_logged) log::info("ingest.storage_back");
      self->outage_logged = false;
      co_return true;
    } catch (const storage::StorageDown& down) {
      self->down = true;
      // platforms repeat what is refused: a line for each would fill the disk of a hub that has lost its database
      if (!self->outage_logged) log::warn("ingest.storage_down", {{"error", down.what()}});
      self->outage_logged = true;
    } catch (const std::exception& failure) {
      log::error("ingest.batch_failed", {{"error", failure.what()}});
    }
    co_return false;
  }

  static Task<> run(std::shared_ptr<State> self, std::shared_ptr<Batch> batch) {
    self->down = false;
    bool stored = co_await store(self, batch->deliveries);
    if (stored || batch->size() == 1 || self->down) {
      self->release(*batch, stored);
      co_return;
    }
    // one of them is to blame: store each alone, so that the others are kept
    self->release_slot(*batch);
    for (std::size_t i = 0; i < batch->size(); ++i) {
      auto one = std::make_shared<std::vector<storage::Delivery>>();
      one->push_back(std::move((*batch->deliveries)[i]));
      bool kept = co_await store(self, std::move(one));
      std::move(batch->answers[i])(kept);
    }
  }

  void release_slot(const Batch& batch) {
    --in_flight;
    deliveries_in_flight -= batch.size();
    pump();
  }

  void release(Batch& batch, bool kept) {
    release_slot(batch);
    for (auto& answer : batch.answers) std::move(answer)(kept);
  }

  asio::any_io_executor executor;
  storage::InboundRepository& inbound;
  BatcherOptions options;
  TaskGroup tasks;
  std::deque<Waiting> queue;
  int in_flight = 0;
  std::size_t deliveries_in_flight = 0;
  bool pump_posted = false;
  bool down = false;
  bool outage_logged = false;
};

IngestBatcher::IngestBatcher(asio::any_io_executor executor, storage::InboundRepository& inbound,
                             BatcherOptions options)
    : state_(std::make_shared<State>(std::move(executor), inbound, options)) {}

Task<Result<void>> IngestBatcher::record(storage::Delivery delivery) {
  if (state_->queue.size() >= state_->options.max_waiting) co_return stored_nothing();
  auto* state = state_.get();
  auto* pending = &delivery;
  bool stored = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(
      [state, pending](auto handler) {
        state->queue.emplace_back(std::move(*pending), State::Answer(std::move(handler)));
        state->pump_soon();
      },
      asio::use_awaitable);
  if (!stored) co_return stored_nothing();
  co_return Result<void>();
}

Task<> IngestBatcher::close() {
  auto state = state_;
  co_await state->tasks.close();
}

std::size_t IngestBatcher::waiting() const noexcept { return state_->queue.size(); }

}  // namespace easyflow::ingest
