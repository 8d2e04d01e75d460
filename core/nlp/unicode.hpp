// UTF-8 and the few facts about letters that the classifier needs. Private to core/nlp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace easyflow::nlp {

inline constexpr char32_t kReplacement = 0xFFFD;

/// The code point at `at`, which moves behind it. What is not UTF-8 gives U+FFFD for each longest part that could have
/// begun a code point, as browsers and Python count it.
char32_t next_code_point(std::string_view text, std::size_t& at);
/// The same, quick for ASCII and for two bytes, which Cyrillic letters take.
inline char32_t next_letter(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return static_cast<unsigned char>(text[at++]);
  if (lead >= 0xC2 && lead <= 0xDF && at + 1 < text.size()) {
    const auto next = static_cast<unsigned char>(text[at + 1]);
    if ((next & 0xC0) == 0x80) {
      at += 2;
      return (lead & 0x1Fu) << 6 | (next & 0x3Fu);
    }
  }
  return next_code_point(text, at);
}
void append_utf8(std::string& out, char32_t letter);

/// Lower case without accents; ё is е. Full-width ASCII becomes ASCII, every kind of space " ", typographic quotes and
/// dashes "'" and "-". 0 for what has no meaning of its own: zero-width characters, variation selectors, skin tones,
/// combining marks.
inline char32_t fold(char32_t letter);

inline constexpr bool is_digit(char32_t letter) { return letter >= '0' && letter <= '9'; }
inline constexpr bool is_latin(char32_t letter) { return letter >= 'a' && letter <= 'z'; }
/// Including the letters of Kazakh, Ukrainian, Tatar and the like.
inline constexpr bool is_cyrillic(char32_t letter) { return letter >= 0x400 && letter <= 0x52F; }
bool is_emoji(char32_t letter);

/// What letters are, one bit each, so that those of several can be put together.
using Scripts = std::uint8_t;
inline constexpr Scripts kLatin = 1, kCyrillic = 2, kOtherScript = 4, kDigit = 8;
/// One of them; 0 of what is neither a letter nor a digit. After fold().
inline Scripts script_of(char32_t letter);
/// Of any script; after fold().
inline bool is_letter(char32_t letter) { return (script_of(letter) & ~kDigit) != 0; }

/// Both for ASCII, Latin, Greek and Cyrillic, the letters of nearly every message.
struct LowLetters {
  static constexpr char32_t kEnd = 0x530;
  std::array<char16_t, kEnd> folded;
  std::array<Scripts, kEnd> script;
};
extern const LowLetters kLowLetters;
char32_t fold_high(char32_t letter);
bool is_high_letter(char32_t letter);

inline char32_t fold(char32_t letter) {
  return letter < LowLetters::kEnd ? kLowLetters.folded[letter] : fold_high(letter);
}
inline Scripts script_of(char32_t letter) {
  if (letter < LowLetters::kEnd) return kLowLetters.script[letter];
  return is_high_letter(letter) ? kOtherScript : Scripts{0};
}

}  // namespace easyflow::nlp
