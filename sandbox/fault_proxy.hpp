// A TCP proxy that disturbs: put in front of any server to see what its clients do when the network fails.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/async/task.hpp"

namespace easyflow::sandbox {

/// What happens to the answer of one request.
struct Disturbance {
  std::chrono::milliseconds delay{0};    ///< the answer waits this long; the request has arrived at once
  std::optional<std::size_t> cut_after;  ///< the connection is reset after this many bytes of the answer
};

/// Forwards every connection of a loopback port to `target_port` on this machine, byte for byte, unless told otherwise.
/// \code
///   FaultProxy proxy(executor, "127.0.0.1", 0, server.port());
///   proxy.start();
///   // clients use proxy.port()
///   proxy.reset_connections();
///   co_await proxy.stop();
/// \endcode
/// Thread: all on the given executor, which must be one thread. stop() must be awaited before destruction.
class FaultProxy {
 public:
  /// Asked about each piece that arrives from a client while it runs; a piece is what one read returned, so a small
  /// request is one piece.
  using Decide = std::function<Disturbance(std::string_view piece)>;

  /// Binds at once; `port` 0 takes a free one. Throws std::runtime_error naming the address when it is in use.
  FaultProxy(boost::asio::any_io_executor executor, std::string address, std::uint16_t port, std::uint16_t target_port,
             Decide decide = {});
  ~FaultProxy();

  std::uint16_t port() const noexcept;
  void start();
  Task<> stop();

  /// Resets all connections that are open now.
  void reset_connections();
  /// While true, new connections are reset at once: the server looks down.
  void refuse(bool refusing) noexcept;
  std::size_t open_connections() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace easyflow::sandbox
