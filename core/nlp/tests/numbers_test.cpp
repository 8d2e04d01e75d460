#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/nlp/lexicon.hpp"
#include "core/nlp/numbers.hpp"

namespace easyflow::nlp {
namespace {

/// "thousandths/tokens" of the cardinal the text begins with, or "-".
std::string cardinal(std::string_view text) {
  const Scan scanned = scan(text, {});
  const Phrase phrase(scanned);
  const auto number = read_cardinal(phrase, 0, Grouping::thousands);
  return number ? std::to_string(number->thousandths) + "/" + std::to_string(number->end) : "-";
}
std::string ordinal(std::string_view text) {
  const Scan scanned = scan(text, {});
  const Phrase phrase(scanned);
  const auto number = read_ordinal(phrase, 0);
  return number ? std::to_string(number->whole()) + "/" + std::to_string(number->end) : "-";
}

struct Case {
  std::string_view text;
  std::string_view expected;
};

TEST(NlpNumbers, ReadsCardinals) {
  const Case cases[] = {
      {"25", "25000/1"},
      {"1,5", "1500/3"},
      {"0.25 кг", "250/3"},
      {"2 490 ₽", "2490000/2"},
      {"2\u00A0490\u00A0000 ₽", "2490000000/3"},
      {"12,990.50", "12990500/5"},
      {"1.299", "1299000/3"},
      {"10к", "10000000/2"},
      {"10 к", "10000/1"},
      {"1,5 тыс", "1500000/4"},
      {"2 млн", "2000000000/2"},
      {"ноль", "0/1"},
      {"двадцать пять", "25000/2"},
      {"двадцати пяти", "25000/2"},
      {"сто сорок три рубля", "143000/3"},
      {"две тысячи четыреста", "2400000/3"},
      {"тысяча двести", "1200000/2"},
      {"пять миллионов двести тысяч", "5200000000/4"},
      {"девятьсот девяносто девять", "999000/3"},
      {"тысячу", "1000000/1"},
      {"полтора", "1500/1"},
      {"полторы тысячи", "1500000/2"},
      {"три с половиной", "3500/3"},
      {"пару", "2000/1"},
      {"пару тысяч", "2000000/2"},
      {"дюжину", "12000/1"},
      {"двое", "2000/1"},
      {"twenty-five", "25000/3"},
      {"three hundred and five", "305000/4"},
      {"a hundred", "100000/2"},
      {"two thousand five hundred", "2500000/4"},
      {"a dozen", "12000/2"},
      {"two dozen", "24000/2"},
      {"a couple of", "2000/3"},
      {"five and a half", "5500/4"},
      {"desyat", "-"},  // a Latin word means its Russian sound only where the message is Russian
      {"gde desyat", "-"},
      {"рубль", "-"},
      {"один два", "1000/1"},
      {"пять двадцать", "5000/1"},
      {"12345678901234567890", "-"},
  };
  for (const Case& c : cases) EXPECT_EQ(cardinal(c.text), c.expected) << c.text;
}

TEST(NlpNumbers, ReadsRussianInLatinLetters) {
  const Scan scanned = scan("zakaz dvadtsat pyat", {});
  const Phrase phrase(scanned);
  const auto number = read_cardinal(phrase, 1, Grouping::none);
  ASSERT_TRUE(number);
  EXPECT_EQ(number->whole(), 25);
}

TEST(NlpNumbers, ReadsOrdinals) {
  const Case cases[] = {
      {"5-го", "5/3"},
      {"5го", "5/2"},
      {"21st", "21/2"},
      {"пятого", "5/1"},
      {"третий", "3/1"},
      {"третьему", "3/1"},
      {"двадцать пятого", "25/2"},
      {"тридцать первое", "31/2"},
      {"twenty-first", "21/3"},
      {"third", "3/1"},
      {"восьмое", "8/1"},
      {"5 го", "-"},
      {"пять", "-"},
      {"125-го", "-"},
      {"двадцать пять", "-"},
  };
  for (const Case& c : cases) EXPECT_EQ(ordinal(c.text), c.expected) << c.text;
}

TEST(NlpNumbers, WritesDecimals) {
  EXPECT_EQ(decimal(2490000, 2), "2490");
  EXPECT_EQ(decimal(1500500, 2), "1500.50");
  EXPECT_EQ(decimal(2500, 0), "2.5");
  EXPECT_EQ(decimal(1005, 2), "1.005");
  EXPECT_EQ(decimal(0, 2), "0");
}

}  // namespace
}  // namespace easyflow::nlp
