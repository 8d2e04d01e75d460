// HTTP(S) client with kept connections. TLS verifies chain and host name with the system's trust store.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "core/async/task.hpp"
#include "core/base/error.hpp"
#include "core/base/http_message.hpp"

namespace easyflow::net {

/// What came of one exchange. Without a response, `error` says why and `may_have_arrived` whether the other side
/// can have seen the request: false only when it is certain that not a byte of it was written.
struct FetchResult {
  FetchResult() = default;
  std::optional<HttpResponse> response;
  std::optional<Error> error;  ///< timeout, unavailable or protocol; its text holds host and port, never the path
  bool may_have_arrived = false;
};

struct ClientOptions {
  std::size_t max_response_bytes = 32 * 1024 * 1024;
  std::size_t max_idle_per_host = 8;
  std::chrono::seconds idle_timeout{30};
  std::chrono::seconds connect_timeout{10};
  std::string user_agent = "easyflow";
  std::string extra_ca_file;  ///< PEM file of authorities trusted besides the system's; empty for none
};

/// Thread: all on the given executor, which must be one thread. Outlives the tasks it returned.
class HttpClient {
 public:
  explicit HttpClient(boost::asio::any_io_executor executor, ClientOptions options = {});
  ~HttpClient();

  /// Sends `request` (target is an absolute http or https URL) and reads the whole answer within `timeout`.
  /// A kept connection that turns out to be closed is replaced once, and only while nothing of the answer was read
  /// and `safe_to_repeat` holds. Redirects are not followed. Never throws for what the network does; throws
  /// system_error(operation_aborted) when the caller itself is cancelled.
  Task<FetchResult> fetch(HttpRequest request, std::chrono::milliseconds timeout, bool safe_to_repeat);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace easyflow::net
