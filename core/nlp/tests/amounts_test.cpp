#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/nlp/tests/times_found.hpp"

namespace easyflow::nlp {
namespace {

using testing::found_by;

struct Case {
  std::string_view text;
  std::string_view expected;
};

TEST(NlpAmounts, FindsMoney) {
  const Case cases[] = {
      {"придут 1 150 руб?", "money 1 150 руб=1150 RUB"},
      {"вернули 4 200₽", "money 4 200₽=4200 RUB"},
      {"за 7000 руб такое позорище", "money 7000 руб=7000 RUB"},
      {"было 899 руб", "money 899 руб=899 RUB"},
      {"от 3000 р в день", "money 3000 р=3000 RUB"},
      {"верните 1299,50 руб.", "money 1299,50 руб=1299.50 RUB"},
      {"1 299 рублей 50 копеек", "money 1 299 рублей 50 копеек=1299.50 RUB"},
      {"2490.00 ₽", "money 2490.00 ₽=2490 RUB"},
      {"12.990 руб.", "money 12.990 руб=12990 RUB"},
      {"30 тыс. р.", "money 30 тыс. р=30000 RUB"},
      {"2,5 тыс. рублей", "money 2,5 тыс. рублей=2500 RUB"},
      {"1.5к руб", "money 1.5к руб=1500 RUB"},
      {"пять тысяч рублей", "money пять тысяч рублей=5000 RUB"},
      {"полторы тысячи рублей", "money полторы тысячи рублей=1500 RUB"},
      {"тысячу рублей", "money тысячу рублей=1000 RUB"},
      {"две тысячи четыреста рублей", "money две тысячи четыреста рублей=2400 RUB"},
      {"руб 500", "money руб 500=500 RUB"},
      {"50 копеек", "money 50 копеек=0.50 RUB"},
      {"0 руб", "money 0 руб=0 RUB"},
      {"2,5 млн руб", "money 2,5 млн руб=2500000 RUB"},
      {"перевёл 15 тысяч", "money 15 тысяч=15000 RUB"},
      {"это стоит 15 тысяч?", "money 15 тысяч=15000 RUB"},
      {"отдам за полторы тысячи", "money полторы тысячи=1500 RUB"},
      {"скинете до 2к?", "money 2к=2000 RUB"},
      {"2 тыс", "money 2 тыс=2000 RUB"},
      {"5 косарей", "money 5 косарей=5000 RUB"},
      {"пятихатку скинь", "money пятихатку=500 RUB"},
      {"цена 1500", "money 1500=1500 RUB"},
      {"стоит 1500?", "money 1500=1500 RUB"},
      {"почему 1500, если вчера было 1200?", "money 1500=1500 RUB; money 1200=1200 RUB"},
      {"цена была 1500, а стала 1900", "money 1500=1500 RUB; money 1900=1900 RUB"},
      {"а за 1200 отдадите?", "money 1200=1200 RUB"},
      {"за 1500 забираю", "money 1500=1500 RUB"},
      {"стоимость доставки 350?", "money 350=350 RUB"},
      {"бюджет до 5000", "money 5000=5000 RUB"},
      {"200-300 р", "money 200-300 р="},
      {"от 500 до 1000 рублей", "money от 500 до 1000 рублей="},
      {"500 или 600 рублей", "money 500 или 600 рублей="},
      {"12 500 тенге", "money 12 500 тенге=12500 KZT"},
      {"120 BYN", "money 120 BYN=120 BYN"},
      {"99 бел. руб.", "money 99 бел. руб=99 BYN"},
      {"45 белорусских рублей", "money 45 белорусских рублей=45 BYN"},
      {"10 000 сум", "money 10 000 сум=10000 UZS"},
      {"300 сомов", "money 300 сомов=300 KGS"},
      {"4000 драм", "money 4000 драм=4000 AMD"},
      {"20 лари", "money 20 лари=20 GEL"},
      {"15 манат", "money 15 манат=15 AZN"},
      {"250 грн", "money 250 грн=250 UAH"},
      {"100 дирхам", "money 100 дирхам=100 AED"},
      {"30 лир", "money 30 лир=30 TRY"},
      {"45 юаней", "money 45 юаней=45 CNY"},
      {"сто баксов", "money сто баксов=100 USD"},
      {"две штуки баксов", "money две штуки баксов=2000 USD"},
      {"100$", "money 100$=100 USD"},
      {"US$ 3.14", "money US$ 3.14=3.14 USD"},
      {"€15", "money €15=15 EUR"},
      {"$18 back", "money $18=18 USD"},
      {"£24.99 each", "money £24.99=24.99 GBP"},
      {"a $1000 gift card", "money $1000=1000 USD"},
      {"$1,299.99", "money $1,299.99=1299.99 USD"},
      {"1.5k usd", "money 1.5k usd=1500 USD"},
      {"usd 50", "money usd 50=50 USD"},
      {"twenty five dollars", "money twenty five dollars=25 USD"},
      {"five bucks", "money five bucks=5 USD"},
      {"100 quid", "money 100 quid=100 GBP"},
      {"5 grand", "money 5 grand=5000 USD"},
      {"10 cents", "money 10 cents=0.10 USD"},
      {"$20 and 43c", "money $20 and 43c=20.43 USD"},
      {"between 10 and 20 dollars", "money between 10 and 20 dollars="},
      {"$5 - $10", "money $5 - $10="},
      {"is it 2 500 RUB?", "money 2 500 RUB=2500 RUB"},
      {"₹500", "money ₹500=500 INR"},
      {"skolko stoit, 300 rubley?", "money 300 rubley=300 RUB"},
  };
  for (const Case& c : cases) EXPECT_EQ(found_by(find_amounts, c.text), c.expected) << c.text;
}

TEST(NlpAmounts, FindsQuantities) {
  const Case cases[] = {
      {"по чём отдадите 5 штук?", "quantity 5 штук=5"},
      {"вместо 2 шт пришла 1", "quantity 2 шт=2; quantity 1=1"},
      {"3 коробки довезёте?", "quantity 3 коробки=3"},
      {"нужно 300 пар носков", "quantity 300 пар=300"},
      {"за 6 шт", "quantity 6 шт=6"},
      {"5шт", "quantity 5шт=5"},
      {"1 шт.", "quantity 1 шт=1"},
      {"одна штука", "quantity одна штука=1"},
      {"десять упаковок", "quantity десять упаковок=10"},
      {"10 уп", "quantity 10 уп=10"},
      {"два комплекта", "quantity два комплекта=2"},
      {"пару штук", "quantity пару штук=2"},
      {"три пары", "quantity три пары=3"},
      {"штук 10", "quantity штук 10=10"},
      {"дюжину ложек", "quantity дюжину=12"},
      {"две футболки", "quantity две=2"},
      {"заказал 3 футболки и 2 шапки", "quantity 3=3; quantity 2=2"},
      {"заказала 2 подвески и 1 кольцо", "quantity 2=2"},
      {"трое брюк", "quantity трое=3"},
      {"возьму 3", "quantity 3=3"},
      {"пришло 2 вместо 3", "quantity 2=2; quantity 3=3"},
      {"прислали 4 вместо 5", "quantity 4=4; quantity 5=5"},
      {"вместо 3 пришло 2", "quantity 3=3; quantity 2=2"},
      {"3 из 4 тарелок разбиты", "quantity 3=3; quantity 4=4"},
      {"из 10 товаров пришло 7", "quantity 10=10; quantity 7=7"},
      {"нужно 5 кг корма", "quantity 5 кг=5 kg"},
      {"10-20 шт", "quantity 10-20 шт="},
      {"hochu vernut 2 futbolki, zakaz 1", "quantity 2=2"},
      {"total for two with shipping?", "quantity two=2"},
      {"Reserve one pair for me please", "quantity one pair=1"},
      {"you sent only 3 of 5 books", "quantity 3=3; quantity 5=5"},
      {"bulk order of 250 units", "quantity 250 units=250"},
      {"3 of 12 jars", "quantity 3=3; quantity 12=12"},
      {"two of these", "quantity two=2"},
      {"three of them are broken", "quantity three=3"},
      {"a pair of jeans", "quantity a pair=1"},
      {"a dozen eggs", "quantity a dozen=12"},
      {"ordered 3 mugs, got 2", "quantity 3=3; quantity 2=2"},
      {"received 1 instead of 2", "quantity 1=1; quantity 2=2"},
      {"I'll take 2", "quantity 2=2"},
      {"2 pcs", "quantity 2 pcs=2"},
      {"100 pieces", "quantity 100 pieces=100"},
      {"need 2 kg of flour", "quantity 2 kg=2 kg"},
  };
  for (const Case& c : cases) EXPECT_EQ(found_by(find_amounts, c.text), c.expected) << c.text;
}

TEST(NlpAmounts, FindsNoneInOrdinaryWordsAndNumbers) {
  for (const std::string_view text : {"один",
                                      "одна",
                                      "не хватает одной футболки",
                                      "второй раз",
                                      "два раза",
                                      "2 раза списали",
                                      "раз в день",
                                      "5 звёзд",
                                      "4 stars",
                                      "rated 4 out of 5",
                                      "оценка 5 из 5",
                                      "10 из 10",
                                      "50% скидка",
                                      "на 50 процентов",
                                      "размер 42-44",
                                      "размер 46 р",
                                      "42 р-р",
                                      "48 размер",
                                      "рост 165 и вешу 54 кг",
                                      "ребёнку 3 года",
                                      "заказ 7754120",
                                      "заказ 12 345 678",
                                      "номер 89161234567",
                                      "+7 916 123 45 67",
                                      "iPhone 15 128 GB",
                                      "телевизор 4к 55 дюймов",
                                      "100к просмотров",
                                      "5000 mAh",
                                      "15 ноября",
                                      "15:30",
                                      "2026 год",
                                      "пара вопросов",
                                      "пару слов",
                                      "5 минут",
                                      "10 дней",
                                      "за 3 дня",
                                      "на 2 этаже",
                                      "дом 5 квартира 12",
                                      "индекс 630099",
                                      "промокод SALE500",
                                      "500 баллов",
                                      "р. Волга",
                                      "2x2",
                                      "фильтр Bosch 4000",
                                      "the first one",
                                      "one more thing",
                                      "no one",
                                      "1 of a kind",
                                      "SKU-7781",
                                      "RA998877665CN"})
    EXPECT_EQ(found_by(find_amounts, text), "") << text;
}

TEST(NlpAmounts, StaysWithinTheText) {
  for (const std::string_view text : {"",
                                      "$",
                                      "us",
                                      "us$",
                                      "5",
                                      "5 ",
                                      "5-",
                                      "10-",
                                      "от",
                                      "от 5",
                                      "от 5 до",
                                      "a",
                                      "пару",
                                      "1 из",
                                      "3 of",
                                      "3 of the",
                                      "за",
                                      "rs.",
                                      "5 тыс.",
                                      "по 5",
                                      "€",
                                      "\xE2\x82",
                                      "5\xE2\x82\xAC",
                                      "штук",
                                      "вместо",
                                      "instead of"})
    found_by(find_amounts, text);
}

TEST(NlpAmounts, TakesHugeNumbersForNoAmounts) {
  for (const std::string_view text :
       {"99999999999999999999 рублей", "123 456 789 012 345 678 рублей", "99999999999 штук", "$99999999999999999999"})
    EXPECT_EQ(found_by(find_amounts, text), "") << text;
}

}  // namespace
}  // namespace easyflow::nlp
