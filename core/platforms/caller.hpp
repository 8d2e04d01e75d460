// Calls to platforms: budget, request, wait headers, retries. Whatever reads from a platform or sets it up goes
// through here; sends, which must never be repeated, are core/messaging's own.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "core/async/task.hpp"
#include "core/base/error.hpp"
#include "core/net/client.hpp"
#include "core/platforms/accounts.hpp"
#include "storage/repositories/budgets.hpp"

namespace easyflow::platforms {

/// How long a walk may wait and how often it may try.
struct Patience {
  std::chrono::seconds longest_wait{60};   ///< one wait for a budget or after a 429; longer ones end in rate_limited
  std::chrono::minutes longest_total{10};  ///< all waits of one walk together, then rate_limited
  int attempts = 4;                        ///< tries of one request that ends unavailable or timed out
  storage::Lane lane = storage::Lane::background;
};

/// What one walk cost.
struct CallTotals {
  int requests = 0;
  int rate_limited = 0;
  std::chrono::milliseconds waited{0};
};

/// Takes from the account's budget before every call, obeys wait headers for the account, and repeats what is safe to
/// repeat: 1 s doubling to 60 s with jitter. A 429 is a delay, not a failed attempt. Thread: the I/O thread.
class PlatformCaller {
 public:
  PlatformCaller(net::HttpClient& client, storage::BudgetRepository& budgets);

  /// Drives an exchange to its value.
  template <class Out>
  Task<Result<Out>> run(AccountPtr account, std::shared_ptr<sdk::Exchange<Out>> exchange, Patience patience) {
    std::optional<HttpResponse> reply;
    auto totals = std::make_shared<CallTotals>();
    for (;;) {
      auto step = co_await advance(account, *exchange, reply, patience, totals);
      if (!step) co_return step.error();
      if (auto* out = std::get_if<Out>(&*step)) co_return std::move(*out);
    }
  }

  /// One step of a walk: asks it, and carries out the Request or Wait it wants. Returns the step; after a Request,
  /// `reply` holds the answer for the next call. `Walk` is an Exchange or a StreamWalk.
  template <class Walk>
  Task<Result<typename Walk::Step>> advance(AccountPtr account, Walk& walk, std::optional<HttpResponse>& reply,
                                            Patience patience, std::shared_ptr<CallTotals> totals) {
    int failures = 0;
    for (;;) {
      auto step = walk.next(reply ? &*reply : nullptr);
      reply.reset();
      if (!step) {
        auto again = co_await recover(account, step.error(), failures, patience, totals);
        if (!again) co_return step.error();
        continue;
      }
      if (auto* wait = std::get_if<sdk::Wait>(&*step)) {
        co_await pause(wait->duration, totals);
        continue;
      }
      if (auto* request = std::get_if<sdk::Request>(&*step)) {
        auto answer = co_await call(account, *request, patience, totals);
        if (!answer) co_return answer.error();
        reply = std::move(*answer);
        continue;
      }
      co_return std::move(*step);
    }
  }

 private:
  Task<Result<HttpResponse>> call(AccountPtr account, sdk::Request request, Patience patience,
                                  std::shared_ptr<CallTotals> totals);
  Task<bool> recover(AccountPtr account, Error error, int& failures, Patience patience,
                     std::shared_ptr<CallTotals> totals);
  Task<> pause(std::chrono::milliseconds duration, std::shared_ptr<CallTotals> totals);

  net::HttpClient& client_;
  storage::BudgetRepository& budgets_;
  /// Budgets of each integration's last 429, until its wait time was read from the answer.
  std::map<std::string, std::string> last_buckets_;
};

}  // namespace easyflow::platforms
