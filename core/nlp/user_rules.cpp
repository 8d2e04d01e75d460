#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/nlp/entities.hpp"
#include "core/nlp/finder.hpp"
#include "core/nlp/vocabulary.hpp"

namespace easyflow::nlp {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kMostRows = 5000;
constexpr std::size_t kMostRegexes = 200;
constexpr std::size_t kLongestPattern = 500;
constexpr std::size_t kLongestPhrase = 16;        // tokens
constexpr std::int64_t kRegexMemory = 256 << 10;  // bytes, for each
constexpr int kLargestProgram = 2000;             // instructions
constexpr int kMostMatches = 64;                  // of one regex in one message
// Instructions times bytes that the regexes of a tenant may cost in one message. A search that backs off to RE2's
// slowest engine takes about a nanosecond for each, so this ends before anybody notices.
constexpr std::int64_t kMostWork = 100'000'000;

/// A row of the file: where it begins and its fields.
struct Row {
  int line = 0;
  std::vector<std::string> fields;
};

Error fault(int line, std::string_view column, std::string_view what) {
  return Error(
      ErrorKind::invalid_input,
      "line " + std::to_string(line) + (column.empty() ? "" : ", " + std::string(column)) + ": " + std::string(what));
}

/// RFC 4180, one row at a time.
class Rows {
 public:
  explicit Rows(std::string_view csv) : csv_(csv) {
    if (csv_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    const std::string_view header = csv_.substr(at_, csv_.find('\n') - at_);
    for (char sign : {';', '\t'})
      if (header.find(',') == std::string_view::npos && header.find(sign) != std::string_view::npos) comma_ = sign;
  }

  /// The next row that is not blank, or nothing at the end.
  Result<std::optional<Row>> next() {
    while (at_ < csv_.size()) {
      Row row;
      row.line = line_;
      for (bool more = true; more;) {
        std::string field;
        if (at_ < csv_.size() && csv_[at_] == '"') {
          ++at_;
          for (;; ++at_) {
            if (at_ >= csv_.size()) return fault(row.line, "", "a quoted field does not end: add the closing quote");
            if (csv_[at_] == '\n') ++line_;
            if (csv_[at_] == '"') {
              if (at_ + 1 >= csv_.size() || csv_[at_ + 1] != '"') break;
              ++at_;
            }
            field += csv_[at_];
          }
          ++at_;
          if (at_ < csv_.size() && csv_[at_] == '\r') ++at_;
          if (at_ < csv_.size() && csv_[at_] != comma_ && csv_[at_] != '\n')
            return fault(row.line, "", "text after a closing quote: write \"\" for a quote inside a field");
        } else {
          while (at_ < csv_.size() && csv_[at_] != comma_ && csv_[at_] != '\n') field += csv_[at_++];
          if (!field.empty() && field.back() == '\r') field.pop_back();
        }
        row.fields.push_back(std::move(field));
        more = at_ < csv_.size() && csv_[at_] == comma_;
        if (at_ < csv_.size()) {
          if (csv_[at_] == '\n') ++line_;
          ++at_;
        }
      }
      if (row.fields.size() > 1 || !row.fields[0].empty()) return std::optional<Row>(std::move(row));
    }
    return std::optional<Row>();
  }

 private:
  std::string_view csv_;
  std::size_t at_ = 0;
  int line_ = 1;
  char comma_ = ',';
};

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

bool is_type(std::string_view type) {
  return !type.empty() && type.size() <= 64 && type[0] >= 'a' && type[0] <= 'z' &&
         type.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

struct Regex {
  std::unique_ptr<re2::RE2> program;
  std::string type;
  std::string value;
  std::int64_t cost = 0;     ///< instructions
  bool begins_word = false;  ///< "\\b" stood at that end: RE2's own knows Latin letters only
  bool ends_word = false;
};

struct Lookup {
  std::int32_t meaning = -1;  ///< -1: only begins longer ones
  bool begins_longer = false;
};

struct Named {
  std::string type;
  std::string value;
};

}  // namespace

struct UserRules::Impl {
  std::vector<Regex> regexes;
  Vocabulary<Lookup> phrases;
  std::vector<Named> meanings;

  /// Nothing, or what is wrong with the phrase.
  std::optional<std::string_view> add_phrase(std::string_view text, std::string type, std::string value) {
    const Scan s = scan(text, Reference{});
    if (s.tokens.empty()) return "the phrase is empty: write the words to look for";
    if (s.tokens.size() > kLongestPhrase) return "the phrase is longer than 16 words: shorten it";
    const auto number = static_cast<std::int32_t>(meanings.size());
    std::string phrase;
    for (std::size_t i = 0; i < s.tokens.size(); ++i) {
      if (i > 0) phrase += ' ';
      phrase += s.word(s.tokens[i]);
      const bool is_whole = i + 1 == s.tokens.size();
      phrases.add(phrase, {});
      Lookup& known = *phrases.find_for_change(phrase);
      if (!is_whole)
        known.begins_longer = true;
      else if (known.meaning < 0)
        known.meaning = number;
    }
    meanings.push_back({std::move(type), std::move(value)});
    return std::nullopt;
  }

  /// Nothing, or what is wrong with the pattern.
  std::optional<std::string> add_regex(const std::string& pattern, std::string type, std::string value) {
    if (regexes.size() == kMostRegexes)
      return "more than 200 regexes: merge some, or use kind lookup for plain phrases";
    re2::RE2::Options options;
    options.set_case_sensitive(false);
    options.set_log_errors(false);
    options.set_max_mem(kRegexMemory);
    std::string_view own = pattern;
    const bool begins_word = own.starts_with("\\b");
    if (begins_word) own.remove_prefix(2);
    const bool ends_word = own.ends_with("\\b") && !own.ends_with("\\\\b");
    if (ends_word) own.remove_suffix(2);
    auto program = std::make_unique<re2::RE2>(std::string(own), options);
    if (!program->ok()) return "not a regex (RE2 syntax): " + valid_utf8(program->error());
    const int cost = std::max(program->ProgramSize(), program->ReverseProgramSize());
    if (cost > kLargestProgram) return "the regex is too large: lower its repetition counts";
    regexes.push_back({std::move(program), std::move(type), std::move(value), cost, begins_word, ends_word});
    return std::nullopt;
  }
};

UserRules::UserRules(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
UserRules::~UserRules() = default;

Result<std::shared_ptr<const UserRules>> UserRules::from_csv(std::string_view csv) {
  if (csv.size() > kMostBytes)
    return Error(ErrorKind::invalid_input, "the rules are larger than 1 MiB: split or shorten them");
  if (csv.find('\0') != std::string_view::npos || valid_utf8(csv) != csv)
    return Error(ErrorKind::invalid_input, "the rules are not UTF-8 text: save the file as UTF-8");
  Rows rows(csv);
  EASYFLOW_TRY(header, rows.next());
  if (!header) return Error(ErrorKind::invalid_input, "line 1: no header: begin with kind,type,pattern,value");
  constexpr std::array<std::string_view, 4> kColumns{"kind", "type", "pattern", "value"};
  std::array<std::size_t, 4> places{};
  for (std::size_t c = 0; c < kColumns.size(); ++c) {
    const auto& names = header->fields;
    const auto found = std::find_if(names.begin(), names.end(),
                                    [&](const std::string& name) { return to_lower(trimmed(name)) == kColumns[c]; });
    places[c] = static_cast<std::size_t>(found - names.begin());
    if (found == names.end() && kColumns[c] != "value")
      return fault(header->line, kColumns[c], "no such column: begin with kind,type,pattern,value");
  }
  auto impl = std::make_unique<Impl>();
  for (std::size_t count = 0;; ++count) {
    EASYFLOW_TRY(row, rows.next());
    if (!row) break;
    if (count == kMostRows) return fault(row->line, "", "more than 5,000 rules: keep what is used");
    if (row->fields.size() > header->fields.size())
      return fault(row->line, "", "more fields than the header has: quote a field that holds the separator");
    const auto field = [&](std::size_t c) {
      return places[c] < row->fields.size() ? trimmed(row->fields[places[c]]) : std::string();
    };
    const std::string kind = field(0);
    std::string type = field(1);
    const std::string pattern = field(2);
    if (kind != "regex" && kind != "lookup")
      return fault(row->line, "kind", "\"" + kind + "\" is unknown: write regex or lookup");
    if (!is_type(type)) return fault(row->line, "type", "write up to 64 of a-z, 0-9 and _, beginning with a letter");
    if (type == "payment_card")
      return fault(row->line, "type", "payment_card is kept for card numbers: choose another name");
    if (pattern.empty()) return fault(row->line, "pattern", "it is empty: write what to look for");
    if (pattern.size() > kLongestPattern)
      return fault(row->line, "pattern", "longer than 500 bytes: split it into several rules");
    if (kind == "regex") {
      if (auto wrong = impl->add_regex(pattern, std::move(type), field(3))) return fault(row->line, "pattern", *wrong);
    } else {
      if (auto wrong = impl->add_phrase(pattern, std::move(type), field(3))) return fault(row->line, "pattern", *wrong);
    }
  }
  return std::shared_ptr<const UserRules>(std::make_shared<UserRules>(std::unique_ptr<const Impl>(std::move(impl))));
}

namespace {

/// No letter or digit stands on both sides of `at`.
bool is_word_edge(const Scan& scan, std::size_t at) {
  const auto next = std::upper_bound(scan.tokens.begin(), scan.tokens.end(), at,
                                     [](std::size_t byte, const Token& token) { return byte < token.begin; });
  if (next == scan.tokens.begin()) return true;
  const auto here = next - 1;  // the last token that begins at or before `at`
  if (here->kind == Token::Kind::sign) return true;
  if (here->begin < at) return at >= here->end;
  return here == scan.tokens.begin() || here->space_before || (here - 1)->kind == Token::Kind::sign;
}

}  // namespace

void find_by_rules(const Scan& scan, const UserRules& rules, std::vector<Candidate>& out) {
  const UserRules::Impl& impl = rules.impl();
  const auto add = [&](std::uint32_t begin, std::uint32_t end, const std::string& type, const std::string& value) {
    out.push_back(
        {type, begin, end, value.empty() ? scan.text.substr(begin, end - begin) : value, 0.9, priority::user_rule});
  };

  if (impl.phrases.size() > 0) {
    std::string phrase;
    for (std::size_t at = 0; at < scan.tokens.size(); ++at) {
      const Lookup* found = impl.phrases.find(scan, scan.tokens[at]);
      if (found == nullptr) continue;
      if (found->meaning < 0 && !found->begins_longer) continue;
      phrase = scan.word(scan.tokens[at]);
      std::int32_t meaning = found->meaning;
      std::size_t last = at;
      for (std::size_t next = at + 1; found != nullptr && found->begins_longer && next < scan.tokens.size(); ++next) {
        phrase += ' ';
        phrase += scan.word(scan.tokens[next]);
        found = impl.phrases.find(phrase);
        if (found != nullptr && found->meaning >= 0) {
          meaning = found->meaning;
          last = next;
        }
      }
      // a whole word: "15" is no part of "iphone15"
      const auto touches = [&](std::size_t left) {
        return left + 1 < scan.tokens.size() && !scan.tokens[left + 1].space_before &&
               scan.tokens[left].kind != Token::Kind::sign && scan.tokens[left + 1].kind != Token::Kind::sign;
      };
      if (meaning < 0 || touches(last) || (at > 0 && touches(at - 1))) continue;
      const Named& named = impl.meanings[static_cast<std::size_t>(meaning)];
      add(scan.tokens[at].begin, scan.tokens[last].end, named.type, named.value);
      at = last;
    }
  }

  std::int64_t work = 0;
  const re2::StringPiece text(scan.text);
  for (const Regex& regex : impl.regexes) {
    const bool has_group = regex.program->NumberOfCapturingGroups() > 0;
    re2::StringPiece groups[2];
    for (std::size_t at = 0, matches = 0; at <= text.size() && matches < kMostMatches; ++matches) {
      work += regex.cost * static_cast<std::int64_t>(text.size() - at + 1);
      if (work > kMostWork) return;
      if (!regex.program->Match(text, at, text.size(), re2::RE2::UNANCHORED, groups, has_group ? 2 : 1)) break;
      const re2::StringPiece span = has_group ? groups[1] : groups[0];
      const auto first = static_cast<std::size_t>(groups[0].data() - text.data());
      const bool has_edges = (!regex.begins_word || is_word_edge(scan, first)) &&
                             (!regex.ends_word || is_word_edge(scan, first + groups[0].size()));
      if (has_edges && span.data() != nullptr && !span.empty()) {
        const auto begin = static_cast<std::uint32_t>(span.data() - text.data());
        add(begin, begin + static_cast<std::uint32_t>(span.size()), regex.type, regex.value);
      }
      at = has_edges && !groups[0].empty() ? first + groups[0].size() : first + 1;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    }
  }
}

}  // namespace easyflow::nlp
