#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/nlp/finder.hpp"
#include "core/nlp/vocabulary.hpp"

namespace easyflow::nlp {
namespace {

enum class Sort : std::uint8_t { letter, digit, space, sign };

constexpr char32_t kReplacement = 0xFFFD;

constexpr Sort sort_of_ascii(unsigned c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Sort::letter;
  if (c >= '0' && c <= '9') return Sort::digit;
  return c <= ' ' || c == 0x7F ? Sort::space : Sort::sign;
}

/// Of the code points below U+0800: ASCII and all that takes two bytes.
constexpr Sort sort_of_low(unsigned c) {
  if (c < 0x80) return sort_of_ascii(c);
  if (c <= 0xA0 || c == 0xAD) return Sort::space;  // controls, no-break space, soft hyphen
  if (c < 0xC0) return c == 0xAA || c == 0xB5 || c == 0xBA ? Sort::letter : Sort::sign;
  if (c == 0xD7 || c == 0xF7) return Sort::sign;
  return Sort::letter;
}

constexpr Sort sort_of_high(char32_t c) {
  if (c == 0x1680 || (c >= 0x2000 && c <= 0x200B) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
      c == 0x2060 || c == 0x3000 || c == 0xFEFF)
    return Sort::space;
  if ((c >= 0x2000 && c <= 0x2BFF) || (c >= 0x2E00 && c <= 0x2E7F) || (c >= 0x3001 && c <= 0x3020) ||
      (c >= 0xE000 && c <= 0xF8FF) || (c >= 0xFE00 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF0F) ||
      (c >= 0xFFE0 && c <= 0xFFFF) || (c >= 0x1F000 && c <= 0x1FAFF) || c >= 0xE0000)
    return Sort::sign;
  return Sort::letter;
}

/// Lower case where it takes as many bytes, else the character itself.
constexpr unsigned lower_of_low(unsigned c) {
  if (c >= 'A' && c <= 'Z') return c + 0x20;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 0x20;
  if (c >= 0x100 && c <= 0x17F) {
    if (c == 0x130 || c == 0x131 || c == 0x138 || c == 0x149 || c == 0x17F) return c;
    if (c == 0x178) return 0xFF;
    const bool odd_is_capital = (c >= 0x139 && c <= 0x148) || c >= 0x179;
    return (c % 2 == 1) == odd_is_capital ? c + 1 : c;
  }
  if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 0x20;
  if (c >= 0x410 && c <= 0x42F) return c + 0x20;
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  if (c == 0x4C0) return 0x4CF;
  if (c >= 0x4C1 && c <= 0x4CE) return c % 2 == 1 ? c + 1 : c;
  if ((c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x52F)) return c % 2 == 0 ? c + 1 : c;
  if (c >= 0x531 && c <= 0x556) return c + 0x30;  // Armenian
  return c;
}

struct LowTable {
  std::array<Sort, 0x800> sort{};
  std::array<std::uint16_t, 0x800> lower{};
};
constexpr LowTable make_low_table() {
  LowTable table;
  for (unsigned c = 0; c < 0x800; ++c) {
    table.sort[c] = sort_of_low(c);
    table.lower[c] = static_cast<std::uint16_t>(lower_of_low(c));
  }
  return table;
}
constexpr LowTable kLow = make_low_table();

struct Decoded {
  char32_t code = kReplacement;
  std::uint32_t bytes = 1;
  bool valid = false;
};

/// The character at `at`. What is not UTF-8: the longest beginning of a character that stands there, at least a byte.
Decoded decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned first = byte(at);
  if (first < 0x80) return {first, 1, true};
  std::uint32_t bytes = 0;
  char32_t code = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    bytes = 2;
    code = first & 0x1F;
  } else if (first >= 0xE0 && first <= 0xEF) {
    bytes = 3;
    code = first & 0x0F;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    bytes = 4;
    code = first & 0x07;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return {};
  }
  for (std::uint32_t i = 1; i < bytes; ++i) {
    const unsigned next = byte(at + i);
    if (next < low || next > high) return {kReplacement, i, false};
    code = (code << 6) | (next & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {code, bytes, true};
}

constexpr std::uint32_t kHashStart = 2166136261U;
constexpr std::uint32_t kHashStep = 16777619U;
constexpr unsigned kYo = 0x451;
constexpr unsigned kYe = 0x435;

std::uint32_t add_to_hash(std::uint32_t hash, unsigned code) { return (hash ^ code) * kHashStep; }

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Decoded next = decode(text, at);
    if (!next.valid) {
      valid.append(text, done, at - done);
      valid += "\xEF\xBF\xBD";
      done = at + next.bytes;
    }
    at += next.bytes;
  }
  return valid.append(text, done);
}

Scan scan(std::string_view text, const Reference& reference) {
  Scan s;
  s.reference = reference;
  s.text.assign(text);
  s.lower = s.text;
  s.tokens.reserve(text.size() / 4 + 4);
  bool space = false;
  bool open = false;  // the last token may go on
  std::uint32_t hash = kHashStart;
  const auto size = static_cast<std::uint32_t>(s.text.size());
  for (std::uint32_t at = 0; at < size;) {
    auto c = static_cast<unsigned>(static_cast<unsigned char>(s.text[at]));
    std::uint32_t bytes = 1;
    Sort sort = Sort::sign;
    unsigned mark = c;  // what the hash takes in
    if (c < 0x80) {
      sort = kLow.sort[c];
      mark = kLow.lower[c];
      s.lower[at] = static_cast<char>(mark);
      if (c == '@') s.has_at = true;
      if (c == '.') s.has_dot = s.has_dot || (at + 1 < size && s.text[at + 1] != ' ');
    } else {
      const Decoded next = decode(s.text, at);
      if (!next.valid) return scan(valid_utf8(text), reference);
      bytes = next.bytes;
      if (bytes == 2) {
        sort = kLow.sort[next.code];
        const unsigned lower = kLow.lower[next.code];
        s.lower[at] = static_cast<char>(0xC0 | (lower >> 6));
        s.lower[at + 1] = static_cast<char>(0x80 | (lower & 0x3F));
        mark = lower == kYo ? kYe : lower;
      } else {
        sort = sort_of_high(next.code);
        mark = static_cast<unsigned>(next.code);
      }
    }
    if (sort == Sort::space) {
      space = true;
      open = false;
    } else {
      const auto kind = sort == Sort::letter  ? Token::Kind::word
                        : sort == Sort::digit ? Token::Kind::number
                                              : Token::Kind::sign;
      if (sort == Sort::digit) ++s.digits;
      if (open && s.tokens.back().kind == kind) {
        hash = add_to_hash(hash, mark);
        s.tokens.back().end = at + bytes;
        s.tokens.back().hash = hash;
      } else {
        hash = add_to_hash(kHashStart, mark);
        s.tokens.push_back({at, at + bytes, hash, kind, space});
      }
      open = sort != Sort::sign;
      space = false;
    }
    at += bytes;
  }
  constexpr std::ptrdiff_t kFewestPlaces = 512;
  const auto characters = std::count_if(s.text.begin(), s.text.end(),
                                        [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  s.most_places = static_cast<int>(std::max(kFewestPlaces, characters / 6));
  return s;
}

std::uint32_t hash_word(std::string_view lower) {
  std::uint32_t hash = kHashStart;
  for (std::size_t at = 0; at < lower.size();) {
    const Decoded next = decode(lower, at);
    hash = add_to_hash(hash, next.code == kYo ? kYe : static_cast<unsigned>(next.code));
    at += next.bytes;
  }
  return hash;
}

std::string fold_yo(std::string_view lower) {
  std::string folded(lower);
  for (std::size_t at = folded.find("ё"); at != std::string::npos; at = folded.find("ё", at))
    folded.replace(at, 2, "е");
  return folded;
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (std::size_t at = 0; at < lower.size();) {
    const Decoded next = decode(lower, at);
    if (next.valid && next.bytes <= 2) {
      const unsigned code = kLow.lower[next.code];
      if (next.bytes == 1) {
        lower[at] = static_cast<char>(code);
      } else {
        lower[at] = static_cast<char>(0xC0 | (code >> 6));
        lower[at + 1] = static_cast<char>(0x80 | (code & 0x3F));
      }
    }
    at += next.bytes;
  }
  return lower;
}

namespace {

/// The Latin spellings of a Russian letter, the most usual first.
struct Spelling {
  std::string_view letter;
  std::array<std::string_view, 4> latin;
  std::size_t ways;
};
constexpr Spelling kSpellings[] = {
    {"а", {"a"}, 1},
    {"б", {"b"}, 1},
    {"в", {"v", "w"}, 1},
    {"г", {"g"}, 1},
    {"д", {"d"}, 1},
    {"е", {"e", "ye"}, 1},
    {"ё", {"e", "yo", "o"}, 3},
    {"ж", {"zh", "j"}, 2},
    {"з", {"z"}, 1},
    {"и", {"i"}, 1},
    {"й", {"y", "j", "i", ""}, 4},
    {"к", {"k"}, 1},
    {"л", {"l"}, 1},
    {"м", {"m"}, 1},
    {"н", {"n"}, 1},
    {"о", {"o"}, 1},
    {"п", {"p"}, 1},
    {"р", {"r"}, 1},
    {"с", {"s"}, 1},
    {"т", {"t"}, 1},
    {"у", {"u"}, 1},
    {"ф", {"f"}, 1},
    {"х", {"h", "kh", "x"}, 3},
    {"ц", {"ts", "c"}, 2},
    {"ч", {"ch"}, 1},
    {"ш", {"sh"}, 1},
    {"щ", {"sch", "shch"}, 2},
    {"ъ", {""}, 1},
    {"ы", {"y", "i"}, 2},
    {"ь", {"", "'"}, 1},
    {"э", {"e"}, 1},
    {"ю", {"yu", "u", "iu", "ju"}, 4},
    {"я", {"ya", "ia", "ja"}, 3},
};

}  // namespace

std::vector<std::string> transliterations(std::string_view word, std::size_t limit) {
  std::vector<std::string> ways{""};
  for (std::size_t at = 0; at < word.size();) {
    const std::uint32_t bytes = decode(word, at).bytes;
    const std::string_view letter = word.substr(at, bytes);
    const Spelling* spelling = nullptr;
    for (const Spelling& one : kSpellings)
      if (one.letter == letter) spelling = &one;
    const std::size_t before = ways.size();
    if (spelling != nullptr) {
      for (std::size_t way = 1; way < spelling->ways; ++way)
        for (std::size_t i = 0; i < before && ways.size() < limit; ++i)
          ways.push_back(ways[i] + std::string(spelling->latin[way]));
    }
    for (std::size_t i = 0; i < before; ++i) ways[i] += spelling != nullptr ? spelling->latin[0] : letter;
    at += bytes;
  }
  return ways;
}

}  // namespace easyflow::nlp
