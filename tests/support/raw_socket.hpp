// Plain blocking sockets on the loopback, to say on the wire exactly what a test means to say.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace easyflow::test {

/// One connected socket. Reads give up after ten seconds with an exception, so that no test hangs.
class RawSocket {
 public:
  explicit RawSocket(int fd) : fd_(fd) { limit_waits(); }
  static RawSocket connected_to(std::uint16_t port) {
    RawSocket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto address = loopback(port);
    if (::connect(made.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("connect failed");
    return made;
  }
  ~RawSocket() { close(); }
  RawSocket(RawSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), pending_(std::move(other.pending_)) {}
  RawSocket& operator=(RawSocket&&) = delete;

  int fd() const noexcept { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// Closes so that the other side sees a reset.
  void reset() {
    linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }

  /// False once the other side does not take it any more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The next message's head with its empty line; shorter when the other side closes first.
  std::string read_head() {
    while (pending_.find("\r\n\r\n") == std::string::npos && receive()) {
    }
    auto end = pending_.find("\r\n\r\n");
    return take(end == std::string::npos ? pending_.size() : end + 4);
  }
  /// The next message with a Content-Length body.
  std::string read_message() {
    auto head = read_head();
    auto field = head.find("Content-Length: ");
    std::size_t length = field == std::string::npos ? 0 : std::stoul(head.substr(field + 16));
    while (pending_.size() < length && receive()) {
    }
    return head + take(std::min(length, pending_.size()));
  }
  /// Everything until the other side closes.
  std::string read_to_end() {
    while (receive()) {
    }
    return take(pending_.size());
  }

  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }

 private:
  void limit_waits() {
    timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  bool receive() {
    char bytes[16384];
    auto count = ::recv(fd_, bytes, sizeof bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw std::runtime_error("nothing came for 10 seconds");
    if (count <= 0) return false;
    pending_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  std::string take(std::size_t count) {
    auto taken = pending_.substr(0, count);
    pending_.erase(0, count);
    return taken;
  }

  int fd_;
  std::string pending_;
};

/// A server whose every connection runs `script(socket, number)`, one after the other, on a thread of its own.
class ScriptedServer {
 public:
  using Script = std::function<void(RawSocket&, int number)>;

  explicit ScriptedServer(Script script)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), script_(std::move(script)) {
    auto address = RawSocket::loopback(0);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      throw std::runtime_error("cannot listen on the loopback");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  std::string url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  int connections() const noexcept { return connections_; }
  /// How many of them this side has closed.
  int closed() const noexcept { return closed_; }

 private:
  void run() {
    for (;;) {
      int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      {
        RawSocket socket(fd);
        script_(socket, connections_++);
      }
      ++closed_;
    }
  }

  int listener_;
  Script script_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<int> closed_{0};
  std::thread thread_;
};

}  // namespace easyflow::test
