// Reads HTTP/1 messages straight into the plain message types. Only for core/net/*.cpp: it includes Beast.
#pragma once

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/http_message.hpp"

namespace easyflow::net {

struct MessageLimits {
  std::size_t header_bytes;
  std::size_t body_bytes;
};

/// The part that requests and responses share. `Message` gets headers and body; trailers are dropped, since a field
/// that decides something (a secret, a length) must stand where everyone looks for it.
template <bool is_request, class Message>
class MessageParser : public boost::beast::http::basic_parser<is_request> {
 public:
  using Base = boost::beast::http::basic_parser<is_request>;
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;
  using field = boost::beast::http::field;

  explicit MessageParser(MessageLimits limits) : limits_(limits) {
    this->eager(true);
    this->header_limit(static_cast<std::uint32_t>(
        std::min<std::size_t>(limits.header_bytes, std::numeric_limits<std::uint32_t>::max())));
    this->body_limit(limits.body_bytes);
  }

  Message& message() noexcept { return message_; }

 protected:
  /// False for a field that the message must not show.
  virtual bool wants(field, std::string_view /*name*/, std::string_view /*value*/) { return true; }

  Message message_;

 private:
  void on_field_impl(field id, string_view name, string_view value, error_code& ec) override {
    // The parser's own limit counts from the last byte it took, so fields that arrive one by one escape it.
    header_bytes_ += name.size() + value.size() + 4;
    if (header_bytes_ > limits_.header_bytes) {
      ec = boost::beast::http::error::header_limit;
      return;
    }
    if (in_trailer_) return;
    std::string_view key(name.data(), name.size());
    std::string_view text(value.data(), value.size());
    if (wants(id, key, text)) message_.headers.add(std::string(key), std::string(text));
  }
  void on_header_impl(error_code&) override { in_trailer_ = true; }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    // a declared length is only a claim: reserve little before the bytes are there
    constexpr std::uint64_t kReserve = 64 * 1024;
    if (length) message_.body.reserve(static_cast<std::size_t>(std::min(*length, kReserve)));
  }
  std::size_t on_body_impl(string_view bytes, error_code& ec) override { return append(bytes, ec); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& ec) override {
    return append(bytes, ec);
  }
  void on_finish_impl(error_code&) override {}

  std::size_t append(string_view bytes, error_code& ec) {
    if (bytes.size() > limits_.body_bytes - message_.body.size()) {
      ec = boost::beast::http::error::body_limit;
      return 0;
    }
    message_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  MessageLimits limits_;
  std::size_t header_bytes_ = 0;
  bool in_trailer_ = false;
};

}  // namespace easyflow::net
