// A value that must never be printed.
#pragma once

#include <string>
#include <string_view>

namespace easyflow {

/// Holds a secret and zeroes it when destroyed. No formatter and no stream operator on purpose: printing one does not
/// compile. `reveal()` marks, for the reader, every place where the plain value is used.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  ~Secret() { wipe(); }
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      wipe();
      value_ = other.value_;
    }
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      value_ = std::move(other.value_);
      other.wipe();
    }
    return *this;
  }

  const std::string& reveal() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }

 private:
  void wipe() noexcept;
  std::string value_;
};

/// True when both are equal; takes the same time for every pair of the same lengths.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace easyflow
