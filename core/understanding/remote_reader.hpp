// Asks the provider about messages that are stored already, and writes down what it says.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "core/async/task_group.hpp"
#include "core/base/clock.hpp"
#include "core/understanding/breaker.hpp"
#include "core/understanding/directory.hpp"
#include "core/understanding/masked_text.hpp"
#include "core/understanding/provider.hpp"
#include "storage/repositories/nlp_requests.hpp"

namespace easyflow::understanding {

struct RemoteOptions {
  std::string node;                                 ///< who holds the leases of this hub
  std::chrono::milliseconds poll_interval{10'000};  ///< behind NOTIFY, for what it missed
  std::chrono::milliseconds lease{15'000};          ///< longer than one reading may take
  int max_parallel = 4;
  int max_attempts = 3;                            ///< where asking again may help
  std::chrono::milliseconds ask_again{1'000};      ///< doubles with every attempt
  std::chrono::milliseconds expire_after{60'000};  ///< a message that waited longer keeps the meaning it has
  int breaker_failures = 5;
  std::chrono::milliseconds breaker_pause{30'000};
};

/// Messages are stored with the meaning that the hub's own model found, and never wait for the provider. Here those
/// that shall be read by it too are taken from the table nlp_requests, asked for, and updated. Whatever fails, each
/// request ends within a bounded time: by the provider's verdict, or by a fallback that leaves the message as it is. A
/// hub that dies between answer and commit asks again.
///
/// While the breaker is open nobody waits: the fallback is at once.
/// Thread: the I/O thread.
class RemoteReader {
 public:
  /// Without a provider it ends the requests that an earlier configuration has left.
  RemoteReader(boost::asio::any_io_executor executor, storage::NlpRequestRepository& requests, ReaderDirectory& readers,
               std::unique_ptr<Provider> provider, const Clock& clock, RemoteOptions options);
  ~RemoteReader();

  /// Runs until cancelled.
  Task<> run();
  /// A message was stored that waits: called on NOTIFY nlp_requests.
  void wake();
  /// Ends what is under way and gives the leases back. Call it after run() has ended.
  Task<> close();

  Breaker::State breaker() const { return breaker_.state(); }

 private:
  Task<> look();
  Task<> handle(storage::NlpLease lease);
  Task<> attempt(storage::NlpLease lease);
  Task<> settle(storage::NlpLease lease, RemoteReading reading, MaskedText masked);
  Task<> fall_back(storage::NlpLease lease, std::string outcome, std::string reason, Tokens tokens);
  bool may_ask_again(const storage::NlpLease& lease, const Error& error, std::chrono::milliseconds wait) const;
  void wake_after(std::chrono::milliseconds wait);

  storage::NlpRequestRepository& requests_;
  ReaderDirectory& readers_;
  const std::unique_ptr<Provider> provider_;
  const Clock& clock_;
  const RemoteOptions options_;
  Breaker breaker_;
  TaskGroup readings_;
  Signal changed_;
  Timestamp next_look_;
  int in_flight_ = 0;
};

}  // namespace easyflow::understanding
