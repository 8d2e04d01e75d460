// What the finders of the single entity types see and give. Private to core/nlp: others use entities.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/entities.hpp"

namespace easyflow::nlp {

/// A run of letters, a run of ASCII digits, or one sign of the text: "iphone15" is two tokens, "29.90" three. Byte
/// offsets into Scan::lower, which is as long as Scan::text.
struct Token {
  enum class Kind : std::uint8_t { word, number, sign };
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t hash = 0;  ///< of the lower-case token, the same for ё and е: see Vocabulary
  Kind kind = Kind::sign;
  bool space_before = false;
};

/// A message made ready for all finders at once: valid UTF-8, a lower-case copy of the same length in bytes (ё stays
/// ё), tokens, and which kinds of characters there are, so that a finder can leave at once.
struct Scan {
  std::string text;
  std::string lower;
  std::vector<Token> tokens;
  int digits = 0;
  bool has_at = false;   ///< "@"
  bool has_dot = false;  ///< "." and no space behind it
  /// How many places the rules for times, for amounts and for codes are asked about: 512, or one for every six
  /// characters if that is more. A list of five-digit numbers fits; what stands behind in a text made to be slow is not
  /// looked at. All else is found everywhere.
  int most_places = 0;
  Reference reference;

  std::string_view word(const Token& token) const {
    return std::string_view(lower).substr(token.begin, token.end - token.begin);
  }
};

/// An entity before overlaps are settled. Byte offsets.
struct Candidate {
  std::string type;  ///< empty for a code of Facts::codes
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::string value;
  double confidence = 0.6;
  int priority = 0;  ///< of two that overlap the higher wins, then the longer, then the earlier
};

Scan scan(std::string_view text, const Reference& reference);
/// The text with U+FFFD in place of each piece that is not UTF-8: what Scan::text is and offsets count in.
std::string valid_utf8(std::string_view text);

/// Where the kinds stand when they overlap. A finder may add a little where its cue is strong; above user_rule stands
/// only what must never be stored.
namespace priority {
inline constexpr int payment_card = 1000, user_rule = 900, url = 150, email = 145, phone = 140, tracking_number = 130,
                     money = 120, datetime = 110, duration = 100, quantity = 90, size = 80, order_number = 70, sku = 60,
                     color = 50, city = 40;
}  // namespace priority

class Phrase;  // lexicon.hpp

// time.cpp: datetime and duration. numbers.cpp: the numerals they and the amounts are written in.
void find_times(const Phrase& phrase, std::vector<Candidate>& out);
// amounts.cpp: money and quantity
void find_amounts(const Phrase& phrase, std::vector<Candidate>& out);
// contacts.cpp: url, email, phone, payment_card
void find_contacts(const Scan& scan, std::vector<Candidate>& out);
// goods.cpp: order_number, tracking_number, sku, size, color; and by position the codes that may be one of them
void find_goods(const Scan& scan, std::vector<Candidate>& out, std::vector<Candidate>& codes);
// cities.cpp
void find_cities(const Scan& scan, std::vector<Candidate>& out);
// user_rules.cpp
void find_by_rules(const Scan& scan, const UserRules& rules, std::vector<Candidate>& out);

}  // namespace easyflow::nlp
