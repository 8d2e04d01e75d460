#include "core/base/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/base/clock.hpp"

namespace easyflow::log {
namespace {

std::atomic<Format> g_format{Format::text};
std::atomic<Level> g_lowest{Level::info};

spdlog::logger& sink() {
  // never destroyed: a thread may still log while the program ends
  static auto* const logger = [] {
    auto made = std::make_unique<spdlog::logger>("easyflow", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made.release();
  }();
  return *logger;
}

std::string_view name(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
  }
  return "error";
}

std::string dump(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

nlohmann::ordered_json as_json(const Field::Value& value) {
  return std::visit([](auto v) { return nlohmann::ordered_json(v); }, value);
}

std::string json_line(const std::string& ts, Level level, std::string_view event, Fields fields) {
  nlohmann::ordered_json line;
  line["ts"] = ts;
  line["level"] = name(level);
  line["event"] = event;
  for (const auto& field : fields) {
    // a field must not replace what every line has
    bool reserved = field.key() == "ts" || field.key() == "level" || field.key() == "event";
    line[reserved ? std::string(field.key()) + "_" : std::string(field.key())] = as_json(field.value());
  }
  return dump(line);
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '=' && c != '\\'; });
}

std::string text_line(const std::string& ts, Level level, std::string_view event, Fields fields) {
  auto line = ts + " " + std::string(name(level));
  line.append(6 - name(level).size(), ' ').append(event);
  for (const auto& field : fields) {
    line.append(" ").append(field.key()).append("=");
    const auto* text = std::get_if<std::string_view>(&field.value());
    line += text != nullptr && is_plain(*text) ? std::string(*text) : dump(as_json(field.value()));
  }
  return line;
}

}  // namespace

void configure(Format format, Level lowest) {
  g_format = format;
  g_lowest = lowest;
}

bool enabled(Level level) noexcept { return level >= g_lowest.load(std::memory_order_relaxed); }

void write(Level level, std::string_view event, Fields fields) {
  if (!enabled(level)) return;
  auto ts = format_rfc3339(SystemClock().now());
  auto line = g_format == Format::json ? json_line(ts, level, event, fields) : text_line(ts, level, event, fields);
  sink().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace easyflow::log
