#include "core/understanding/masked_text.hpp"

#include <gmock/gmock.h>

namespace easyflow::understanding {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::Optional;
using testing::Pair;

TEST(MaskedText, HidesCardsPhonesAndAddressesAndNothingElse) {
  MaskedText masked("Заказ 66102, карта 4242 4242 4242 4242, тел. +7 916 123-45-67, почта Ivan.Petrov@mail.ru", "[]");
  EXPECT_THAT(masked.text(), HasSubstr("Заказ 66102"));
  EXPECT_THAT(masked.text(), HasSubstr("[card]"));
  EXPECT_THAT(masked.text(), HasSubstr("[phone]"));
  EXPECT_THAT(masked.text(), HasSubstr("[email]"));
  for (const char* secret : {"4242", "916", "45-67", "Petrov", "mail.ru"})
    EXPECT_THAT(masked.text(), Not(HasSubstr(secret)));
}

TEST(MaskedText, HidesWhatWasFoundWhenTheMessageWasStored) {
  // the stored text shows the last digits; only the stored entity tells that this is a card
  MaskedText masked("карта **** **** **** 4242, доб. 12-34",
                    R"([{"type":"payment_card","start":6,"end":25},{"type":"phone","start":27,"end":37},
                        {"type":"order_number","start":0,"end":5}])");
  EXPECT_EQ(masked.text(), "карта [card], [phone]");
}

TEST(MaskedText, OverlappingFindsHideAllTheyCover) {
  MaskedText masked("тел. +7 916 123-45-67 звоните", R"([{"type":"phone","start":0,"end":14}])");
  EXPECT_EQ(masked.text(), "[phone] звоните");
}

TEST(MaskedText, SurvivesEntitiesThatAreNone) {
  for (const char* entities :
       {"", "{}", "[1,null,{}]", R"([{"type":"phone"}])", R"([{"type":"phone","start":-1,"end":"x"}])",
        R"([{"type":"phone","start":5,"end":2}])", R"([{"type":"phone","start":90,"end":99999999999}])"})
    EXPECT_EQ(MaskedText("привет всем", entities).text(), "привет всем") << entities;
  EXPECT_EQ(MaskedText("", "[]").text(), "");
}

TEST(MaskedText, KnowsWhereUnchangedTextStands) {
  //               0         1         2
  //               0123456789012345678901234567
  MaskedText masked("Зовите: a@b.ru или в Тулу", R"([])");
  ASSERT_EQ(masked.text(), "Зовите: [email] или в Тулу");
  EXPECT_THAT(masked.original(0, 6), Optional(Pair(0u, 6u)));
  EXPECT_THAT(masked.original(22, 26), Optional(Pair(21u, 25u)));
  EXPECT_EQ(masked.original(8, 15), std::nullopt) << "the mask itself";
  EXPECT_EQ(masked.original(5, 10), std::nullopt) << "partly in the mask";
  EXPECT_EQ(masked.original(0, 26), std::nullopt) << "around the mask";
  EXPECT_EQ(masked.original(24, 27), std::nullopt) << "beyond the end";
  EXPECT_EQ(masked.original(3, 3), std::nullopt);
}

}  // namespace
}  // namespace easyflow::understanding
