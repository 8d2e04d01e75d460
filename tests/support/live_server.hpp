// A real HttpServer on a free loopback port, with its loop on a thread of its own.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "core/net/server.hpp"

namespace easyflow::test {

class LiveServer {
 public:
  explicit LiveServer(net::Handler handler, net::ServerLimits limits = {})
      : io_(1),
        work_(boost::asio::make_work_guard(io_)),
        server_(io_.get_executor(), "127.0.0.1", 0, limits, std::move(handler)) {
    server_.start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~LiveServer() {
    if (!stopped_) stop(std::chrono::seconds(5)).wait();
    work_.reset();
    thread_.join();
  }
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  std::uint16_t port() const noexcept { return server_.port(); }
  boost::asio::any_io_executor executor() { return io_.get_executor(); }

  /// Asked on the server's own thread.
  std::size_t open_connections() {
    std::promise<std::size_t> answer;
    boost::asio::post(io_, [&] { answer.set_value(server_.open_connections()); });
    return answer.get_future().get();
  }

  /// Ready when stop() has returned.
  std::future<void> stop(std::chrono::milliseconds grace) {
    stopped_ = true;
    auto done = std::make_shared<std::promise<void>>();
    boost::asio::co_spawn(io_, server_.stop(grace), [done](std::exception_ptr failure) {
      if (failure) {
        done->set_exception(failure);
      } else {
        done->set_value();
      }
    });
    return done->get_future();
  }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  net::HttpServer server_;
  std::thread thread_;
  bool stopped_ = false;
};

}  // namespace easyflow::test
