// Numbers in a message: digits, words, and both. Private to core/nlp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/nlp/lexicon.hpp"

namespace easyflow::nlp {

struct Numeral {
  int end = 0;  ///< the token after it
  std::int64_t thousandths = 0;
  int digits = 0;              ///< how many were written before a point or a magnitude; 0 when in words
  bool has_magnitude = false;  ///< "тысяч", "к", "million"
  bool has_point = false;
  bool from_pair = false;  ///< "пара", "a couple": may count pairs as well as be the number two

  bool is_whole() const { return thousandths % 1000 == 0; }
  std::int64_t whole() const { return thousandths / 1000; }
};

/// How digits may be grouped.
enum class Grouping : std::uint8_t { none, thousands };

/// A cardinal that begins at `at`: "25", "1,5", "2 490", "10к", "1,5 тыс.", "двадцать пять", "полторы тысячи", "пару",
/// "three hundred and five", "a dozen", "три с половиной". At most 10^12.
std::optional<Numeral> read_cardinal(const Phrase& phrase, int at, Grouping grouping);

/// An ordinal of 1..99: "21st", "5-го", "двадцать пятого", "third".
std::optional<Numeral> read_ordinal(const Phrase& phrase, int at);

/// What was read at a place last: several rules ask for the same in a row. `how` tells the ways of reading apart.
template <class T>
class Remembered {
 public:
  template <class Read>
  const std::optional<T>& at(int place, unsigned how, Read read) {
    if (place != place_ || how != how_) {
      auto value = read();  // may remember other places on its way
      value_ = std::move(value);
      place_ = place;
      how_ = how;
    }
    return value_;
  }
  void forget() { place_ = -1; }

 private:
  int place_ = -1;
  unsigned how_ = 0;
  std::optional<T> value_;
};

/// "25", "0.5", "1500.50": no more digits after the point than needed, but at least `decimals` if there are any.
std::string decimal(std::int64_t thousandths, int decimals);

}  // namespace easyflow::nlp
