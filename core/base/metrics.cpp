#include "core/base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace easyflow::metrics {
namespace {

using LabelMap = std::map<std::string, std::string>;

/// The families of one kind of metric and the handles given out for their series.
template <class Handle>
using Handles = std::map<std::pair<std::string, LabelMap>, std::unique_ptr<Handle>>;

struct Registry {
  std::mutex mutex;
  prometheus::Registry families{prometheus::Registry::InsertBehavior::Merge};
  Handles<Counter> counters;
  Handles<Gauge> gauges;
  Handles<Histogram> histograms;
  std::map<RenderHook, std::function<void()>> hooks;
  RenderHook next_hook = 1;
};

Registry& registry() {
  // never destroyed: handles are references that any static object may hold
  static auto* const only = new Registry;
  return *only;
}

template <class Handle, class Make>
Handle& find_or_make(Handles<Handle>& handles, const std::string& name, const Labels& labels, Make make) {
  LabelMap sorted(labels.begin(), labels.end());
  auto& handle = handles[{name, sorted}];
  if (!handle) {
    try {
      handle = std::make_unique<Handle>(make(sorted));
    } catch (const std::invalid_argument& e) {
      handles.erase({name, sorted});
      throw std::logic_error("metric " + name + ": " + e.what());
    }
  }
  return *handle;
}

}  // namespace

void Counter::increment(double by) { series_.Increment(by); }
double Counter::value() const { return series_.Value(); }
void Gauge::set(double value) { series_.Set(value); }
void Gauge::add(double by) { series_.Increment(by); }
double Gauge::value() const { return series_.Value(); }
void Histogram::observe(double value) { series_.Observe(value); }

Counter& counter(const std::string& name, const std::string& help, const Labels& labels) {
  auto& all = registry();
  std::lock_guard lock(all.mutex);
  return find_or_make(all.counters, name, labels, [&](const LabelMap& sorted) -> prometheus::Counter& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(all.families).Add(sorted);
  });
}

Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) {
  auto& all = registry();
  std::lock_guard lock(all.mutex);
  return find_or_make(all.gauges, name, labels, [&](const LabelMap& sorted) -> prometheus::Gauge& {
    return prometheus::BuildGauge().Name(name).Help(help).Register(all.families).Add(sorted);
  });
}

const std::vector<double>& default_buckets() {
  static const std::vector<double> bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                          0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
  return bounds;
}

Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels,
                     const std::vector<double>& upper_bounds) {
  auto& all = registry();
  std::lock_guard lock(all.mutex);
  return find_or_make(all.histograms, name, labels, [&](const LabelMap& sorted) -> prometheus::Histogram& {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(all.families).Add(sorted, upper_bounds);
  });
}

RenderHook on_render(std::function<void()> refresh) {
  auto& all = registry();
  std::lock_guard lock(all.mutex);
  all.hooks.emplace(all.next_hook, std::move(refresh));
  return all.next_hook++;
}

void forget(RenderHook hook) {
  auto& all = registry();
  std::lock_guard lock(all.mutex);
  all.hooks.erase(hook);
}

std::string render() {
  auto& all = registry();
  std::map<RenderHook, std::function<void()>> hooks;
  {
    // a hook may itself ask for a gauge, so it runs without the lock
    std::lock_guard lock(all.mutex);
    hooks = all.hooks;
  }
  for (const auto& [id, refresh] : hooks) refresh();
  return prometheus::TextSerializer().Serialize(all.families.Collect());
}

}  // namespace easyflow::metrics
