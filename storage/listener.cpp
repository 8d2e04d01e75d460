#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <list>
#include <set>
#include <system_error>
#include <thread>

#include "storage/connect.hpp"
#include "storage/database.hpp"

namespace easyflow::storage {
namespace {

class Receiver final : public pqxx::notification_receiver {
 public:
  Receiver(pqxx::connection& connection, const std::string& channel, std::set<std::string>& arrived)
      : pqxx::notification_receiver(connection, channel), arrived_(arrived) {}
  void operator()(const std::string&, int) override { arrived_.insert(channel()); }

 private:
  std::set<std::string>& arrived_;
};

}  // namespace

/// The thread owns the connection; what it has to say is posted to the executor, where `stopped` is set and read.
class Listener::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::any_io_executor executor, std::string dsn, std::vector<std::string> channels,
       std::function<void(const std::string&)> on_notify)
      : executor_(std::move(executor)),
        dsn_(std::move(dsn)),
        channels_(std::move(channels)),
        on_notify_(std::move(on_notify)) {
    if (::pipe2(stop_pipe_, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  }

  ~Impl() {
    ::close(stop_pipe_[0]);
    ::close(stop_pipe_[1]);
  }

  void start() {
    thread_ = std::thread([this] { run(); });
  }

  void stop() {
    stopped_ = true;
    const char byte = 0;
    while (::write(stop_pipe_[1], &byte, 1) < 0 && errno == EINTR) {
    }
    thread_.join();
    on_notify_ = nullptr;
  }

 private:
  void run() {
    auto pause = kFirstPause;
    while (!stopped_) {
      try {
        auto connection = open_connection(dsn_, std::chrono::seconds(5), "");
        std::set<std::string> arrived(channels_.begin(), channels_.end());
        std::list<Receiver> receivers;
        for (const auto& channel : channels_) receivers.emplace_back(*connection, channel, arrived);
        pause = kFirstPause;
        while (!stopped_) {
          report(arrived);
          if (!wait(connection->sock(), std::chrono::milliseconds(-1))) return;
          connection->get_notifs();
        }
      } catch (const std::exception&) {
        // Expected while the server restarts; whoever uses the database meanwhile reports it.
        if (!wait(-1, pause)) return;
        pause = std::min(pause * 2, kLongestPause);
      }
    }
  }

  /// Waits until `socket` (if any) is readable or `timeout` has passed (negative: none). False when stopped.
  bool wait(int socket, std::chrono::milliseconds timeout) {
    pollfd watched[2] = {{stop_pipe_[0], POLLIN, 0}, {socket, POLLIN, 0}};
    const auto until = std::chrono::steady_clock::now() + timeout;
    int ready = 0;
    do {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      if (timeout.count() < 0)
        left = timeout;
      else
        left = std::max(left, std::chrono::milliseconds(0));
      ready = ::poll(watched, 2, static_cast<int>(left.count()));
    } while (ready < 0 && errno == EINTR);
    return watched[0].revents == 0;
  }

  void report(std::set<std::string>& arrived) {
    for (const auto& channel : arrived) {
      boost::asio::post(executor_, [weak = weak_from_this(), channel] {
        const auto self = weak.lock();
        if (self && !self->stopped_) self->on_notify_(channel);
      });
    }
    arrived.clear();
  }

  static constexpr std::chrono::milliseconds kFirstPause{1000};
  static constexpr std::chrono::milliseconds kLongestPause{30000};

  const boost::asio::any_io_executor executor_;
  const std::string dsn_;
  const std::vector<std::string> channels_;
  std::function<void(const std::string&)> on_notify_;
  int stop_pipe_[2] = {-1, -1};
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

Listener::Listener(boost::asio::any_io_executor executor, std::string dsn, std::vector<std::string> channels,
                   std::function<void(const std::string&)> on_notify)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(dsn), std::move(channels), std::move(on_notify))) {
  impl_->start();
}

Listener::~Listener() { impl_->stop(); }

}  // namespace easyflow::storage
