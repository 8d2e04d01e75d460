#include "sandbox/fault_proxy.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <list>
#include <stdexcept>
#include <utility>

#include "core/async/task_group.hpp"

namespace easyflow::sandbox {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPiece = 64 * 1024;

/// Closes with a reset, so that the other side sees a broken connection and not the end of one.
void reset(tcp::socket& socket) {
  error_code ignored;  // a socket that is closed already is what we want
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

void end_sending(tcp::socket& socket) {
  error_code ignored;
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

}  // namespace

class FaultProxy::Impl {
 public:
  Impl(asio::any_io_executor executor, std::string address, std::uint16_t port, std::uint16_t target_port,
       Decide decide)
      : executor_(executor),
        acceptor_(executor),
        target_(asio::ip::make_address("127.0.0.1"), target_port),
        decide_(std::move(decide)),
        tasks_(executor) {
    error_code error;
    tcp::endpoint endpoint(asio::ip::make_address(address, error), port);
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error)
      throw std::runtime_error("cannot listen on " + address + ":" + std::to_string(port) + ": " + error.message() +
                               "; choose another address or port (0 takes a free one)");
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void start() { tasks_.spawn("sandbox.proxy.accept", accept()); }

  Task<> stop() {
    error_code ignored;
    acceptor_.close(ignored);
    reset_connections();
    co_await tasks_.close();
  }

  void reset_connections() {
    for (auto& link : links_) link->reset_both();
  }
  void refuse(bool refusing) noexcept { refusing_ = refusing; }
  std::size_t open_connections() const noexcept { return links_.size(); }

 private:
  struct Link {
    Link(tcp::socket from_client, asio::any_io_executor executor) : client(std::move(from_client)), server(executor) {}
    void reset_both() {
      reset(client);
      reset(server);
    }
    tcp::socket client;
    tcp::socket server;
    Disturbance pending;
    int ended = 0;  ///< directions that are done
  };
  using LinkPtr = std::shared_ptr<Link>;

  Task<> accept() {
    while (acceptor_.is_open()) {
      auto [error, socket] = co_await acceptor_.async_accept(kNoThrow);
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors: the next ones may end meanwhile
        co_await sleep_for(std::chrono::milliseconds(50));
        continue;
      }
      if (refusing_) {
        reset(socket);
        continue;
      }
      auto link = std::make_shared<Link>(std::move(socket), executor_);
      tasks_.spawn("sandbox.proxy.link", serve(link));
    }
  }

  Task<> serve(LinkPtr link) {
    auto [error] = co_await link->server.async_connect(target_, kNoThrow);
    if (error) {
      reset(link->client);
      co_return;
    }
    error_code ignored;
    link->client.set_option(tcp::no_delay(true), ignored);
    link->server.set_option(tcp::no_delay(true), ignored);
    links_.push_back(link);
    if (!tasks_.spawn("sandbox.proxy.answers", answers(link))) link->reset_both();
    co_await requests(link);
  }

  Task<> requests(LinkPtr link) {
    std::string piece(kPiece, '\0');
    for (;;) {
      auto [error, size] = co_await link->client.async_read_some(asio::buffer(piece), kNoThrow);
      if (error == asio::error::eof) {
        end_sending(link->server);
        end(link);
        co_return;
      }
      if (error) break;
      if (decide_) {
        auto wanted = decide_(std::string_view(piece).substr(0, size));
        if (wanted.delay.count() > 0 || wanted.cut_after) link->pending = wanted;
      }
      auto [write_error, written] =
          co_await asio::async_write(link->server, asio::buffer(piece.data(), size), kNoThrow);
      if (write_error) break;
    }
    link->reset_both();
    end(link);
  }

  /// One direction of `link` is done; after both it is forgotten.
  void end(const LinkPtr& link) {
    if (++link->ended == 2) links_.remove(link);
  }

  Task<> answers(LinkPtr link) {
    std::string piece(kPiece, '\0');
    bool cut = false;
    for (;;) {
      auto [error, size] = co_await link->server.async_read_some(asio::buffer(piece), kNoThrow);
      if (error == asio::error::eof && !cut) {
        end_sending(link->client);
        break;
      }
      if (error) {
        link->reset_both();
        break;
      }
      auto delay = std::exchange(link->pending.delay, std::chrono::milliseconds(0));
      if (delay.count() > 0) co_await sleep_for(delay);
      if (link->pending.cut_after) {
        auto allowed = std::min(*link->pending.cut_after, size);
        cut = allowed < size || allowed == *link->pending.cut_after;
        *link->pending.cut_after -= allowed;
        size = allowed;
      }
      auto [write_error, written] =
          co_await asio::async_write(link->client, asio::buffer(piece.data(), size), kNoThrow);
      if (write_error || cut) {
        link->reset_both();
        break;
      }
    }
    end(link);
  }

  asio::any_io_executor executor_;
  tcp::acceptor acceptor_;
  tcp::endpoint target_;
  Decide decide_;
  bool refusing_ = false;
  std::list<LinkPtr> links_;
  TaskGroup tasks_;
};

FaultProxy::FaultProxy(asio::any_io_executor executor, std::string address, std::uint16_t port,
                       std::uint16_t target_port, Decide decide)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(address), port, target_port, std::move(decide))) {}
FaultProxy::~FaultProxy() = default;

std::uint16_t FaultProxy::port() const noexcept { return impl_->port(); }
void FaultProxy::start() { impl_->start(); }
Task<> FaultProxy::stop() { return impl_->stop(); }
void FaultProxy::reset_connections() { impl_->reset_connections(); }
void FaultProxy::refuse(bool refusing) noexcept { impl_->refuse(refusing); }
std::size_t FaultProxy::open_connections() const noexcept { return impl_->open_connections(); }

}  // namespace easyflow::sandbox
