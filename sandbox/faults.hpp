// Faults the stand-ins produce on purpose: set by options at start or over /sandbox/faults at run time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "sandbox/shop.hpp"

namespace easyflow::sandbox {

enum class FaultKind {
  status_429,         ///< the platform's 429 with its wait headers
  status_429_global,  ///< Wildberries only: the per-seller limiter, whose 429 names no wait
  status_500,
  malformed,  ///< 200 with a body that ends in the middle
  slow,       ///< the answer waits `delay`
  cut         ///< the connection is reset after `after_bytes` of the answer
};

std::string_view to_string(FaultKind kind) noexcept;

struct Fault {
  std::string platform;  ///< "wildberries" or "telegram"
  FaultKind kind = FaultKind::status_500;
  double probability = 1;
  std::optional<int> count;  ///< how many times it strikes; without it, until removed
  std::chrono::seconds retry_after{5};
  std::chrono::milliseconds delay{3000};
  std::size_t after_bytes = 60;
  /// status_500 only: the request takes effect before the answer fails, so its sender cannot know the outcome.
  bool processed = false;
  /// Compared with the path; for Telegram with "/METHOD", the part behind the token.
  std::string path_prefix;
};

struct FaultPlan {
  std::vector<Fault> faults;
  double duplicate = 0;  ///< probability that a delivered Telegram update comes once more
  double reorder = 0;    ///< probability that of two waiting updates of a chat the later one goes first
};

/// Reads one fault as /sandbox/faults takes it. Errors: invalid_input naming the field.
Result<Fault> parse_fault(const nlohmann::json& object);

/// The faults in force. Thread: the sandbox's loop.
class Faults {
 public:
  Faults(FaultPlan plan, std::uint64_t seed) : plan_(std::move(plan)), dice_(seed) {}

  /// The fault that strikes a request now, if any; counts it. `on_wire` chooses between the two layers: slow and cut
  /// belong to the connection, the others to the answer.
  std::optional<Fault> draw(std::string_view platform, std::string_view path, bool on_wire);
  bool duplicates() noexcept { return dice_.chance(plan_.duplicate); }
  bool reorders() noexcept { return dice_.chance(plan_.reorder); }

  void add(Fault fault) { plan_.faults.push_back(std::move(fault)); }
  void set_delivery(double duplicate, double reorder) {
    plan_.duplicate = duplicate;
    plan_.reorder = reorder;
  }
  void clear() { plan_ = FaultPlan{}; }
  const FaultPlan& plan() const noexcept { return plan_; }
  nlohmann::json state() const;

 private:
  FaultPlan plan_;
  Dice dice_;
};

}  // namespace easyflow::sandbox
