#include "core/net/server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/system/system_error.hpp>
#include <list>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "core/async/task_group.hpp"
#include "core/base/ids.hpp"
#include "core/base/log.hpp"
#include "core/base/metrics.hpp"
#include "core/net/parser.hpp"
#include "core/net/problem.hpp"

namespace easyflow::net {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::string_view kRequestId = "X-Request-Id";
/// After an early refusal the rest of the request is thrown away for so long and so far: closing over unread bytes
/// would reset the connection and take the answer with it.
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::size_t kLingerBytes = 16 * 1024 * 1024;
/// Connections over the limit that are told so at one time; further ones are closed without a word.
constexpr std::size_t kMaxTurnedAway = 64;

bool equal_without_case(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

bool is_request_id(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

class RequestParser final : public MessageParser<true, HttpRequest> {
 public:
  using MessageParser::MessageParser;

  /// The sender's id when it is well-formed, else empty.
  std::string take_request_id() { return std::move(request_id_); }
  bool is_http_1_0() const noexcept { return is_http_1_0_; }
  int hosts() const noexcept { return hosts_; }
  bool transfer_coding_is_known() const noexcept { return transfer_coding_is_known_; }
  const std::string& expectation() const noexcept { return expectation_; }

 private:
  bool wants(field id, std::string_view name, std::string_view value) override {
    if (id == field::host) ++hosts_;
    if (id == field::transfer_encoding) transfer_coding_is_known_ = equal_without_case(value, "chunked");
    if (id == field::expect) expectation_ = value;
    if (!equal_without_case(name, kRequestId)) return true;
    if (is_request_id(value)) request_id_ = value;
    return false;
  }
  void on_request_impl(http::verb, string_view method, string_view target, int version, error_code&) override {
    is_http_1_0_ = version < 11;
    for (char c : method) message_.method.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
    message_.target.assign(target.data(), target.size());
    // a proxy's absolute form: what the handlers know is the path
    auto scheme_end = message_.target.find("://");
    if (!message_.target.empty() && message_.target.front() != '/' && scheme_end != std::string::npos) {
      auto path = message_.target.find_first_of("/?", scheme_end + 3);
      message_.target.erase(0, path == std::string::npos ? message_.target.size() : path);
      if (message_.target.empty() || message_.target.front() != '/') message_.target.insert(0, "/");
    }
  }
  void on_response_impl(int, string_view, int, error_code&) override {}

  std::string request_id_;
  std::string expectation_;
  int hosts_ = 0;
  bool is_http_1_0_ = false;
  bool transfer_coding_is_known_ = true;
};

enum class Phase { idle, header, body, handling, writing, lingering };

/// One accepted socket. Its timer is armed for the earliest deadline seen and looks again when it fires, so that a
/// busy connection sets deadlines without touching the timer queue.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(tcp::socket s) : socket(std::move(s)), timer_(socket.get_executor()) {}

  void enter(Phase next, std::chrono::steady_clock::duration limit) {
    phase = next;
    timed_out = false;
    deadline_ = SteadyClock::now() + limit;
    if (deadline_ < armed_for_) arm();
  }
  void enter_without_limit(Phase next) {
    phase = next;
    timed_out = false;
    deadline_ = SteadyClock::time_point::max();
  }
  /// Ends the timer, which else would keep the connection alive.
  void finish() {
    finished_ = true;
    timer_.cancel();
  }

  tcp::socket socket;
  boost::beast::flat_buffer buffer;
  Phase phase = Phase::idle;
  bool timed_out = false;

 private:
  void arm() {
    armed_for_ = deadline_;
    timer_.expires_at(deadline_);
    timer_.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled && !self->finished_) self->on_timer();
    });
  }
  void on_timer() {
    armed_for_ = SteadyClock::time_point::max();
    if (deadline_ == SteadyClock::time_point::max()) return;
    if (SteadyClock::now() < deadline_) return arm();
    timed_out = true;
    error_code ignored;
    socket.cancel(ignored);
  }

  asio::steady_timer timer_;
  SteadyClock::time_point deadline_ = SteadyClock::time_point::max();
  SteadyClock::time_point armed_for_ = SteadyClock::time_point::max();
  bool finished_ = false;
};

using ConnectionPtr = std::shared_ptr<Connection>;

/// What reading a request came to; neither flag: it is complete.
struct ReadOutcome {
  ReadOutcome() = default;
  std::optional<HttpResponse> refusal;
  bool closed = false;
};

std::string seconds_text(std::chrono::seconds limit) { return std::to_string(limit.count()) + " s"; }

HttpResponse refusal_for(error_code error, const ServerLimits& limits) {
  if (error == http::error::body_limit)
    return problem(413, "Body too large",
                   "The body may hold at most " + std::to_string(limits.max_body_bytes) + " bytes; send less at once.");
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return problem(431, "Header fields too large",
                   "The request line and header fields may hold at most " + std::to_string(limits.max_header_bytes) +
                       " bytes; send fewer or shorter ones.");
  if (error == http::error::bad_version)
    return problem(505, "HTTP version not supported", "Send the request as HTTP/1.1 or HTTP/1.0.");
  return problem(400, "Malformed request", "This is not a valid HTTP/1.1 request: " + error.message() + ".");
}

HttpResponse too_slow(Phase phase, const ServerLimits& limits) {
  if (phase == Phase::body)
    return problem(
        408, "Request timeout",
        "The body must arrive within " + seconds_text(limits.body_timeout) + "; send it faster or in parts.");
  return problem(
      408, "Request timeout",
      "The header fields must arrive within " + seconds_text(limits.header_timeout) + "; send them at once.");
}

/// What must hold once the header fields are known, before the body is read.
std::optional<HttpResponse> refusal_of_header(const RequestParser& parser) {
  if (!parser.transfer_coding_is_known())
    return problem(501, "Transfer coding not supported", "The only known Transfer-Encoding is 'chunked'.");
  if (!parser.is_http_1_0() && parser.hosts() != 1)
    return problem(400, "Malformed request", "An HTTP/1.1 request has exactly one Host header field.");
  if (!parser.expectation().empty() && !equal_without_case(parser.expectation(), "100-continue"))
    return problem(417, "Expectation failed", "The only known expectation is '100-continue'.");
  return std::nullopt;
}

/// A field the server writes itself.
bool is_own_field(std::string_view name) {
  for (auto own : {std::string_view("Content-Length"), std::string_view("Connection"),
                   std::string_view("Transfer-Encoding"), kRequestId})
    if (equal_without_case(name, own)) return true;
  return false;
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

/// Throws std::runtime_error when a field would break the message apart.
std::string head_of(const HttpResponse& response, std::string_view request_id, bool keep, bool http_1_0) {
  auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(reason.data(), reason.size());
  for (const auto& [name, value] : response.headers.all()) {
    if (is_own_field(name)) continue;
    if (has_control_character(name) || has_control_character(value))
      throw std::runtime_error("response header with a control character: " + name.substr(0, name.find('\n')));
    head.append("\r\n").append(name).append(": ").append(value);
  }
  bool may_have_body = response.status != 204 && response.status >= 200;
  if (may_have_body) head.append("\r\nContent-Length: ").append(std::to_string(response.body.size()));
  head.append("\r\n").append(kRequestId).append(": ").append(request_id);
  if (!keep) {
    head.append("\r\nConnection: close");
  } else if (http_1_0) {
    head.append("\r\nConnection: keep-alive");
  }
  head.append("\r\n\r\n");
  return head;
}

metrics::Counter& accept_failures() {
  static auto& counter =
      metrics::counter("easyflow_net_accept_failures_total", "Connections that could not be accepted, by attempt.");
  return counter;
}

void count_refusal(int status) {
  metrics::counter("easyflow_net_refusals_total", "Requests the HTTP server refused before a handler saw them.",
                   {{"status", std::to_string(status)}})
      .increment();
}

HttpResponse failed(const std::string& request_id) {
  return problem(500, "Internal error",
                 "The hub failed to answer. Its log tells why, under the request id " + request_id + ".");
}

/// What a person at the keyboard can do about a refused bind.
std::string bind_advice(error_code error) {
  if (error == asio::error::address_in_use) return "stop the program that uses this port, or choose another port";
  if (error == asio::error::access_denied) return "choose a port above 1023, or allow the program to use low ports";
  if (error.value() == EADDRNOTAVAIL)
    return "this machine has no such address; use 127.0.0.1 (this machine only) or 0.0.0.0 (every address)";
  return "check the configured address and port";
}

tcp::endpoint endpoint_of(const std::string& address, std::uint16_t port) {
  error_code error;
  auto ip = asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, error);
  if (error)
    throw std::runtime_error("cannot listen on '" + address +
                             "': not an IP address; use 127.0.0.1 (this machine only) or 0.0.0.0 (every address)");
  return {ip, port};
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(asio::any_io_executor executor, const std::string& address, std::uint16_t port, ServerLimits limits,
       Handler handler)
      : limits_(limits),
        handler_(std::move(handler)),
        executor_(executor),
        acceptor_(executor),
        connection_ended_(executor),
        group_(executor) {
    listen(endpoint_of(address, port));
    auto random = new_uuid();
    id_prefix_ = random.substr(random.size() - 12) + "-";
  }

  std::uint16_t port() const noexcept { return port_; }
  std::size_t open_connections() const noexcept { return connections_.size(); }
  void start() {
    accept_failures();  // shown from the start, at zero
    group_.spawn("http.accept", accept());
  }

  Task<> stop(std::chrono::milliseconds grace) {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    for (const auto& connection : connections_)
      if (connection->phase == Phase::idle || connection->phase == Phase::lingering) connection->socket.cancel(ignored);
    auto deadline = SteadyClock::now() + grace;
    while (!connections_.empty()) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
      if (left.count() <= 0) break;
      co_await connection_ended_.wait(left);
    }
    auto cut = std::count_if(connections_.begin(), connections_.end(), [](const ConnectionPtr& connection) {
      return connection->phase != Phase::idle && connection->phase != Phase::lingering;
    });
    if (cut > 0) log::warn("http.requests_cut_at_stop", {{"requests", cut}});
    co_await group_.close();
  }

 private:
  void listen(const tcp::endpoint& endpoint) {
    auto check = [&](error_code error) {
      if (!error) return;
      std::ostringstream text;
      text << "cannot listen on " << endpoint << ": " << error.message() << "; " << bind_advice(error);
      throw std::runtime_error(text.str());
    };
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    check(error);
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    check(error);
    acceptor_.bind(endpoint, error);
    check(error);
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
    check(error);
    port_ = acceptor_.local_endpoint().port();
  }

  Task<> accept() {
    constexpr std::chrono::milliseconds kPauseAfterError{100};
    bool failing = false;
    while (!stopping_) {
      error_code error;
      auto socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (stopping_ || error == asio::error::operation_aborted) co_return;
      if (!error) {
        failing = false;
        take(std::move(socket));
        continue;
      }
      if (error == asio::error::connection_aborted) continue;
      accept_failures().increment();
      // most likely out of file descriptors: the connections at work will free some
      if (!std::exchange(failing, true)) log::error("http.accept_failed", {{"error", error.message()}});
      co_await sleep_for(kPauseAfterError);
    }
  }

  void take(tcp::socket socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(std::move(socket));
    if (connections_.size() - turned_away_ < limits_.max_connections) {
      group_.spawn("http.connection", serve(std::move(connection)));
    } else if (turned_away_ < kMaxTurnedAway) {
      ++turned_away_;
      group_.spawn("http.turn_away", turn_away(std::move(connection)));
    }
  }

  /// Keeps the connection in the list that stop() looks at.
  class Listed {
   public:
    Listed(Impl& impl, ConnectionPtr connection)
        : impl_(impl), place_(impl.connections_.insert(impl.connections_.end(), std::move(connection))) {}
    ~Listed() {
      (*place_)->finish();
      impl_.connections_.erase(place_);
      if (impl_.stopping_) impl_.connection_ended_.notify();
    }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;

   private:
    Impl& impl_;
    std::list<ConnectionPtr>::iterator place_;
  };

  Task<> serve(ConnectionPtr connection) {
    Listed listed(*this, connection);
    while (!stopping_) {
      RequestParser parser(MessageLimits{limits_.max_header_bytes, limits_.max_body_bytes});
      ReadOutcome outcome = co_await read(connection, parser);
      if (outcome.closed) co_return;
      auto request_id = parser.take_request_id();
      if (request_id.empty()) request_id = id_prefix_ + std::to_string(++last_id_);
      if (outcome.refusal) {
        count_refusal(outcome.refusal->status);
        bool head_request = parser.message().method == "HEAD";
        bool sent = co_await write(connection, *std::move(outcome.refusal), request_id, head_request, /*keep=*/false,
                                   /*http_1_0=*/false);
        if (sent) co_await linger(connection);
        co_return;
      }
      bool http_1_0 = parser.is_http_1_0();
      bool wants_more = parser.keep_alive();
      bool head_request = parser.message().method == "HEAD";
      connection->enter_without_limit(Phase::handling);
      HttpResponse response = co_await answer(std::move(parser.message()), request_id);
      bool keep = wants_more && !stopping_;
      bool sent = co_await write(connection, std::move(response), std::move(request_id), head_request, keep, http_1_0);
      if (!sent) co_return;
      if (!keep) {
        // a pipelining client may have sent more than will be answered
        co_await linger(connection);
        co_return;
      }
    }
  }

  Task<> turn_away(ConnectionPtr connection) {
    Listed listed(*this, connection);
    struct Counted {
      explicit Counted(std::size_t& c) : count(c) {}
      ~Counted() { --count; }
      std::size_t& count;
    } counted(turned_away_);
    auto response = problem(503, "Too many connections",
                            "The server keeps at most " + std::to_string(limits_.max_connections) +
                                " connections; close some, reuse those you have, or come back later.");
    response.headers.add("Retry-After", "1");
    count_refusal(response.status);
    auto request_id = id_prefix_ + std::to_string(++last_id_);
    bool sent = co_await write(connection, std::move(response), std::move(request_id), /*head_request=*/false,
                               /*keep=*/false, /*http_1_0=*/false);
    if (sent) co_await linger(connection);
  }

  Task<ReadOutcome> read(ConnectionPtr connection, RequestParser& parser) {
    ReadOutcome outcome;
    auto& buffer = connection->buffer;
    if (buffer.size() == 0) {
      connection->enter(Phase::idle, limits_.idle_timeout);
    } else {
      connection->enter(Phase::header, limits_.header_timeout);
    }
    for (;;) {
      if (buffer.size() > 0) {
        error_code error;
        buffer.consume(parser.put(buffer.data(), error));
        if (!error && parser.is_header_done() && connection->phase == Phase::header) {
          outcome.refusal = refusal_of_header(parser);
          if (outcome.refusal) co_return outcome;
        }
        if (!error && parser.is_done()) co_return outcome;
        // bytes that never become a line: chunk extensions without an end
        if (error == http::error::need_more && buffer.size() > limits_.max_header_bytes + kReadBytes)
          error = http::error::bad_chunk_extension;
        if (error && error != http::error::need_more) {
          outcome.refusal = refusal_for(error, limits_);
          co_return outcome;
        }
        if (parser.is_header_done() && connection->phase == Phase::header) {
          connection->enter(Phase::body, limits_.body_timeout);
          if (!parser.expectation().empty() && !parser.is_http_1_0()) {
            static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
            co_await asio::async_write(connection->socket, asio::buffer(kContinue),
                                       asio::redirect_error(asio::use_awaitable, error));
            outcome.closed = static_cast<bool>(error);
            if (outcome.closed) co_return outcome;
          }
        }
      }
      error_code error;
      auto room = buffer.prepare(kReadBytes);
      std::size_t count =
          co_await connection->socket.async_read_some(room, asio::redirect_error(asio::use_awaitable, error));
      buffer.commit(count);
      if (connection->timed_out && connection->phase != Phase::idle) {
        outcome.refusal = too_slow(connection->phase, limits_);
        co_return outcome;
      }
      if (error) {
        outcome.closed = true;
        co_return outcome;
      }
      if (connection->phase == Phase::idle) connection->enter(Phase::header, limits_.header_timeout);
    }
  }

  /// The handler's answer, or a bare 500.
  Task<HttpResponse> answer(HttpRequest request, std::string request_id) {
    auto method = request.method;
    request.headers.add(std::string(kRequestId), request_id);
    std::string failure;
    try {
      co_return co_await handler_(std::move(request));
    } catch (const boost::system::system_error& e) {
      // the stop's grace is over: that is cancellation, not a failure
      if (e.code() == asio::error::operation_aborted && stopping_) throw;
      failure = e.what();
    } catch (const std::exception& e) {
      failure = e.what();
    }
    // without the path: it may hold a webhook's secret
    log::error("http.handler_failed", {{"request_id", request_id}, {"method", method}, {"error", failure}});
    co_return failed(request_id);
  }

  /// True when the whole response was handed to the socket.
  Task<bool> write(ConnectionPtr connection, HttpResponse response, std::string request_id, bool head_request,
                   bool keep, bool http_1_0) {
    std::string head;
    try {
      head = head_of(response, request_id, keep, http_1_0);
    } catch (const std::runtime_error& e) {
      log::error("http.handler_failed", {{"request_id", request_id}, {"error", e.what()}});
      response = failed(request_id);
      head = head_of(response, request_id, keep, http_1_0);
    }
    bool without_body = head_request || response.status == 204 || response.status == 304 || response.status < 200;
    std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(response.body)};
    if (without_body) parts[1] = asio::const_buffer();
    connection->enter(Phase::writing, limits_.write_timeout);
    error_code error;
    co_await asio::async_write(connection->socket, parts, asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  /// Says that nothing follows and lets the client read the answer before the socket is closed.
  Task<> linger(ConnectionPtr connection) {
    error_code error;
    connection->socket.shutdown(tcp::socket::shutdown_send, error);
    connection->buffer.clear();
    if (stopping_) co_return;
    connection->enter(Phase::lingering, kLingerTime);
    for (std::size_t thrown_away = 0; !error && !connection->timed_out && thrown_away < kLingerBytes;) {
      auto room = connection->buffer.prepare(kReadBytes);
      thrown_away +=
          co_await connection->socket.async_read_some(room, asio::redirect_error(asio::use_awaitable, error));
    }
  }

  const ServerLimits limits_;
  const Handler handler_;
  asio::any_io_executor executor_;
  tcp::acceptor acceptor_;
  Signal connection_ended_;
  std::list<ConnectionPtr> connections_;
  TaskGroup group_;
  std::string id_prefix_;
  std::uint64_t last_id_ = 0;
  std::size_t turned_away_ = 0;
  std::uint16_t port_ = 0;
  bool stopping_ = false;
};

HttpServer::HttpServer(asio::any_io_executor executor, std::string address, std::uint16_t port, ServerLimits limits,
                       Handler handler)
    : impl_(std::make_shared<Impl>(std::move(executor), address, port, limits, std::move(handler))) {}

HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const noexcept { return impl_->port(); }
void HttpServer::start() { impl_->start(); }
Task<> HttpServer::stop(std::chrono::milliseconds grace) { return impl_->stop(grace); }
std::size_t HttpServer::open_connections() const noexcept { return impl_->open_connections(); }

}  // namespace easyflow::net
