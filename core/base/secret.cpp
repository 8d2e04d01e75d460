#include "core/base/secret.hpp"

#include <sodium.h>

namespace easyflow {

void Secret::wipe() noexcept {
  // capacity, not size: what an earlier, longer value left behind is zeroed too
  value_.resize(value_.capacity());
  sodium_memzero(value_.data(), value_.size());
  value_.clear();
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace easyflow
