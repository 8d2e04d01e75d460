#include "core/nlp/normalize.hpp"

#include <algorithm>

#include "core/nlp/unicode.hpp"

namespace easyflow::nlp {
namespace {

constexpr std::size_t kHead = 512;
constexpr std::size_t kTail = 256;
/// Above all code points: an entity of the type whose hash the low bits hold.
constexpr char32_t kEntity = 0x40000000;

bool is_entity(char32_t letter) { return (letter & kEntity) != 0; }

char32_t entity_letter(std::string_view type) {
  std::uint32_t hash = 2166136261u;
  for (char c : type) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return kEntity | (hash & 0x3FFFFFFF);
}

/// Collects folded letters: no two spaces in a row, no letter three times in a row.
class Folded {
 public:
  /// Of at most `units` letters and entities.
  Folded(std::vector<char32_t>& out, std::size_t units) : out_(out) {
    out.resize(units * kMostOfUnit + 1);
    end_ = out.data();
  }
  ~Folded() { out_.resize(size()); }
  Folded(const Folded&) = delete;
  Folded& operator=(const Folded&) = delete;

  void put(char32_t raw) {
    if (raw == 0x306 || raw == 0x308) return compose(raw);
    const char32_t letter = fold(raw);
    if (letter == 0) return;
    if (letter == ' ') {
      if (size() == 0 || end_[-1] == ' ') return;
    } else if (size() >= 2 && end_[-1] == letter && end_[-2] == letter && !is_digit(letter)) {
      return;
    }
    *end_++ = letter;
  }
  void put_entity(char32_t entity) {
    put(' ');
    *end_++ = entity;
    *end_++ = ' ';
  }

 private:
  /// The two Russian letters that may come as a letter and a mark: й and ё (which is е here).
  void compose(char32_t mark) {
    if (mark == 0x306 && size() > 0 && end_[-1] == U'и') end_[-1] = U'й';
  }
  std::size_t size() const { return static_cast<std::size_t>(end_ - out_.data()); }

  static constexpr std::size_t kMostOfUnit = 3;  ///< an entity and the spaces around it
  std::vector<char32_t>& out_;
  char32_t* end_;
};

void read(std::string_view text, const std::vector<Entity>* entities, std::vector<char32_t>& out) {
  Folded folded(out, std::min(text.size(), kHead + kTail));
  char32_t tail[kTail];
  std::size_t index = 0;
  auto next = entities != nullptr ? entities->begin() : std::vector<Entity>::const_iterator{};
  const auto end = entities != nullptr ? entities->end() : next;
  std::size_t entity_end = 0;
  std::size_t units = 0;  // letters and entities seen; those after the head wait in a ring
  for (std::size_t at = 0; at < text.size(); ++index) {
    char32_t letter = next_letter(text, at);
    if (index < entity_end) continue;
    while (next != end && next->start < index) ++next;  // overlapping or out of order: leave it out
    if (next != end && next->start == index && next->end > index) {
      letter = entity_letter(next->type);
      entity_end = next->end;
      ++next;
    }
    if (units < kHead) {
      is_entity(letter) ? folded.put_entity(letter) : folded.put(letter);
    } else {
      tail[(units - kHead) % kTail] = letter;
    }
    ++units;
  }
  if (units <= kHead) return;
  const auto behind = units - kHead;
  if (behind > kTail) folded.put(' ');
  for (auto i = behind > kTail ? behind - kTail : 0; i < behind; ++i) {
    const char32_t letter = tail[i % kTail];
    is_entity(letter) ? folded.put_entity(letter) : folded.put(letter);
  }
}

Scripts scripts_of(const char32_t* letters, std::size_t size) {
  Scripts out = 0;
  for (std::size_t i = 0; i < size; ++i) out |= script_of(letters[i]);
  return out;
}

/// Calls use(begin, end) for every stretch between spaces, entities left out.
template <class Use>
void each_chunk(const std::vector<char32_t>& letters, Use use) {
  for (std::size_t begin = 0; begin < letters.size();) {
    if (letters[begin] == ' ' || is_entity(letters[begin])) {
      ++begin;
      continue;
    }
    auto end = begin;
    while (end < letters.size() && letters[end] != ' ' && !is_entity(letters[end])) ++end;
    use(begin, end);
    begin = end;
  }
}

/// Signs that follow a word in either layout.
bool is_stop(char32_t letter) { return letter < 0x80 && script_of(letter) == 0; }

/// A chunk as it stands and as the other layout would have it.
struct Reading {
  bool known = false;        ///< as it stands
  bool known_other = false;  ///< in the other layout
  std::size_t size = 0;      ///< of what would be rewritten
};

Reading read_chunk(const KnownWords& dictionary, const char32_t* letters, std::size_t size, Words& words) {
  Reading out;
  const auto scripts = scripts_of(letters, size);
  if (((scripts & kLatin) == 0) == ((scripts & kCyrillic) == 0)) return out;
  const bool to_russian = (scripts & kLatin) != 0;
  if (to_russian ? !dictionary.has_cyrillic() : !dictionary.has_latin()) return out;
  std::size_t core = size, front = 0;
  while (core > 0 && is_stop(letters[core - 1])) --core;
  while (front < core && is_stop(letters[front])) ++front;
  out.known = dictionary.contains(letters + front, core - front) ||
              (to_russian && core - front > 2 && dictionary.by_sound(letters + front, core - front, words.piece));
  if (out.known) return out;
  words.piece.clear();
  for (std::size_t i = 0; i < size; ++i) {
    const char32_t other = other_layout(letters[i]);
    if (other == 0 && i < core) return out;
    words.piece.push_back(other);
  }
  // "," and "." behind a word may be the letters б and ю, or what they are
  for (out.size = size; out.size >= core && out.size > 0; --out.size)
    if (words.piece[out.size - 1] != 0 && dictionary.contains(words.piece.data(), out.size)) {
      out.known_other = true;
      return out;
    }
  out.size = core;
  return out;
}

void repair_layout(const KnownWords& dictionary, Words& words) {
  std::size_t known = 0, other = 0, long_other = 0;
  each_chunk(words.folded, [&](std::size_t begin, std::size_t end) {
    const auto reading = read_chunk(dictionary, words.folded.data() + begin, end - begin, words);
    known += reading.known ? 1 : 0;
    other += reading.known_other ? 1 : 0;
    long_other += reading.known_other && reading.size >= 4 ? 1 : 0;
  });
  const bool all = other > known && (long_other > 0 || other > 1);
  if (!all && long_other == 0) return;
  each_chunk(words.folded, [&](std::size_t begin, std::size_t end) {
    const auto reading = read_chunk(dictionary, words.folded.data() + begin, end - begin, words);
    if (reading.known || reading.size == 0) return;
    if (!reading.known_other && !all) return;
    if (reading.known_other && !all && reading.size < 4) return;
    for (std::size_t i = 0; i < reading.size; ++i) words.folded[begin + i] = words.piece[i];
  });
}

/// Letters of the two scripts that look the same: "cпacибo" with Latin c, a, o.
char32_t lookalike(char32_t letter) {
  switch (letter) {
    case 'a': return U'а';
    case 'b': return U'в';
    case 'c': return U'с';
    case 'e': return U'е';
    case 'h': return U'н';
    case 'k': return U'к';
    case 'm': return U'м';
    case 'o': return U'о';
    case 'p': return U'р';
    case 't': return U'т';
    case 'x': return U'х';
    case 'y': return U'у';
    default: return 0;
  }
}

void repair_lookalikes(std::vector<char32_t>& letters, const Words::Span& span) {
  if ((span.scripts & kLatin) == 0 || (span.scripts & kCyrillic) == 0) return;
  for (auto i = span.begin; i < span.end; ++i)
    if (is_latin(letters[i]) && lookalike(letters[i]) == 0) return;
  for (auto i = span.begin; i < span.end; ++i)
    if (is_latin(letters[i])) letters[i] = lookalike(letters[i]);
}

bool is_mark(char32_t letter) {
  return letter == '?' || letter == '!' || letter == '%' || letter == '$' || letter == '#' || letter == '@' ||
         letter == U'№' || letter == U'£' || (letter >= 0x20A0 && letter <= 0x20CF) || is_emoji(letter);
}

void split(Words& words) {
  const auto& from = words.folded;
  auto& letters = words.letters;
  letters.clear();
  words.spans.clear();
  const auto put = [&](std::size_t begin, Words::Kind kind, Scripts scripts) {
    words.spans.push_back(
        {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(letters.size()), kind, scripts});
  };
  for (std::size_t i = 0; i < from.size();) {
    const auto begin = letters.size();
    Scripts scripts = script_of(from[i]);
    if (scripts == 0) {
      const bool entity = is_entity(from[i]);
      if (entity || (is_mark(from[i]) && (i == 0 || from[i - 1] != from[i]))) {
        letters.push_back(from[i]);
        put(begin, entity ? Words::Kind::entity : Words::Kind::mark, 0);
      }
      ++i;
      continue;
    }
    for (; i < from.size(); ++i) {
      if (const auto script = script_of(from[i]); script != 0) {
        letters.push_back(from[i]);
        scripts |= script;
      } else if (from[i] != '\'' || i + 1 == from.size() || !is_letter(from[i + 1])) {
        break;  // an apostrophe inside a word falls out: "don't" is "dont"
      }
    }
    put(begin, Words::Kind::word, scripts);
  }
}

void repair_transliteration(const KnownWords& dictionary, Words& words) {
  const auto is_candidate = [&](const Words::Span& span) {
    if (span.scripts == kLatin) return true;
    if (span.scripts != (kLatin | kDigit)) return false;
    const auto* letters = words.letters.data();
    return span.end - span.begin > 2 && std::count_if(letters + span.begin, letters + span.end, is_digit) == 1;
  };
  const auto count = [&](bool known, bool sounds, std::size_t shortest) {
    return std::count_if(words.spans.begin(), words.spans.end(), [&](const Words::Span& span) {
      const auto* letters = words.letters.data() + span.begin;
      const std::size_t size = span.end - span.begin;
      return is_candidate(span) && size >= shortest && dictionary.contains(letters, size) == known &&
             dictionary.by_sound(letters, size, words.piece) == sounds;
    });
  };
  const auto russian = count(/*known=*/false, /*sounds=*/true, 3);
  if (russian == 0) return;  // of English messages mostly, for which nothing more is looked up
  const auto english = count(/*known=*/true, /*sounds=*/false, 1);
  if (russian <= english) return;
  words.rewritten.clear();
  for (auto& span : words.spans) {
    const auto* letters = words.letters.data() + span.begin;
    const std::size_t size = span.end - span.begin;
    const auto begin = static_cast<std::uint32_t>(words.rewritten.size());
    bool changed = false;
    if (is_candidate(span)) {
      changed = dictionary.by_sound(letters, size, words.piece);
      if (!changed && !dictionary.contains(letters, size)) {
        transliterate(letters, size, words.piece);
        changed = true;
      }
    }
    if (changed)
      words.rewritten.insert(words.rewritten.end(), words.piece.begin(), words.piece.end());
    else
      words.rewritten.insert(words.rewritten.end(), letters, letters + size);
    span.begin = begin;
    span.end = static_cast<std::uint32_t>(words.rewritten.size());
  }
  words.letters.swap(words.rewritten);
}

/// Every digit becomes 0, and more than six of them become six: the form of a number without the number.
void shape_digits(Words& words) {
  for (auto& span : words.spans) {
    if ((span.scripts & kDigit) == 0) continue;
    auto out = span.begin;
    std::size_t run = 0;
    for (auto i = span.begin; i < span.end; ++i) {
      char32_t letter = words.letters[i];
      run = is_digit(letter) ? run + 1 : 0;
      if (run > 6) continue;
      words.letters[out++] = run > 0 ? U'0' : letter;
    }
    span.end = out;
  }
}

}  // namespace

void normalize(std::string_view text, const std::vector<Entity>* entities, const KnownWords* dictionary, Words& out) {
  read(text, entities, out.folded);
  const bool repairs = dictionary != nullptr && dictionary->has_cyrillic();
  if (repairs) repair_layout(*dictionary, out);
  split(out);
  for (const auto& span : out.spans) repair_lookalikes(out.letters, span);
  if (repairs) repair_transliteration(*dictionary, out);
  shape_digits(out);
}

std::string to_text(const Words& words) {
  std::string out;
  for (const auto& span : words.spans) {
    if (!out.empty()) out.push_back(' ');
    if (span.kind == Words::Kind::entity) {
      out += "<>";
      continue;
    }
    for (auto i = span.begin; i < span.end; ++i) append_utf8(out, words.letters[i]);
  }
  return out;
}

}  // namespace easyflow::nlp
