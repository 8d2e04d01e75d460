// The local stand-ins of Wildberries and Telegram as real HTTP servers on loopback.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/async/task.hpp"
#include "core/base/clock.hpp"
#include "sandbox/faults.hpp"

namespace easyflow::sandbox {

struct SandboxOptions {
  std::string address = "127.0.0.1";   ///< the control API answers only when this is a loopback address
  std::uint16_t wildberries_port = 0;  ///< 0: a free one
  std::uint16_t telegram_port = 0;
  std::uint64_t seed = 1;
  int initial_orders = 120;  ///< of the last 60 days
  int products = 40;
  int buyers = 12;
  int initial_messages = 6;                         ///< waiting for the bot from the start
  std::chrono::milliseconds order_every{20'000};    ///< 0: only on demand; every sixth time a card changes too
  std::chrono::milliseconds message_every{15'000};  ///< 0: only on demand
  /// Buyers press buttons and answer the bot after this time or up to four times it; 0: never.
  std::chrono::milliseconds react_after{2000};
  FaultPlan faults;
  std::string state_file;  ///< keeps the orders made at run time over a restart; empty: kept in memory only
};

/// Both platforms over one shop. Speaks the platforms' own paths, plus a control API under /sandbox/ on either port
/// (docs/sandbox.md). Tokens depend on the seed alone: a hub connected once stays connected.
/// \code
///   Sandbox sandbox(executor, SandboxOptions{}, clock);
///   sandbox.start();
///   // Wildberries: http://127.0.0.1:<wildberries_port()>, Telegram: http://127.0.0.1:<telegram_port()>
///   co_await sandbox.stop();
/// \endcode
/// Thread: all on the given executor, which must be one thread. stop() must be awaited before destruction.
class Sandbox {
 public:
  /// Binds both ports. `clock` must outlive it: orders, messages, limits and life times follow this clock; waits
  /// between them are real. Throws std::runtime_error when a port is in use or the state file cannot be read.
  Sandbox(boost::asio::any_io_executor executor, SandboxOptions options, const Clock& clock);
  ~Sandbox();

  void start();
  Task<> stop();

  std::uint16_t wildberries_port() const noexcept;
  std::uint16_t telegram_port() const noexcept;
  /// A test token (180 days from today). Any token of the same seed that has not expired is accepted.
  std::string wildberries_token() const;
  std::string telegram_token() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace easyflow::sandbox
