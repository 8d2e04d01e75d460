// The process's metrics in Prometheus text form. Names: easyflow_<folder>_<what>_<unit>[_total].
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace easyflow::metrics {

/// Values must come from a bounded set (platform, operation, outcome): each combination is a series kept for good.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// Only rises. Cheap and thread-safe.
class Counter {
 public:
  explicit Counter(prometheus::Counter& series) : series_(series) {}
  void increment(double by = 1);
  double value() const;

 private:
  prometheus::Counter& series_;
};

/// Rises and falls. Cheap and thread-safe.
class Gauge {
 public:
  explicit Gauge(prometheus::Gauge& series) : series_(series) {}
  void set(double value);
  void add(double by);
  double value() const;

 private:
  prometheus::Gauge& series_;
};

/// Counts observations in buckets. Thread-safe.
class Histogram {
 public:
  explicit Histogram(prometheus::Histogram& series) : series_(series) {}
  void observe(double value);

 private:
  prometheus::Histogram& series_;
};

/// The series of that name and those labels, made at the first call; it lives as long as the process, so keep the
/// reference instead of asking again on a hot path. Thread-safe.
/// Throws std::logic_error when the name is malformed or already that of another kind of metric.
Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});

/// Seconds, from a tenth of a millisecond to ten seconds.
const std::vector<double>& default_buckets();
/// `upper_bounds` rise; they count only at the first call for the name and labels.
Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {},
                     const std::vector<double>& upper_bounds = default_buckets());

using RenderHook = std::uint64_t;
/// Calls `refresh` before each render(), on its thread, to set gauges from what is true at that moment.
/// An owner that ends before the process gives the hook back to forget(). Thread-safe.
RenderHook on_render(std::function<void()> refresh);
void forget(RenderHook hook);

/// All series in the text exposition format 0.0.4. Thread-safe.
std::string render();

}  // namespace easyflow::metrics
