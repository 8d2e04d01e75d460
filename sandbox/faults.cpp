#include "sandbox/faults.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace easyflow::sandbox {
namespace {

using nlohmann::json;

constexpr std::array<FaultKind, 6> kKinds{FaultKind::status_429, FaultKind::status_429_global,
                                          FaultKind::status_500, FaultKind::malformed,
                                          FaultKind::slow,       FaultKind::cut};

bool on_the_wire(FaultKind kind) { return kind == FaultKind::slow || kind == FaultKind::cut; }

Error wrong(std::string field, std::string expected) {
  return Error(ErrorKind::invalid_input, field + " must be " + expected).with_field(field);
}

}  // namespace

std::string_view to_string(FaultKind kind) noexcept {
  switch (kind) {
    case FaultKind::status_429: return "status_429";
    case FaultKind::status_429_global: return "status_429_global";
    case FaultKind::status_500: return "status_500";
    case FaultKind::malformed: return "malformed";
    case FaultKind::slow: return "slow";
    case FaultKind::cut: return "cut";
  }
  return "unknown";
}

Result<Fault> parse_fault(const json& object) {
  if (!object.is_object()) return Error(ErrorKind::invalid_input, "a fault is a JSON object");
  Fault fault;
  bool has_kind = false;
  for (const auto& [name, value] : object.items()) {
    auto number = [&value = value](double low, double high) {
      return value.is_number() && value.get<double>() >= low && value.get<double>() <= high;
    };
    if (name == "platform") {
      if (value != "wildberries" && value != "telegram") return wrong(name, "\"wildberries\" or \"telegram\"");
      fault.platform = value;
    } else if (name == "kind") {
      auto kind =
          std::find_if(kKinds.begin(), kKinds.end(), [&value = value](FaultKind k) { return value == to_string(k); });
      if (kind == kKinds.end()) return wrong(name, "status_429, status_429_global, status_500, malformed, slow or cut");
      fault.kind = *kind;
      has_kind = true;
    } else if (name == "probability") {
      if (!number(0, 1)) return wrong(name, "a number from 0 to 1");
      fault.probability = value;
    } else if (name == "count") {
      if (!number(1, 1e9)) return wrong(name, "a whole number above 0");
      fault.count = value.get<int>();
    } else if (name == "retry_after") {
      if (!number(1, 86'400)) return wrong(name, "seconds from 1 to 86400");
      fault.retry_after = std::chrono::seconds(value.get<int>());
    } else if (name == "delay_ms") {
      if (!number(0, 600'000)) return wrong(name, "milliseconds from 0 to 600000");
      fault.delay = std::chrono::milliseconds(value.get<int>());
    } else if (name == "after_bytes") {
      if (!number(0, 1e9)) return wrong(name, "a number of bytes");
      fault.after_bytes = value.get<std::size_t>();
    } else if (name == "processed") {
      if (!value.is_boolean()) return wrong(name, "true or false");
      fault.processed = value;
    } else if (name == "path_prefix") {
      if (!value.is_string()) return wrong(name, "a text");
      fault.path_prefix = value;
    } else {
      return Error(ErrorKind::invalid_input, "a fault has no field " + name).with_field(name);
    }
  }
  if (fault.platform.empty()) return wrong("platform", "given");
  if (!has_kind) return wrong("kind", "given");
  return fault;
}

std::optional<Fault> Faults::draw(std::string_view platform, std::string_view path, bool on_wire) {
  for (auto at = plan_.faults.begin(); at != plan_.faults.end(); ++at) {
    if (at->platform != platform || on_the_wire(at->kind) != on_wire || path.rfind(at->path_prefix, 0) != 0) continue;
    if (!dice_.chance(at->probability)) continue;
    auto fault = *at;
    if (at->count && --*at->count <= 0) plan_.faults.erase(at);
    return fault;
  }
  return std::nullopt;
}

json Faults::state() const {
  auto list = json::array();
  for (const auto& f : plan_.faults) {
    json entry{{"platform", f.platform},
               {"kind", to_string(f.kind)},
               {"probability", f.probability},
               {"path_prefix", f.path_prefix}};
    if (f.count) entry["count"] = *f.count;
    list.push_back(std::move(entry));
  }
  return {{"faults", std::move(list)}, {"duplicate", plan_.duplicate}, {"reorder", plan_.reorder}};
}

}  // namespace easyflow::sandbox
