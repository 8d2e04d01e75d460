#include "core/nlp/unicode.hpp"

namespace easyflow::nlp {
namespace {

// U+00C0..U+017F without their accents; "." is a sign, not a letter
constexpr std::string_view kLatinBase =
    "aaaaaaaceeeeiiiidnooooo.ouuuuytsaaaaaaaceeeeiiiidnooooo.ouuuuyty"
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllllnnnnnnnnnoooooooorrrrrrsssssssstttttt"
    "uuuuuuuuuuuuwwyyyzzzzzzs";
static_assert(kLatinBase.size() == 0x180 - 0xC0);

constexpr char32_t fold_cyrillic(char32_t letter) {
  if (letter >= 0x410 && letter <= 0x42F) return letter + 0x20;
  if (letter >= 0x400 && letter <= 0x40F) letter += 0x50;
  if (letter == 0x450 || letter == 0x451) return 0x435;  // ѐ, ё: е
  if (letter == 0x45D) return 0x438;                     // ѝ: и
  if (letter >= 0x4C1 && letter <= 0x4CE) return (letter & 1) != 0 ? letter + 1 : letter;
  if (letter == 0x4C0) return 0x4CF;
  if ((letter >= 0x460 && letter <= 0x481) || letter >= 0x48A) return letter | 1;
  return letter;
}

constexpr char32_t fold_low(char32_t letter) {
  if (letter < 0x80) {
    if (letter >= 'A' && letter <= 'Z') return letter + 32;
    return letter < 0x20 || letter == 0x7F ? U' ' : letter;
  }
  if (letter >= 0x400 && letter <= 0x52F) return fold_cyrillic(letter);
  if (letter < 0xC0) {
    if (letter == 0xAD) return 0;  // soft hyphen
    if (letter == 0xAA) return U'a';
    if (letter == 0xBA) return U'o';
    if (letter == 0xB4) return U'\'';
    return letter == 0xA0 || letter < 0xA0 ? U' ' : letter;
  }
  if (letter < 0x180) return static_cast<char32_t>(kLatinBase[letter - 0xC0]);
  if (letter >= 0x300 && letter <= 0x36F) return 0;
  if (letter >= 0x391 && letter <= 0x3A9) return letter + 32;
  return letter;
}

constexpr Scripts script_of_low(char32_t letter) {
  if (is_digit(letter)) return kDigit;
  if (is_latin(letter)) return kLatin;
  if (is_cyrillic(letter)) return letter == 0x482 ? Scripts{0} : kCyrillic;
  const bool is_letter = letter == 0xB5 || (letter >= 0x180 && letter <= 0x2AF) || (letter >= 0x370 && letter <= 0x3FF);
  return is_letter ? kOtherScript : Scripts{0};
}

}  // namespace

constexpr LowLetters kLowLetters = [] {
  LowLetters out{};
  for (char32_t letter = 0; letter < LowLetters::kEnd; ++letter) {
    out.folded[letter] = static_cast<char16_t>(fold_low(letter));
    out.script[letter] = script_of_low(letter);
  }
  return out;
}();

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at++);
  if (lead < 0x80) return lead;
  int more = 0;
  unsigned char low = 0x80, high = 0xBF;
  char32_t letter = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
    letter = lead & 0x1Fu;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    letter = lead & 0x0Fu;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    letter = lead & 0x07u;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return kReplacement;
  }
  for (; more > 0; --more) {
    if (at >= text.size() || byte(at) < low || byte(at) > high) return kReplacement;
    letter = (letter << 6) | (byte(at++) & 0x3Fu);
    low = 0x80;
    high = 0xBF;
  }
  return letter;
}

void append_utf8(std::string& out, char32_t letter) {
  const auto put = [&](char32_t value) { out.push_back(static_cast<char>(value)); };
  if (letter < 0x80) {
    put(letter);
  } else if (letter < 0x800) {
    put(0xC0 | (letter >> 6));
    put(0x80 | (letter & 0x3F));
  } else if (letter < 0x10000) {
    put(0xE0 | (letter >> 12));
    put(0x80 | ((letter >> 6) & 0x3F));
    put(0x80 | (letter & 0x3F));
  } else {
    put(0xF0 | (letter >> 18));
    put(0x80 | ((letter >> 12) & 0x3F));
    put(0x80 | ((letter >> 6) & 0x3F));
    put(0x80 | (letter & 0x3F));
  }
}

char32_t fold_high(char32_t letter) {
  if (letter >= 0x531 && letter <= 0x556) return letter + 48;
  if (letter >= 0x2000 && letter <= 0x206F) {
    if (letter <= 0x200A || letter == 0x2028 || letter == 0x2029 || letter == 0x202F || letter == 0x205F) return U' ';
    if (letter >= 0x2010 && letter <= 0x2015) return U'-';
    if (letter == 0x2018 || letter == 0x2019 || letter == 0x201B || letter == 0x2032) return U'\'';
    if (letter >= 0x201C && letter <= 0x201F) return U'"';
    if (letter == 0x2026) return U'.';
    return letter <= 0x200F || letter >= 0x202A ? (letter >= 0x2030 && letter <= 0x205E ? letter : 0) : letter;
  }
  if (letter == 0x2212) return U'-';
  if (letter == 0x3000) return U' ';
  if ((letter >= 0xFE00 && letter <= 0xFE0F) || letter == 0xFEFF || letter == 0x20E3) return 0;
  if (letter >= 0xFF01 && letter <= 0xFF5E) return fold(letter - 0xFEE0);
  if (letter >= 0x1F3FB && letter <= 0x1F3FF) return 0;  // skin tones
  if (letter >= 0xE0000 && letter <= 0xE01EF) return 0;
  return letter;
}

bool is_high_letter(char32_t letter) {
  return (letter >= 0x530 && letter <= 0x1FFF) || (letter >= 0x2C00 && letter <= 0x2DFF) ||
         (letter >= 0x3040 && letter <= 0xD7FF) || (letter >= 0xF900 && letter <= 0xFDFF) ||
         (letter >= 0xFE70 && letter <= 0xFEFC) || (letter >= 0x20000 && letter <= 0x3FFFF);
}

bool is_emoji(char32_t letter) {
  return (letter >= 0x2600 && letter <= 0x27BF) || (letter >= 0x1F000 && letter <= 0x1FAFF) || letter == 0x2B50 ||
         letter == 0x2B55 || letter == 0x231A || letter == 0x231B || letter == 0x23F0 || letter == 0x23F3;
}

}  // namespace easyflow::nlp
