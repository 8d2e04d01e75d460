#include "bench/nlp/duckling.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <utility>

#include "core/nlp/entities.hpp"
#include "core/nlp/finder.hpp"
#include "core/nlp/lexicon.hpp"

namespace easyflow::bench {
namespace {

void append_utf8(std::string& text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | (code >> 6));
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    text += static_cast<char>(0xE0 | (code >> 12));
    text += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// A Haskell string literal that begins behind the quote at `at`. Moves `at` behind the closing quote.
std::string read_literal(std::string_view source, std::size_t& at) {
  std::string text;
  while (at < source.size() && source[at] != '"') {
    if (source[at] != '\\') {
      text += source[at++];
      continue;
    }
    ++at;
    if (at >= source.size()) break;
    if (source[at] == 'x') {
      std::uint32_t code = 0;
      for (++at; at < source.size() && std::isxdigit(static_cast<unsigned char>(source[at])) != 0; ++at)
        code = code * 16 + static_cast<std::uint32_t>(std::stoi(std::string(1, source[at]), nullptr, 16));
      append_utf8(text, code);
    } else if (source[at] == '&') {
      ++at;  // ends a number, stands for nothing
    } else {
      text += source[at++];
    }
  }
  ++at;
  return text;
}

std::string without_comments(std::string_view source) {
  std::string kept;
  while (!source.empty()) {
    const std::size_t end = std::min(source.find('\n'), source.size());
    const std::string_view line = source.substr(0, end);
    const std::size_t first = line.find_first_not_of(' ');
    if (first == std::string_view::npos || !line.substr(first).starts_with("--")) kept.append(line).append("\n");
    source.remove_prefix(std::min(end + 1, source.size()));
  }
  return kept;
}

}  // namespace

DucklingCorpus read_duckling(std::string_view haskell) {
  const std::string source = without_comments(haskell);
  DucklingCorpus corpus;
  // A definition begins with its name in the first column.
  std::string name;
  bool in_list = false;
  for (std::size_t at = 0; at < source.size();) {
    const bool line_begins = at == 0 || source[at - 1] == '\n';
    if (line_begins && std::isalpha(static_cast<unsigned char>(source[at])) != 0) {
      name = source.substr(at, source.find_first_of(" \n", at) - at);
      in_list = false;
    }
    const char c = source[at];
    if (c == '"') {
      std::string literal = read_literal(source, ++at);
      if (!in_list) continue;  // names of holidays stand outside of lists
      if (name == "negativeCorpus") corpus.negatives.push_back(std::move(literal));
      if (name == "allExamples") corpus.examples.push_back(std::move(literal));
      continue;
    }
    if (c == '[') in_list = true;
    if (c == ']') in_list = false;
    // the outer list holds calls, the inner ones strings
    if (source.compare(at, 8, "examples") == 0) in_list = false;
    ++at;
  }
  return corpus;
}

std::vector<DucklingScore> score_duckling(const std::string& folder) {
  using namespace std::chrono;
  const nlp::Reference reference{sys_days(year(2013) / 2 / 12) + hours(6) + minutes(30), minutes(-120)};
  const std::pair<const char*, const char*> kinds[] = {
      {"Time", "datetime"}, {"AmountOfMoney", "money"}, {"Duration", "duration"}};
  std::vector<DucklingScore> scores;
  for (const char* language : {"RU", "EN"})
    for (const auto& [kind, type] : kinds) {
      DucklingScore score;
      score.corpus = std::string(kind) + "_" + language;
      score.type = type;
      std::ifstream file(folder + "/duckling_corpora/" + score.corpus + "_Corpus.hs", std::ios::binary);
      if (!file) continue;
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      const DucklingCorpus corpus = read_duckling(text);
      const auto found_in = [&](const std::string& example) {
        const nlp::Scan scan = nlp::scan(example, reference);
        const nlp::Phrase phrase(scan);
        std::vector<nlp::Candidate> found;
        nlp::find_times(phrase, found);
        nlp::find_amounts(phrase, found);
        return found;
      };
      for (const std::string& example : corpus.examples) {
        ++score.examples;
        bool right = false;
        for (const nlp::Candidate& found : found_in(example)) {
          if (!right && found.type == type) {
            right = true;
            continue;
          }
          ++score.false_spans;
          score.failures.push_back("false: " + example + " [" + found.type + " " +
                                   example.substr(found.begin, found.end - found.begin) + "]");
        }
        score.right += right ? 1 : 0;
        if (!right) score.failures.push_back("missed: " + example);
      }
      for (const std::string& negative : corpus.negatives)
        for (const nlp::Candidate& found : found_in(negative)) {
          ++score.false_spans;
          score.failures.push_back("false: " + negative + " [" + found.type + "]");
        }
      scores.push_back(std::move(score));
    }
  return scores;
}

}  // namespace easyflow::bench
