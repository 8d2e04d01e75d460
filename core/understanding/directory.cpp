#include "core/understanding/directory.hpp"

#include <boost/system/system_error.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "core/base/log.hpp"
#include "core/base/metrics.hpp"

namespace easyflow::understanding {
namespace {

using namespace std::chrono_literals;

/// After a failure: the database is not asked once a message.
constexpr auto kAskAgain = 10s;

void count_load(const char* outcome) {
  metrics::counter("easyflow_nlp_loads_total", "Loads of what decides how a tenant's messages are read",
                   {{"outcome", outcome}})
      .increment();
}

/// What is refused leaves its part of the reader in use as it is.
void refuse(const char* event, const std::string& tenant_id, const Error& error) {
  log::error(event, {{"tenant", tenant_id}, {"error", error.message()}});
  count_load("refused");
}

/// Long work: models are checked, expressions compiled.
ReaderPtr build(const std::string& tenant_id, storage::NlpSettings settings, const ReaderPtr& before,
                bool asks_provider) {
  auto model = nlp::Model::embedded();
  if (!settings.model_version.empty()) {
    if (before) model = before->model();
    if (model->version() != settings.model_version) {
      auto loaded = nlp::Model::load(settings.model);
      if (loaded)
        model = std::move(*loaded);
      else
        refuse("nlp.model_refused", tenant_id, loaded.error());
    }
  }
  std::shared_ptr<const nlp::UserRules> rules;
  if (!settings.rules_csv.empty()) {
    auto read = nlp::UserRules::from_csv(settings.rules_csv);
    if (read) {
      rules = std::move(*read);
    } else {
      refuse("nlp.rules_refused", tenant_id, read.error());
      if (before) rules = before->rules();
    }
  }
  return std::make_shared<const Reader>(std::move(model), std::move(rules), std::move(settings.actions),
                                        TimeZone(settings.time_zone), asks_provider);
}

}  // namespace

struct ReaderDirectory::Slot {
  explicit Slot(boost::asio::any_io_executor executor) : loaded(std::move(executor)) {}

  ReaderPtr reader;
  std::uint64_t generation = 0;  ///< that the reader belongs to
  std::optional<Timestamp> failed_until;
  bool loading = false;
  Signal loaded;
};

/// Marks a slot while it is being loaded; those who wait go on whatever the end.
class ReaderDirectory::Loading {
 public:
  explicit Loading(Slot& slot) : slot_(slot) { slot_.loading = true; }
  ~Loading() {
    slot_.loading = false;
    slot_.loaded.notify();
  }
  Loading(const Loading&) = delete;
  Loading& operator=(const Loading&) = delete;

 private:
  Slot& slot_;
};

ReaderDirectory::ReaderDirectory(boost::asio::any_io_executor executor, storage::NlpRepository& settings,
                                 const Clock& clock, bool enabled, bool asks_provider)
    : executor_(std::move(executor)),
      settings_(settings),
      clock_(clock),
      enabled_(enabled),
      asks_provider_(asks_provider),
      masking_(std::make_shared<const MaskingReader>()) {}

void ReaderDirectory::forget() {
  ++generation_;
  for (auto& [tenant_id, slot] : slots_) slot->failed_until.reset();
}

Task<ReaderPtr> ReaderDirectory::open(std::string tenant_id) {
  auto& known = slots_[tenant_id];
  if (!known) known = std::make_shared<Slot>(executor_);
  auto slot = known;
  for (;;) {
    if (slot->reader) {
      if (slot->generation == generation_ || slot->loading) co_return slot->reader;
      if (slot->failed_until && clock_.now() < *slot->failed_until) co_return slot->reader;
    }
    if (slot->loading)
      co_await slot->loaded.wait(1s);
    else
      co_await load(tenant_id, slot);
  }
}

Task<std::shared_ptr<const storage::MessageReader>> ReaderDirectory::for_messages(std::string tenant_id) {
  if (!enabled_) co_return masking_;
  auto reader = co_await open(std::move(tenant_id));
  co_return reader;
}

Task<> ReaderDirectory::load(std::string tenant_id, std::shared_ptr<Slot> slot) {
  Loading loading(*slot);
  const auto generation = generation_;
  std::optional<std::string> failure;
  try {
    std::string known = slot->reader ? slot->reader->model()->version() : std::string();
    auto settings = std::make_shared<storage::NlpSettings>();
    *settings = co_await settings_.settings(tenant_id, std::move(known));
    auto built = std::make_shared<ReaderPtr>();
    std::function<void()> work = [tenant_id, settings, built, before = slot->reader, asks_provider = asks_provider_] {
      *built = build(tenant_id, std::move(*settings), before, asks_provider);
    };
    co_await thread_.run(std::move(work));
    slot->reader = std::move(*built);
    slot->generation = generation;
    slot->failed_until.reset();
    count_load("loaded");
  } catch (const boost::system::system_error&) {
    throw;  // cancelled
  } catch (const std::exception& fault) {
    failure = fault.what();
  }
  if (!failure) co_return;
  count_load("failed");
  log::warn("nlp.settings_not_loaded", {{"tenant", tenant_id}, {"error", *failure}});
  slot->failed_until = clock_.now() + kAskAgain;
  if (!slot->reader)
    slot->reader = std::make_shared<const Reader>(nlp::Model::embedded(), nullptr, std::vector<storage::IntentAction>(),
                                                  TimeZone(std::string()), asks_provider_);
}

}  // namespace easyflow::understanding
