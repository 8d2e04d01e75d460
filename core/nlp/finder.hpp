// What the finders of the single entity types see and give. Private to core/nlp: others use entities.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/entities.hpp"

namespace easyflow::nlp {

/// A word, a number or a sign of the text. Byte offsets into Scan::lower, which is as long as Scan::text.
struct Token {
  enum class Kind : std::uint8_t { word, number, sign };
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  Kind kind = Kind::sign;
  bool space_before = false;
};

/// A message made ready for all finders at once: valid UTF-8, a lower-case copy of the same length in bytes (ё stays ё),
/// tokens, and which kinds of characters there are, so that a finder can leave at once.
struct Scan {
  std::string text;
  std::string lower;
  std::vector<Token> tokens;
  int digits = 0;
  bool has_at = false;   ///< "@"
  bool has_dot = false;  ///< "."
  Reference reference;

  std::string_view word(const Token& token) const { return std::string_view(lower).substr(token.begin, token.end - token.begin); }
};

/// An entity before overlaps are settled. Byte offsets.
struct Candidate {
  std::string type;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::string value;
  double confidence = 0.6;
  int priority = 0;  ///< of two that overlap the higher wins, then the longer, then the earlier
};

Scan scan(std::string_view text, const Reference& reference);

// time.cpp: datetime and duration. numbers.cpp: the numerals they and the amounts are written in.
void find_times(const Scan& scan, std::vector<Candidate>& out);
// amounts.cpp: money and quantity
void find_amounts(const Scan& scan, std::vector<Candidate>& out);
// contacts.cpp: url, email, phone, payment_card
void find_contacts(const Scan& scan, std::vector<Candidate>& out);
// goods.cpp: order_number, tracking_number, sku, size, color
void find_goods(const Scan& scan, std::vector<Candidate>& out);
// cities.cpp
void find_cities(const Scan& scan, std::vector<Candidate>& out);

}  // namespace easyflow::nlp
