// HTTP/1.1 server over coroutines. Beast stays inside core/net.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/async/task.hpp"
#include "core/base/http_message.hpp"

namespace easyflow::net {

struct ServerLimits {
  std::size_t max_header_bytes = 16 * 1024;  ///< over it: 431
  std::size_t max_body_bytes = 1024 * 1024;  ///< over it: 413, before the body is read
  std::size_t max_connections = 2048;        ///< over it: 503 and close
  std::chrono::seconds header_timeout{10};   ///< from the first byte to the end of the headers, over it: 408
  std::chrono::seconds body_timeout{20};     ///< over it: 408
  std::chrono::seconds idle_timeout{75};     ///< between requests of a kept connection
  std::chrono::seconds write_timeout{30};
};

/// Answers one request. Whatever it throws becomes a bare 500 problem+json and one log line.
using Handler = std::function<Task<HttpResponse>(HttpRequest)>;

/// Accepts connections on one address until stopped. Refusals made by the server itself (400, 408, 413, 431, 503) are
/// RFC 9457 problem+json naming the limit. Every response carries `X-Request-Id` (the request's own, if it sent a
/// well-formed one) and the handler sees the same id as request header `X-Request-Id`.
/// Thread: all on the given executor, which must be one thread.
class HttpServer {
 public:
  /// Binds at once, so that a port in use is an error of start-up. `port` 0 takes a free one.
  /// Throws std::runtime_error whose text names the address and says what to do.
  HttpServer(boost::asio::any_io_executor executor, std::string address, std::uint16_t port, ServerLimits limits,
             Handler handler);
  /// After start(), stop() must have been awaited: connections left over end the program.
  ~HttpServer();

  std::uint16_t port() const noexcept;
  /// Starts accepting; returns at once.
  void start();
  /// Stops accepting, lets requests in flight finish within `grace`, then closes what is left.
  Task<> stop(std::chrono::milliseconds grace);
  std::size_t open_connections() const noexcept;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace easyflow::net
