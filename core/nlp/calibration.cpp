#include "core/nlp/calibration.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace easyflow::nlp {
namespace {

double log_odds(double p) {
  p = std::clamp(p, 1e-6, 1 - 1e-6);
  return std::log(p / (1 - p));
}
double logistic(double x) { return 1 / (1 + std::exp(-x)); }

void softmax(const Scores& scores, const Calibration& calibration, std::vector<float>& out) {
  out.resize(scores.linear.size());
  float highest = -1e30f;
  for (std::size_t m = 0; m < out.size(); ++m) {
    out[m] = calibration.linear * scores.linear[m];
    if (!scores.network.empty()) out[m] += calibration.network * scores.network[m];
    highest = std::max(highest, out[m]);
  }
  float sum = 0;
  for (auto& value : out) sum += value = std::exp(value - highest);
  for (auto& value : out) value /= sum;
}

/// What the correction is made of, for the intent `best` of probability `p`.
using Facts = std::array<double, Calibration::kFacts>;
Facts facts_of(const Scores& scores, std::size_t best, double p) {
  p = std::clamp(p, 1e-6, 1 - 1e-6);
  float next = -1e30f;
  for (std::size_t m = 0; m < scores.linear.size(); ++m)
    if (m != best) next = std::max(next, scores.linear[m]);
  const double lead = std::clamp(static_cast<double>(scores.linear[best] - next), -2.0, 2.0);
  const auto of_network = std::max_element(scores.network.begin(), scores.network.end()) - scores.network.begin();
  const bool agree = lead >= 0 && (scores.network.empty() || static_cast<std::size_t>(of_network) == best);
  return {std::log(p), -std::log(1 - p), scores.coverage - 1.0, agree ? 0.0 : -1.0, lead, 1.0};
}

/// Mean negative log-likelihood and its derivatives by the two factors.
struct Slope {
  double value = 0, first[2] = {0, 0}, second[3] = {0, 0, 0};
};
Slope slope_at(const std::vector<HeldOut>& held_out, const Calibration& at) {
  Slope out;
  std::vector<float> p;
  for (const auto& item : held_out) {
    softmax(item.scores, at, p);
    double mean[2] = {0, 0}, square[3] = {0, 0, 0};
    for (std::size_t m = 0; m < p.size(); ++m) {
      const double x = item.scores.linear[m], y = item.scores.network.empty() ? 0 : item.scores.network[m];
      mean[0] += p[m] * x;
      mean[1] += p[m] * y;
      square[0] += p[m] * x * x;
      square[1] += p[m] * x * y;
      square[2] += p[m] * y * y;
    }
    out.value -= std::log(std::max(p[item.label], 1e-12f));
    out.first[0] += mean[0] - item.scores.linear[item.label];
    out.first[1] += mean[1] - (item.scores.network.empty() ? 0 : item.scores.network[item.label]);
    out.second[0] += square[0] - mean[0] * mean[0];
    out.second[1] += square[1] - mean[0] * mean[1];
    out.second[2] += square[2] - mean[1] * mean[1];
  }
  return out;
}

/// Newton's method on a convex function of two variables; a step that does not help is halved.
void fit_factors(const std::vector<HeldOut>& held_out, Calibration& out) {
  const bool networks = !held_out[0].scores.network.empty();
  out.network = networks ? 0.5f : 0.0f;
  auto now = slope_at(held_out, out);
  for (int round = 0; round < 30; ++round) {
    const double ridge = 1e-9 * static_cast<double>(held_out.size());
    const double a = now.second[0] + ridge, b = now.second[1], c = now.second[2] + ridge;
    double step[2] = {now.first[0] / a, 0};
    const double determinant = a * c - b * b;
    if (networks && determinant > 1e-12) {
      step[0] = (c * now.first[0] - b * now.first[1]) / determinant;
      step[1] = (a * now.first[1] - b * now.first[0]) / determinant;
    }
    bool better = false;
    for (double share = 1; share > 1e-3 && !better; share /= 2) {
      Calibration next = out;
      next.linear = static_cast<float>(std::clamp(out.linear - share * step[0], 0.05, 50.0));
      if (networks) next.network = static_cast<float>(std::clamp(out.network - share * step[1], 0.0, 5.0));
      const auto there = slope_at(held_out, next);
      if (there.value >= now.value - 1e-9) continue;
      better = true;
      out = next;
      now = there;
    }
    if (!better) return;
  }
}

/// Logistic regression of "the best one is right", drawn towards no correction when there is little to see.
void fit_correction(const std::vector<HeldOut>& held_out, Calibration& out) {
  struct Seen {
    Facts facts{};
    double right = 0;
  };
  std::vector<Seen> seen;
  std::vector<float> p;
  for (const auto& item : held_out) {
    softmax(item.scores, out, p);
    const auto best = static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
    seen.push_back({facts_of(item.scores, best, p[best]), best == item.label ? 1.0 : 0.0});
  }
  const Facts none = {1, 1, 0, 0, 0, 0};
  constexpr std::size_t kCount = Calibration::kFacts;
  constexpr double kPull = 4;
  const auto fit = [&](const std::array<bool, kCount>& free) {
    Facts at = none;
    for (std::size_t i = 0; i < kCount; ++i)
      if (!free[i]) at[i] = 0;
    for (int round = 0; round < 50; ++round) {
      double gradient[kCount] = {}, matrix[kCount][kCount] = {};
      for (std::size_t i = 0; i < kCount; ++i) {
        gradient[i] = free[i] ? kPull * (at[i] - none[i]) : 0;
        matrix[i][i] = kPull;
      }
      for (const auto& one : seen) {
        double x = 0;
        for (std::size_t i = 0; i < kCount; ++i) x += at[i] * one.facts[i];
        const double q = logistic(x), w = q * (1 - q);
        for (std::size_t i = 0; i < kCount; ++i) {
          if (!free[i]) continue;
          gradient[i] += (q - one.right) * one.facts[i];
          for (std::size_t j = 0; j < kCount; ++j)
            if (free[j]) matrix[i][j] += w * one.facts[i] * one.facts[j];
        }
      }
      // Gaussian elimination: the matrix is positive definite thanks to the pull
      for (std::size_t i = 0; i < kCount; ++i)
        for (std::size_t j = i + 1; j < kCount; ++j) {
          const double factor = matrix[j][i] / matrix[i][i];
          for (std::size_t k = i; k < kCount; ++k) matrix[j][k] -= factor * matrix[i][k];
          gradient[j] -= factor * gradient[i];
        }
      for (std::size_t i = kCount; i-- > 0;) {
        for (std::size_t k = i + 1; k < kCount; ++k) gradient[i] -= matrix[i][k] * gradient[k];
        gradient[i] /= matrix[i][i];
      }
      double moved = 0;
      for (std::size_t i = 0; i < kCount; ++i) {
        at[i] -= std::clamp(gradient[i], -1.0, 1.0);
        moved += std::fabs(gradient[i]);
      }
      if (moved < 1e-9) break;
    }
    return at;
  };
  // surer must never mean less likely: a fact that would say so is left out, and the others are fitted without it
  std::array<bool, kCount> free;
  free.fill(true);
  Facts at = fit(free);
  for (std::size_t i = 0; i + 1 < kCount;) {
    if (at[i] >= 0) {
      ++i;
      continue;
    }
    free[i] = false;
    at = fit(free);
    i = 0;
  }
  for (std::size_t i = 0; i < kCount; ++i) out.correction[i] = static_cast<float>(std::clamp(at[i], -10.0, 10.0));
}

/// Logistic regression of "is out of scope" on the log-odds, drawn towards the identity when there is little to see.
void fit_rejected(const std::vector<std::pair<double, bool>>& seen, Calibration& out) {
  double slope = 1, bias = 0;
  for (int round = 0; round < 200; ++round) {
    double g[2] = {slope - 1, bias}, h[3] = {1, 0, 1};
    for (const auto& [x, yes] : seen) {
      const double p = logistic(slope * x + bias), w = p * (1 - p);
      g[0] += (p - (yes ? 1 : 0)) * x;
      g[1] += p - (yes ? 1 : 0);
      h[0] += w * x * x;
      h[1] += w * x;
      h[2] += w;
    }
    const double determinant = h[0] * h[2] - h[1] * h[1];
    slope -= 0.7 * (h[2] * g[0] - h[1] * g[1]) / determinant;
    bias -= 0.7 * (h[0] * g[1] - h[1] * g[0]) / determinant;
  }
  if (!std::isfinite(slope) || !std::isfinite(bias)) return;
  out.rejected_slope = static_cast<float>(std::clamp(slope, 0.0, 10.0));
  out.rejected_bias = static_cast<float>(std::clamp(bias, -10.0, 10.0));
}

/// The likeliest intent that is not out_of_scope.
float best_in_scope(const std::vector<float>& p, std::size_t out_of_scope) {
  float best = 0;
  for (std::size_t m = 0; m < p.size(); ++m)
    if (m != out_of_scope) best = std::max(best, p[m]);
  return best;
}

double left_to_out_of_scope(const std::vector<float>& p, std::size_t out_of_scope) {
  return out_of_scope == kNoIntent ? 1 - best_in_scope(p, out_of_scope) : p[out_of_scope];
}

}  // namespace

void to_probabilities(const Scores& scores, const Calibration& calibration, std::vector<float>& out) {
  softmax(scores, calibration, out);
  const auto best = static_cast<std::size_t>(std::max_element(out.begin(), out.end()) - out.begin());
  const double p = std::clamp(static_cast<double>(out[best]), 1e-6, 1 - 1e-6);
  float second = 0;
  for (std::size_t m = 0; m < out.size(); ++m)
    if (m != best) second = std::max(second, out[m]);
  const auto facts = facts_of(scores, best, p);
  double log_odds_now = 0;
  for (std::size_t i = 0; i < facts.size(); ++i)
    log_odds_now += static_cast<double>(calibration.correction[i]) * facts[i];
  const double corrected = logistic(log_odds_now);
  // the best stays the best: with the others scaled alike, the second may come up to it and no further
  const double least = second / (1 - p + second);
  const double top = std::clamp(corrected, std::min(least, 1 - 1e-6), 1 - 1e-6);
  const auto scale = static_cast<float>((1 - top) / (1 - p));
  for (auto& value : out) value *= scale;
  out[best] = static_cast<float>(top);
}

Decision decide(const std::vector<float>& probabilities, const Calibration& calibration, std::size_t out_of_scope) {
  Decision out;
  const auto& p = probabilities;
  out.best = static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
  float second = 0;
  for (std::size_t m = 0; m < p.size(); ++m)
    if (m != out.best) second = std::max(second, p[m]);
  out.ambiguous = p[out.best] - second < calibration.margin;
  out.rejected = out.best != out_of_scope && p[out.best] < calibration.threshold;
  out.confidence = out.rejected
                       ? logistic(calibration.rejected_slope * log_odds(left_to_out_of_scope(p, out_of_scope)) +
                                  calibration.rejected_bias)
                       : p[out.best];
  return out;
}

Calibration calibrate(const std::vector<HeldOut>& held_out, std::size_t out_of_scope) {
  Calibration out;
  if (held_out.empty()) return out;
  fit_factors(held_out, out);
  fit_correction(held_out, out);

  struct Seen {
    float in_scope = 0, gap = 0;
    bool best_is_out = false, right = false;
    std::size_t label = 0;
    double left = 0;
  };
  std::vector<Seen> seen;
  std::vector<float> p;
  for (const auto& item : held_out) {
    to_probabilities(item.scores, out, p);
    const auto decision = decide(p, out, out_of_scope);
    Seen one;
    one.in_scope = best_in_scope(p, out_of_scope);
    one.best_is_out = decision.best == out_of_scope;
    one.right = decision.best == item.label;
    one.label = item.label;
    one.left = log_odds(left_to_out_of_scope(p, out_of_scope));
    std::partial_sort(p.begin(), p.begin() + 2, p.end(), std::greater<float>());
    one.gap = p[0] - p[1];
    seen.push_back(one);
  }

  // what the classifier itself puts out of scope counts to the five of a hundred
  std::vector<float> answered;
  std::size_t in_scope = 0;
  for (const auto& one : seen) {
    if (one.label == out_of_scope) continue;
    ++in_scope;
    if (!one.best_is_out) answered.push_back(one.in_scope);
  }
  const auto lost = in_scope - answered.size();
  const auto budget = in_scope / 20;
  if (budget > lost && !answered.empty()) {
    std::sort(answered.begin(), answered.end());
    out.threshold = answered[std::min(budget - lost, answered.size() - 1)];
  }

  std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) { return a.gap < b.gap; });
  std::size_t right = 0;
  out.margin = 0.1f;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    right += seen[i].right ? 1 : 0;
    if (i >= 20 && static_cast<double>(right) < 0.6 * static_cast<double>(i + 1)) out.margin = seen[i].gap;
  }
  out.margin = std::clamp(out.margin, 0.1f, 0.25f);

  if (out_of_scope != kNoIntent) {
    // around the threshold, not only below it, for more to learn from
    std::vector<std::pair<double, bool>> around;
    for (const auto& one : seen)
      if (!one.best_is_out && one.in_scope < out.threshold * 1.5f)
        around.emplace_back(one.left, one.label == out_of_scope);
    fit_rejected(around, out);
  }
  return out;
}

double calibration_error(const std::vector<Outcome>& outcomes) {
  struct Bin {
    double confidence = 0, right = 0;
  };
  std::array<Bin, 10> bins;
  for (const auto& outcome : outcomes) {
    auto& bin = bins[std::min<std::size_t>(9, static_cast<std::size_t>(outcome.confidence * 10))];
    bin.confidence += outcome.confidence;
    bin.right += outcome.right ? 1 : 0;
  }
  double sum = 0;
  for (const auto& bin : bins) sum += std::fabs(bin.confidence - bin.right);
  return outcomes.empty() ? 0 : sum / static_cast<double>(outcomes.size());
}

}  // namespace easyflow::nlp
