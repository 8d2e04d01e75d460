// The token bucket both stand-ins limit with: time comes from outside, so a test decides how fast it refills.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/clock.hpp"

namespace easyflow::sandbox {

/// Holds at most `burst` tokens and gains one each `interval`. Starts full.
class TokenBucket {
 public:
  TokenBucket(int burst, std::chrono::microseconds interval) : burst_(burst), interval_(interval), tokens_(burst) {}

  /// Takes one token; false when there is none.
  bool take(Timestamp now) {
    refill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

  /// Takes up to `count` more, for answers that count as several requests.
  void penalise(Timestamp now, int count) {
    refill(now);
    tokens_ = std::max(0.0, tokens_ - count);
  }

  int burst() const noexcept { return burst_; }
  int remaining() const noexcept { return static_cast<int>(tokens_); }
  /// Whole seconds, rounded up, until the next token; at least 1.
  int seconds_to_next() const { return seconds_for(1.0 - tokens_); }
  /// Whole seconds, rounded up, until the bucket is full; at least 1.
  int seconds_to_full() const { return seconds_for(burst_ - tokens_); }

 private:
  void refill(Timestamp now) {
    if (!started_ || now < last_) {  // a clock set back must not freeze the bucket
      last_ = now;
      started_ = true;
      return;
    }
    double gained = static_cast<double>((now - last_).count()) / static_cast<double>(interval_.count());
    tokens_ = std::min<double>(burst_, tokens_ + gained);
    last_ = now;
  }

  int seconds_for(double tokens) const {
    return std::max(1, static_cast<int>(std::ceil(tokens * static_cast<double>(interval_.count()) / 1e6)));
  }

  int burst_;
  std::chrono::microseconds interval_;
  double tokens_;
  Timestamp last_;
  bool started_ = false;
};

}  // namespace easyflow::sandbox
