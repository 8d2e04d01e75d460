#include "core/platforms/caller.hpp"

#include <algorithm>
#include <random>

#include "core/async/task_group.hpp"
#include "core/base/metrics.hpp"

namespace easyflow::platforms {
namespace {

using std::chrono::milliseconds;

/// 1 s, 2 s, 4 s ... up to 60 s, shortened by up to a quarter so that accounts do not call in step.
milliseconds backoff(int failures) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  auto full = std::min<std::int64_t>(60'000, std::int64_t{1000} << std::min(failures - 1, 10));
  return milliseconds(full - std::uniform_int_distribution<std::int64_t>(0, full / 4)(random));
}

void count(const OpenAccount& account, const char* outcome) {
  metrics::counter("easyflow_platform_calls_total", "Requests sent to platforms",
                   {{"platform", account.integration.platform_id}, {"outcome", outcome}})
      .increment();
}

}  // namespace

PlatformCaller::PlatformCaller(net::HttpClient& client, storage::BudgetRepository& budgets)
    : client_(client), budgets_(budgets) {}

Task<> PlatformCaller::pause(milliseconds duration, std::shared_ptr<CallTotals> totals) {
  totals->waited += duration;
  co_await sleep_for(duration);
}

Task<Result<HttpResponse>> PlatformCaller::call(AccountPtr account, sdk::Request request, Patience patience,
                                                std::shared_ptr<CallTotals> totals) {
  const auto& row = account->integration;
  const auto buckets = storage::buckets_json(account->connector->manifest(), request);
  for (int failures = 0;;) {
    auto wait = co_await budgets_.take(patience.lane, row.tenant_id, row.id, buckets);
    if (wait > milliseconds(0)) {
      if (wait > patience.longest_wait || totals->waited > patience.longest_total)
        co_return Error(ErrorKind::rate_limited, "The account's budget for this call is used up.",
                        std::chrono::ceil<std::chrono::seconds>(wait));
      co_await pause(wait, totals);
      continue;
    }
    ++totals->requests;
    auto fetched = co_await client_.fetch(request.http, request.timeout, request.safe_to_repeat);
    if (fetched.response) {
      if (fetched.response->status == 429) {
        // whoever calls next for this account, here or on another node, must wait as long as the platform said
        ++totals->rate_limited;
        count(*account, "rate_limited");
        last_buckets_[row.id] = buckets;
      } else {
        count(*account, fetched.response->status < 400 ? "ok" : fetched.response->status < 500 ? "refused" : "failed");
      }
      co_return std::move(*fetched.response);
    }
    count(*account, "unreachable");
    if (!request.safe_to_repeat || ++failures >= patience.attempts) co_return *fetched.error;
    co_await pause(backoff(failures), totals);
  }
}

Task<bool> PlatformCaller::recover(AccountPtr account, Error error, int& failures, Patience patience,
                                   std::shared_ptr<CallTotals> totals) {
  const auto& row = account->integration;
  if (error.kind() == ErrorKind::rate_limited) {
    milliseconds wait = error.retry_after().value_or(std::chrono::seconds(5));
    if (auto blocked = last_buckets_.extract(row.id); !blocked.empty())
      co_await budgets_.block(row.tenant_id, row.id, std::move(blocked.mapped()), wait);
    if (wait > patience.longest_wait || totals->waited > patience.longest_total) co_return false;
    co_await pause(wait, totals);
    co_return true;
  }
  bool passing = error.kind() == ErrorKind::unavailable || error.kind() == ErrorKind::timeout;
  if (!passing || ++failures >= patience.attempts) co_return false;
  co_await pause(backoff(failures), totals);
  co_return true;
}

}  // namespace easyflow::platforms
