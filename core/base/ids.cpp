#include "core/base/ids.hpp"

#include <sodium.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace easyflow {

namespace {

/// Ten random bytes. The system is asked for many at a time: ids are made several for every message, and are no
/// secrets.
void fill_random(unsigned char* out) {
  constexpr std::size_t kBytes = 10;
  thread_local std::array<unsigned char, 64 * kBytes> stock;
  thread_local std::size_t used = stock.size();
  if (used == stock.size()) {
    randombytes_buf(stock.data(), stock.size());
    used = 0;
  }
  std::memcpy(out, stock.data() + used, kBytes);
  used += kBytes;
}

}  // namespace

std::string new_uuid() {
  using namespace std::chrono;
  std::array<unsigned char, 16> bytes{};
  fill_random(bytes.data() + 6);
  // 48 bits of milliseconds, then 12 bits of the fraction of a millisecond (RFC 9562, section 6.2, method 3)
  auto nanos = duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
  auto millis = static_cast<std::uint64_t>(nanos / 1'000'000);
  auto fraction = static_cast<std::uint32_t>((nanos % 1'000'000) * 4096 / 1'000'000);
  for (int i = 0; i < 6; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<unsigned char>(millis >> (40 - 8 * i));
  bytes[6] = static_cast<unsigned char>(0x70 | (fraction >> 8));
  bytes[7] = static_cast<unsigned char>(fraction);
  bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 0x3f));

  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kHex[bytes[i] >> 4]);
    text.push_back(kHex[bytes[i] & 15]);
  }
  return text;
}

bool is_uuid(std::string_view text) noexcept {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
    } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
      return false;
    }
  }
  return true;
}

}  // namespace easyflow
