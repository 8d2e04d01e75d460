// A circuit breaker: a service that keeps failing is left alone for a while.
#pragma once

#include <algorithm>
#include <chrono>

#include "core/base/clock.hpp"

namespace easyflow::understanding {

/// Opens after some failures in a row; after a pause it lets one call through, and that one decides. Every try_pass()
/// that gave true is followed by exactly one of succeeded(), failed(), abandoned(). Thread: one.
class Breaker {
 public:
  enum class State { closed, half_open, open };

  Breaker(const Clock& clock, int failures, std::chrono::milliseconds pause)
      : clock_(clock), most_failures_(failures), pause_(pause) {}

  State state() const {
    if (!is_open_) return State::closed;
    return clock_.now() >= opened_at_ + pause_ ? State::half_open : State::open;
  }
  /// How many calls may begin now, `wanted` at most.
  int room(int wanted) const {
    switch (state()) {
      case State::closed: return wanted;
      case State::half_open: return is_trying_ ? 0 : std::min(wanted, 1);
      case State::open: return 0;
    }
    return 0;
  }
  bool try_pass() {
    if (room(1) == 0) return false;
    is_trying_ = is_open_;
    return true;
  }
  void succeeded() {
    is_open_ = is_trying_ = false;
    failures_ = 0;
  }
  /// True when this one opened it.
  bool failed() {
    ++failures_;
    const bool opens = !is_open_ && failures_ >= most_failures_;
    if (opens || is_trying_) {
      is_open_ = true;
      opened_at_ = clock_.now();
    }
    is_trying_ = false;
    return opens;
  }
  /// The call ended without telling anything about the service.
  void abandoned() { is_trying_ = false; }

 private:
  const Clock& clock_;
  const int most_failures_;
  const std::chrono::milliseconds pause_;
  int failures_ = 0;
  bool is_open_ = false;
  bool is_trying_ = false;  ///< the one call of a half-open breaker is under way
  Timestamp opened_at_;
};

}  // namespace easyflow::understanding
