#include "core/automation/answer.hpp"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"

namespace easyflow::automation {
namespace {

constexpr std::string_view kNumberSign = "№";

bool is_word(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

/// Where the next {word} stands; begin is npos when there is none.
struct Placeholder {
  std::size_t begin = std::string_view::npos;
  std::size_t end = 0;
  std::string_view word;
};

Placeholder next_placeholder(std::string_view text, std::size_t from) {
  Placeholder found;
  for (auto open = text.find('{', from); open != std::string_view::npos; open = text.find('{', open + 1)) {
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) break;
    const auto word = text.substr(open + 1, close - open - 1);
    if (!is_word(word)) continue;
    found.begin = open;
    found.end = close + 1;
    found.word = word;
    break;
  }
  return found;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

void drop_spaces(std::string& text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
}

/// Takes back what leads to a value that is missing; returns how much of `rest` goes with it.
std::size_t close_gap(std::string& out, std::string_view rest) {
  if (ends_with(out, "(") && !rest.empty() && rest.front() == ')') {
    out.pop_back();
    drop_spaces(out);
    return 1;
  }
  drop_spaces(out);
  for (auto sign : {std::string_view("#"), kNumberSign}) {
    if (!ends_with(out, sign)) continue;
    out.resize(out.size() - sign.size());
    drop_spaces(out);
  }
  if (ends_with(out, ",")) out.pop_back();
  if (!out.empty() && out.back() != '\n') return 0;
  const auto kept = rest.find_first_not_of(" \t,;:.!");
  return kept == std::string_view::npos ? rest.size() : kept;
}

/// A name as part of one line.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

std::string fill_in(std::string_view text, const AnswerValues& values) {
  const auto name = one_line(values.name);
  const auto order_number = one_line(values.order_number);
  std::string out;
  std::size_t at = 0;
  for (auto found = next_placeholder(text, 0); found.begin != std::string_view::npos;
       found = next_placeholder(text, found.end)) {
    if (found.word != "name" && found.word != "order_number") continue;
    const auto& value = found.word == "name" ? name : order_number;
    out += text.substr(at, found.begin - at);
    at = found.end;
    if (value.empty())
      at += close_gap(out, text.substr(at));
    else
      out += value;
  }
  out += text.substr(std::min(at, text.size()));
  return out;
}

std::string unknown_placeholder(std::string_view text) {
  for (auto found = next_placeholder(text, 0); found.begin != std::string_view::npos;
       found = next_placeholder(text, found.end)) {
    if (found.word != "name" && found.word != "order_number") return "{" + std::string(found.word) + "}";
  }
  return {};
}

std::string order_number_in(std::string_view entities_json) {
  const auto entities = nlohmann::json::parse(entities_json, nullptr, /*allow_exceptions=*/false);
  if (!entities.is_array()) return {};
  for (const auto& entity : entities) {
    if (text_member(entity, "type") != "order_number") continue;
    auto value = text_member(entity, "value");
    return value.empty() ? text_member(entity, "text") : value;
  }
  return {};
}

}  // namespace easyflow::automation
