#include "core/nlp/dataset.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "core/nlp/embedded.hpp"
#include "core/nlp/normalize.hpp"
#include "core/nlp/unicode.hpp"

namespace easyflow::nlp {
namespace {

constexpr std::size_t kMostRows = 200'000;
constexpr std::size_t kMostLetters = 4096;

Error at_line(std::size_t line, const std::string& column, const std::string& what) {
  return Error(ErrorKind::invalid_input, "line " + std::to_string(line) + ", " + column + ": " + what)
      .with_field(column);
}

/// Splits CSV into records. A quote opens a field only at its beginning.
class Records {
 public:
  Records(std::string_view text, char separator) : text_(text), separator_(separator) {}

  std::size_t line() const { return record_line_; }
  /// False at the end. Errors: a quote that never closes.
  Result<bool> next(std::vector<std::string>& fields) {
    fields.clear();
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) skip_break();
    if (at_ >= text_.size()) return false;
    record_line_ = line_;
    for (;;) {
      std::string field;
      if (at_ < text_.size() && text_[at_] == '"') {
        EASYFLOW_TRY(done, quoted(field));
        (void)done;
      }
      while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n' && text_[at_] != '\r')
        field.push_back(text_[at_++]);
      fields.push_back(std::move(field));
      if (at_ >= text_.size()) return true;
      if (text_[at_] != separator_) {
        skip_break();
        return true;
      }
      ++at_;
    }
  }

 private:
  Result<bool> quoted(std::string& field) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') {
          ++at_;
          return true;
        }
        ++at_;
      }
      line_ += text_[at_] == '\n' ? 1 : 0;
      field.push_back(text_[at_]);
    }
    return at_line(record_line_, "text", "a quote opens here and never closes; double the quotes inside a field");
  }
  void skip_break() {
    if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
    ++at_;
    ++line_;
  }

  std::string_view text_;
  char separator_;
  std::size_t at_ = 0, line_ = 1, record_line_ = 1;
};

char separator_of(std::string_view text) {
  const auto header = text.substr(0, text.find_first_of("\r\n"));
  char best = ',';
  std::ptrdiff_t most = 0;
  for (char candidate : {',', ';', '\t'}) {
    const auto count = std::count(header.begin(), header.end(), candidate);
    if (count > most) {
      most = count;
      best = candidate;
    }
  }
  return best;
}

std::string trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

bool is_intent(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '.' || c == '-';
  });
}

std::size_t count_letters(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) (void)next_code_point(text, at);
  return count;
}

}  // namespace

Result<std::vector<Example>> read_examples(std::string_view csv) {
  if (csv.substr(0, 3) == "\xEF\xBB\xBF") csv.remove_prefix(3);
  Records records(csv, separator_of(csv));
  std::vector<std::string> fields;
  EASYFLOW_TRY(has_header, records.next(fields));
  if (!has_header)
    return Error(ErrorKind::invalid_input, "the file is empty; its first line must be text,intent[,lang]");
  std::optional<std::size_t> text_at, intent_at, lang_at;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    auto name = trimmed(fields[i]);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (name == "text") text_at = i;
    if (name == "intent") intent_at = i;
    if (name == "lang") lang_at = i;
  }
  if (!text_at) return at_line(1, "text", "no such column; the first line must be text,intent[,lang]");
  if (!intent_at) return at_line(1, "intent", "no such column; the first line must be text,intent[,lang]");
  std::vector<Example> out;
  for (;;) {
    EASYFLOW_TRY(more, records.next(fields));
    if (!more) return out;
    if (fields.size() == 1 && trimmed(fields[0]).empty()) continue;
    const auto line = records.line();
    if (out.size() == kMostRows)
      return at_line(line, "text", "over " + std::to_string(kMostRows) + " rows; leave some out");
    if (*text_at >= fields.size()) return at_line(line, "text", "is missing");
    if (*intent_at >= fields.size())
      return at_line(line, "intent", "is missing; a text with a comma in it must be quoted");
    Example example;
    example.text = trimmed(fields[*text_at]);
    example.intent = trimmed(fields[*intent_at]);
    if (lang_at && *lang_at < fields.size()) example.lang = trimmed(fields[*lang_at]);
    if (example.text.empty()) return at_line(line, "text", "is empty");
    if (count_letters(example.text) > kMostLetters)
      return at_line(line, "text", "is over " + std::to_string(kMostLetters) + " characters");
    if (!is_intent(example.intent))
      return at_line(line, "intent", "must be 1 to 64 of a-z, 0-9, _ : . - (a text with a comma in it must be quoted)");
    out.push_back(std::move(example));
  }
}

const std::vector<Example>& default_examples() {
  static const std::vector<Example> all = [] {
    std::vector<Example> out;
    for (auto csv : embedded_training()) {
      auto examples = read_examples(csv).value();
      out.insert(out.end(), std::make_move_iterator(examples.begin()), std::make_move_iterator(examples.end()));
    }
    return out;
  }();
  return all;
}

const std::vector<Example>& typical_examples() {
  static const std::vector<Example> all = read_examples(embedded_typical()).value();
  return all;
}

DataFaults clean(std::vector<Example>& examples) {
  DataFaults out;
  std::unordered_map<std::string, std::set<std::string>> intents_of;
  std::vector<Example> kept;
  std::map<std::string, std::size_t> sizes;
  Words words;
  for (auto& example : examples) {
    normalize(example.text, nullptr, nullptr, words);
    // letters and digits decide; a text of signs alone is its own key
    std::string key;
    for (char32_t letter : words.folded)
      if (is_letter(letter) || is_digit(letter)) append_utf8(key, letter);
    if (key.empty()) key = example.text;
    auto& intents = intents_of[key];
    if (intents.count(example.intent) != 0) {
      ++out.duplicates;
      continue;
    }
    if (intents.size() == 1) out.contradictions.push_back(example.text);
    intents.insert(example.intent);
    ++sizes[example.intent];
    kept.push_back(std::move(example));
  }
  examples = std::move(kept);
  for (const auto& [intent, size] : sizes)
    if (size < 10) out.small_intents.push_back(intent);
  return out;
}

}  // namespace easyflow::nlp
