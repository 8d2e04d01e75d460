#include "core/ingest/webhooks.hpp"

#include <chrono>

#include "core/base/log.hpp"
#include "core/base/metrics.hpp"
#include "core/ingest/intake.hpp"
#include "core/net/problem.hpp"

namespace easyflow::ingest {
namespace {

/// Between two lines in the log about an outage.
constexpr auto kQuiet = std::chrono::minutes(1);

}  // namespace

WebhookHandler::WebhookHandler(platforms::AccountDirectory& accounts, understanding::ReaderDirectory& readers,
                               IngestBatcher& batcher, crypto::Vault& vault, const Clock& clock)
    : accounts_(accounts), readers_(readers), batcher_(batcher), vault_(vault), clock_(clock) {}

Task<Result<platforms::AccountPtr>> WebhookHandler::receiver(std::string path) {
  try {
    auto account = co_await accounts_.open_by_path(std::move(path));
    co_return account;
  } catch (const storage::StorageDown& down) {
    // platforms repeat what is refused: a line for each would fill the disk
    const auto now = clock_.now();
    if (now >= quiet_until_) {
      log::warn("ingest.receiver_unknown", {{"error", down.what()}});
      quiet_until_ = now + kQuiet;
    }
  }
  co_return Error(ErrorKind::unavailable, "The hub can't look up who receives this now. Send it again.");
}

Task<HttpResponse> WebhookHandler::handle(std::string platform, std::string path, HttpRequest request) {
  auto account = co_await receiver(std::move(path));
  if (!account) co_return net::problem_from(account.error());
  const auto& open = **account;
  const auto* webhooks = open.connector->webhooks();
  if (webhooks == nullptr || open.integration.platform_id != platform)
    co_return net::problem_from(Error(ErrorKind::not_found, "No integration receives webhooks at this address."));

  if (auto proven = webhooks->authenticate(open.account, request); !proven) {
    metrics::counter("easyflow_ingest_refused_total", "Webhooks not proven to come from the platform",
                     {{"platform", platform}})
        .increment();
    co_return net::problem_from(proven.error());
  }
  auto events = webhooks->decode(request.body);
  if (!events)
    log::warn("ingest.quarantined", {{"integration", open.integration.id}, {"reason", events.error().message()}});
  auto reader = co_await readers_.for_messages(open.integration.tenant_id);
  auto delivery = make_delivery(open, vault_, std::move(reader), request.body, std::move(events), clock_.now());
  if (!delivery) co_return net::problem_from(delivery.error());
  auto recorded = co_await batcher_.record(std::move(*delivery));
  if (!recorded) co_return net::problem_from(recorded.error());
  HttpResponse ok(200, "{\"ok\":true}");
  ok.headers.add("Content-Type", "application/json");
  co_return ok;
}

}  // namespace easyflow::ingest
