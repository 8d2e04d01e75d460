#include "core/net/client.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/system/system_error.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/async/deadline.hpp"
#include "core/net/parser.hpp"

namespace easyflow::net {
namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

bool equal_without_case(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

/// Where a request goes. `path` is the only part that may hold a secret.
struct Destination {
  Destination() = default;
  bool tls = false;
  std::string host;  ///< without brackets
  std::string port;
  std::string authority;  ///< as the Host field has it
  std::string path;

  std::string key() const { return (tls ? "https " : "http ") + name(); }
  std::string name() const {
    bool is_v6 = host.find(':') != std::string::npos;
    return (is_v6 ? "[" + host + "]" : host) + ":" + port;
  }
};

Result<Destination> destination_of(const std::string& url) {
  auto refused = [](const char* why) { return Error(ErrorKind::invalid_input, why); };
  auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return refused("the request's URL is not a valid absolute URL");
  const auto& view = *parsed;
  if (view.scheme() != "http" && view.scheme() != "https")
    return refused("the request's URL must start with http:// or https://");
  if (view.host_address().empty()) return refused("the request's URL names no host");
  if (view.has_userinfo()) return refused("the request's URL must not hold a user or password; use a header");
  Destination to;
  to.tls = view.scheme() == "https";
  to.host = view.host_address();
  auto port = view.port();
  to.port = port.empty() ? (to.tls ? "443" : "80") : std::string(port.data(), port.size());
  auto authority = view.encoded_host_and_port();
  to.authority.assign(authority.data(), authority.size());
  auto path = view.encoded_path();
  to.path.assign(path.data(), path.size());
  if (to.path.empty()) to.path = "/";
  if (view.has_query()) {
    auto query = view.encoded_query();
    to.path.append("?").append(query.data(), query.size());
  }
  return to;
}

/// Header names are tokens, values hold no control character: else a value from outside could add fields or requests.
bool is_sendable_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}
bool is_sendable_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t'; });
}

/// A field the client writes itself.
bool is_own_field(std::string_view name) {
  for (auto own : {"Host", "Content-Length", "Connection", "Transfer-Encoding", "Expect"})
    if (equal_without_case(name, own)) return true;
  return false;
}

/// The request line and fields as bytes.
Result<std::string> head_of(const HttpRequest& request, const Destination& to, const std::string& user_agent) {
  if (!is_sendable_name(request.method)) return Error(ErrorKind::invalid_input, "the request's method is not a token");
  auto head = request.method + " " + to.path + " HTTP/1.1\r\nHost: " + to.authority + "\r\n";
  if (!request.headers.contains("User-Agent")) head += "User-Agent: " + user_agent + "\r\n";
  for (const auto& [name, value] : request.headers.all()) {
    if (!is_sendable_name(name)) return Error(ErrorKind::invalid_input, "a request header's name is not a token");
    if (!is_sendable_value(value))
      return Error(ErrorKind::invalid_input,
                   "the value of request header " + name + " holds a line break or another control character");
    if (!is_own_field(name)) head.append(name).append(": ").append(value).append("\r\n");
  }
  bool may_have_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (may_have_body || !request.body.empty()) head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return head + "\r\n";
}

class ResponseParser final : public MessageParser<false, HttpResponse> {
 public:
  using MessageParser::MessageParser;

 private:
  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override { message_.status = code; }
};

/// One connection, plain or TLS.
class Connection {
 public:
  Connection(const asio::any_io_executor& executor, ssl::context* tls_context) : socket(executor) {
    if (tls_context != nullptr) tls.emplace(socket, *tls_context);
  }

  /// False when the other side has closed it or sent something nobody asked for.
  bool is_quiet() {
    error_code error;
    socket.non_blocking(true, error);
    char byte = 0;
    socket.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    return error == asio::error::would_block;
  }

  tcp::socket socket;
  std::optional<ssl::stream<tcp::socket&>> tls;
  boost::beast::flat_buffer buffer;
  SteadyClock::time_point idle_since;
};

using ConnectionPtr = std::shared_ptr<Connection>;

/// What one exchange has come to. Lives outside the coroutine, which a deadline may end at any point.
struct Progress {
  Progress() = default;
  bool connected = false;
  bool handed_over = false;  ///< at least one byte of the request may be on its way
  bool answer_began = false;
  std::optional<HttpResponse> response;
  std::optional<Error> error;
};

Error unavailable(std::string text) { return Error(ErrorKind::unavailable, std::move(text)); }

}  // namespace

class HttpClient::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, ClientOptions options)
      : executor_(executor), options_(std::move(options)), sweep_(executor) {}

  static Task<FetchResult> fetch(std::shared_ptr<Impl> self, HttpRequest request, std::chrono::milliseconds timeout,
                                 bool safe_to_repeat) {
    FetchResult result;
    auto deadline = SteadyClock::now() + timeout;
    auto to = destination_of(request.target);
    if (!to) {
      result.error = to.error();
      co_return result;
    }
    auto head = head_of(request, *to, self->options_.user_agent);
    if (!head) {
      result.error = head.error();
      co_return result;
    }
    bool passed = false;
    Progress progress;
    try {
      co_await with_deadline(self->attempt(request, *to, *head, deadline, safe_to_repeat, progress), deadline);
    } catch (const DeadlinePassed&) {
      passed = true;
    }
    result.may_have_arrived = progress.handed_over;
    if (passed && !progress.response) {
      auto waited = std::to_string(timeout.count()) + " ms";
      result.error =
          Error(ErrorKind::timeout, progress.connected ? to->name() + " did not answer within " + waited
                                                       : "could not connect to " + to->name() + " within " + waited);
      co_return result;
    }
    result.response = std::move(progress.response);
    if (!result.response) result.error = std::move(progress.error);
    co_return result;
  }

  void shut_down() {
    sweep_.cancel();
    idle_.clear();
  }

 private:
  /// On a kept connection first, where there is one; on a new one when that turns out to be dead.
  // borrows: fetch() owns all of it and awaits this
  Task<> attempt(const HttpRequest& request, const Destination& to, const std::string& head,
                 SteadyClock::time_point deadline, bool safe_to_repeat, Progress& progress) {
    if (auto kept = take_kept(to.key())) {
      progress.connected = true;
      bool closed = co_await exchange(kept, request, to, head, progress);
      bool repeat = closed && !progress.answer_began && (safe_to_repeat || !progress.handed_over);
      if (!repeat) co_return;
      // what was handed over stays true: the repetition does not unsend the first
      progress.connected = false;
      progress.error.reset();
    }
    ConnectionPtr fresh;
    bool too_late = false;
    try {
      // where the whole time is the shorter one, its end speaks for itself
      auto limit = SteadyClock::now() + options_.connect_timeout;
      if (deadline <= limit) limit = SteadyClock::time_point::max();
      fresh = co_await with_deadline(connect(to, progress), limit);
    } catch (const DeadlinePassed&) {
      too_late = true;
    }
    if (too_late)
      progress.error = Error(ErrorKind::timeout, "could not connect to " + to.name() + " within " +
                                                     std::to_string(options_.connect_timeout.count()) + " s");
    if (!fresh) co_return;
    progress.connected = true;
    co_await exchange(std::move(fresh), request, to, head, progress);
  }

  /// A connection ready for a request, or null with progress.error set.
  Task<ConnectionPtr> connect(const Destination& to, Progress& progress) {
    error_code error;
    tcp::resolver resolver(executor_);
    auto found = co_await resolver.async_resolve(to.host, to.port, asio::redirect_error(asio::use_awaitable, error));
    throw_if_cancelled(error);
    if (error) {
      progress.error = unavailable("could not find the address of " + to.host + ": " + error.message());
      co_return nullptr;
    }
    ssl::context* context = nullptr;
    if (to.tls) {
      auto ready = tls_context();
      if (!ready) {
        progress.error = ready.error();
        co_return nullptr;
      }
      context = *ready;
    }
    auto connection = std::make_shared<Connection>(executor_, context);
    error = asio::error::host_not_found;
    auto until = SteadyClock::now() + options_.connect_timeout;
    auto left = static_cast<int>(found.size());
    for (const auto& entry : found) {
      // an address family without a route must not eat the time of the other
      auto share = SteadyClock::now() + (until - SteadyClock::now()) / std::max(left--, 1);
      tcp::endpoint endpoint = entry.endpoint();
      error = asio::error::timed_out;
      try {
        error = co_await with_deadline(connect_to(connection, endpoint), share);
      } catch (const DeadlinePassed&) {
        error = asio::error::timed_out;
      }
      if (!error) break;
      error_code ignored;
      connection->socket.close(ignored);
    }
    if (error) {
      progress.error = unavailable("could not connect to " + to.name() + ": " + error.message());
      co_return nullptr;
    }
    error_code ignored;
    connection->socket.set_option(tcp::no_delay(true), ignored);
    if (!to.tls) co_return connection;

    auto& tls = *connection->tls;
    error_code not_an_address;
    asio::ip::make_address(to.host, not_an_address);
    // server name indication is for names only (RFC 6066, section 3)
    if (not_an_address && SSL_set_tlsext_host_name(tls.native_handle(), to.host.c_str()) != 1) {
      progress.error = unavailable("could not set the TLS server name of " + to.name());
      co_return nullptr;
    }
    tls.set_verify_callback(ssl::host_name_verification(to.host), ignored);
    co_await tls.async_handshake(ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
    throw_if_cancelled(error);
    if (error) {
      progress.error = unavailable("TLS with " + to.name() + " failed: " + tls_failure(*connection, error));
      co_return nullptr;
    }
    co_return connection;
  }

  static Task<error_code> connect_to(ConnectionPtr connection, tcp::endpoint endpoint) {
    error_code error;
    co_await connection->socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    throw_if_cancelled(error);
    co_return error;
  }

  /// One request and its answer. True when the connection ended before the answer was complete.
  // borrows: what attempt() was lent; it awaits this
  Task<bool> exchange(ConnectionPtr connection, const HttpRequest& request, const Destination& to,
                      const std::string& head, Progress& progress) {
    error_code write_error = co_await send(connection, head, request.body, progress);
    if (write_error && !progress.handed_over) {
      progress.error = unavailable("the connection to " + to.name() + " broke: " + write_error.message());
      co_return true;
    }
    // After a failed write too: a server that refuses a long request answers and closes before it has read it all.
    auto parser = std::make_unique<ResponseParser>(limits());
    if (request.method == "HEAD") parser->skip(true);
    auto& buffer = connection->buffer;
    for (;;) {
      error_code error;
      if (buffer.size() > 0) {
        progress.answer_began = true;
        buffer.consume(parser->put(buffer.data(), error));
        if (error && error != http::error::need_more) {
          progress.error = parse_failure(to, error);
          co_return false;
        }
        if (!error && parser->is_done()) {
          if (parser->message().status / 100 != 1) break;
          // an interim answer (100, 103); the real one follows
          parser = std::make_unique<ResponseParser>(limits());
          if (request.method == "HEAD") parser->skip(true);
          continue;
        }
        if (buffer.size() > kMaxHeaderBytes + kReadBytes) {
          progress.error = parse_failure(to, http::error::bad_chunk_extension);
          co_return false;
        }
      }
      std::size_t count = co_await read_some(connection, error);
      buffer.commit(count);
      throw_if_cancelled(error);
      if (!error) continue;
      // only a clean end may end a body of unknown length: over TLS, an attacker can cut the connection
      bool clean = error == asio::error::eof;
      if (clean && parser->got_some() && parser->is_header_done() && parser->need_eof()) {
        parser->put_eof(error);
        if (!error) break;
      }
      progress.error = unavailable(to.name() + ": connection closed before the answer was complete");
      co_return true;
    }
    bool keep = !write_error && parser->keep_alive() && buffer.size() == 0;
    progress.response = std::move(parser->message());
    if (keep) give_back(to.key(), std::move(connection));
    co_return false;
  }

  /// Writes the request. Notes in `progress` from the first byte that may have left.
  // borrows: what exchange() was lent; it awaits this
  static Task<error_code> send(ConnectionPtr connection, const std::string& head, const std::string& body,
                               Progress& progress) {
    std::size_t sent = 0;
    std::size_t whole = head.size() + body.size();
    error_code error;
    while (sent < whole && !error) {
      std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body)};
      parts[0] += std::min(sent, head.size());
      parts[1] += sent - std::min(sent, head.size());
      std::size_t count = 0;
      if (connection->tls) {
        // a record may be on its way although the call has not returned
        progress.handed_over = true;
        count = co_await connection->tls->async_write_some(parts, asio::redirect_error(asio::use_awaitable, error));
      } else {
        count = co_await connection->socket.async_write_some(parts, asio::redirect_error(asio::use_awaitable, error));
      }
      if (count > 0) progress.handed_over = true;
      sent += count;
      throw_if_cancelled(error);
    }
    co_return error;
  }

  static Task<std::size_t> read_some(ConnectionPtr connection, error_code& error) {
    auto room = connection->buffer.prepare(kReadBytes);
    std::size_t count = 0;
    if (connection->tls) {
      count = co_await connection->tls->async_read_some(room, asio::redirect_error(asio::use_awaitable, error));
    } else {
      count = co_await connection->socket.async_read_some(room, asio::redirect_error(asio::use_awaitable, error));
    }
    co_return count;
  }

  static void throw_if_cancelled(error_code error) {
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
  }

  MessageLimits limits() const { return {kMaxHeaderBytes, options_.max_response_bytes}; }

  Error parse_failure(const Destination& to, error_code error) const {
    if (error == http::error::body_limit)
      return Error(ErrorKind::protocol, "the answer of " + to.name() + " is larger than " +
                                            std::to_string(options_.max_response_bytes) + " bytes");
    return Error(ErrorKind::protocol, "the answer of " + to.name() + " is not valid HTTP: " + error.message());
  }

  static std::string tls_failure(Connection& connection, error_code error) {
    auto verified = SSL_get_verify_result(connection.tls->native_handle());
    if (verified != X509_V_OK) {
      return std::string("its certificate is not trusted (") + X509_verify_cert_error_string(verified) + ")";
    }
    return error.message();
  }

  /// Made at the first https request: reading the system's authorities takes time and memory.
  Result<ssl::context*> tls_context() {
    if (!tls_context_) {
      auto context = std::make_unique<ssl::context>(ssl::context::tls_client);
      error_code error;
      context->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1,
                           error);
      context->set_verify_mode(ssl::verify_peer, error);
      context->set_default_verify_paths(error);
      if (error) return unavailable("the system's certificate authorities cannot be read: " + error.message());
      if (!options_.extra_ca_file.empty()) context->load_verify_file(options_.extra_ca_file, error);
      if (error)
        return unavailable("the certificate authorities in " + options_.extra_ca_file +
                           " cannot be read: " + error.message());
      tls_context_ = std::move(context);
    }
    return tls_context_.get();
  }

  ConnectionPtr take_kept(const std::string& key) {
    auto found = idle_.find(key);
    while (found != idle_.end() && !found->second.empty()) {
      // the youngest first: it is the least likely to have been closed
      auto connection = std::move(found->second.back());
      found->second.pop_back();
      bool fresh = SteadyClock::now() - connection->idle_since < options_.idle_timeout;
      if (fresh && connection->is_quiet()) return connection;
    }
    return nullptr;
  }

  void give_back(const std::string& key, ConnectionPtr connection) {
    auto& kept = idle_[key];
    if (kept.size() >= options_.max_idle_per_host) return;
    connection->idle_since = SteadyClock::now();
    kept.push_back(std::move(connection));
    if (!sweeping_) sweep();
  }

  /// Closes what nobody has used for long, while there is any.
  void sweep() {
    sweeping_ = true;
    sweep_.expires_after(options_.idle_timeout);
    sweep_.async_wait([weak = weak_from_this()](error_code cancelled) {
      auto self = weak.lock();
      if (!self || cancelled) return;
      auto oldest = SteadyClock::now() - self->options_.idle_timeout;
      for (auto& [key, kept] : self->idle_)
        std::erase_if(kept, [&](const ConnectionPtr& connection) { return connection->idle_since <= oldest; });
      std::erase_if(self->idle_, [](const auto& entry) { return entry.second.empty(); });
      self->sweeping_ = false;
      if (!self->idle_.empty()) self->sweep();
    });
  }

  asio::any_io_executor executor_;
  ClientOptions options_;
  std::unique_ptr<ssl::context> tls_context_;
  std::map<std::string, std::vector<ConnectionPtr>> idle_;
  asio::steady_timer sweep_;
  bool sweeping_ = false;
};

HttpClient::HttpClient(asio::any_io_executor executor, ClientOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}

HttpClient::~HttpClient() { impl_->shut_down(); }

Task<FetchResult> HttpClient::fetch(HttpRequest request, std::chrono::milliseconds timeout, bool safe_to_repeat) {
  return Impl::fetch(impl_, std::move(request), timeout, safe_to_repeat);
}

}  // namespace easyflow::net
