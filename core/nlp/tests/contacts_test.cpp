#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/nlp/tests/found.hpp"

namespace easyflow::nlp {
namespace {

using testing::Case;
using testing::entities_of;
using testing::found;

TEST(NlpContacts, FindsPhonesAndWritesThemAsE164) {
  const Case cases[] = {
      {"Можно консультанта? Мой номер 9216640318", "phone 9216640318=+79216640318"},
      {"Перезвоните на 89031234567 после обеда", "phone 89031234567=+79031234567"},
      {"мой номер 8 (921) 333-22-11", "phone 8 (921) 333-22-11=+79213332211"},
      {"8-905-111-22-33 Ирина", "phone 8-905-111-22-33=+79051112233"},
      {"+7 916 123 45 67", "phone +7 916 123 45 67=+79161234567"},
      {"+79161234567.", "phone +79161234567"},
      {"+7(495)1234567", "phone +7(495)1234567=+74951234567"},
      {"тел.79261112233", "phone 79261112233=+79261112233"},
      {"телефон 9261112233", "phone 9261112233=+79261112233"},
      {"(926) 111-22-33 это я", "phone (926) 111-22-33=+79261112233"},
      {"горячая линия 8 800 555-35-35", "phone 8 800 555-35-35=+78005553535"},
      {"8 495 765-43-21 офис", "phone 8 495 765-43-21=+74957654321"},
      {"звоните 8 7172 55 44 33", "phone 8 7172 55 44 33=+77172554433"},
      {"+7 701 222 33 44 Алматы", "phone +7 701 222 33 44=+77012223344"},
      {"+375 (29) 765-43-21", "phone +375 (29) 765-43-21=+375297654321"},
      {"мой 375447654321", "phone 375447654321=+375447654321"},
      {"8 (044) 765-43-21", "phone 8 (044) 765-43-21=+375447654321"},
      {"+380501234567", "phone +380501234567"},
      {"набирайте (067) 123-45-67", "phone (067) 123-45-67=+380671234567"},
      {"+998901234567", "phone +998901234567"},
      {"+996 (700) 12-34-56", "phone +996 (700) 12-34-56=+996700123456"},
      {"+374 77 12 34 56", "phone +374 77 12 34 56=+37477123456"},
      {"+995 591 12 34 56", "phone +995 591 12 34 56=+995591123456"},
      {"+994 (55) 123-45-67", "phone +994 (55) 123-45-67=+994551234567"},
      {"+992 900 12 34 56", "phone +992 900 12 34 56=+992900123456"},
      {"+993 65 12 34 56", "phone +993 65 12 34 56=+99365123456"},
      {"+373 69 123 456", "phone +373 69 123 456=+37369123456"},
      {"+371 26 123 456", "phone +371 26 123 456=+37126123456"},
      {"+49 (0) 151 2345 6789", "phone +49 (0) 151 2345 6789=+4915123456789"},
      {"+7 (0) 9 1 6 1 2 34567", "phone +7 (0) 9 1 6 1 2 34567=+79161234567"},
      {"+7 (0)(0) 9 1 6 1 2 34567", "phone +7 (0)(0) 9 1 6 1 2 34567=+79161234567"},
      {"0033 6 12 34 56 78", "phone 0033 6 12 34 56 78=+33612345678"},
      {"+48 601-234-567", "phone +48 601-234-567=+48601234567"},
      {"+44 20 7946 0123", "phone +44 20 7946 0123=+442079460123"},
      {"call me at (415) 555-0134", "phone (415) 555-0134=+14155550134"},
      {"1-415-555-0134", "phone 1-415-555-0134=+14155550134"},
      {"text 415.555.0134", "phone 415.555.0134=+14155550134"},
      {"+1 416 555 0134 Toronto", "phone +1 416 555 0134=+14165550134"},
      {"+90 532 123 45 67", "phone +90 532 123 45 67=+905321234567"},
      {"два номера: 89031234567 и 89039876543", "phone 89031234567=+79031234567; phone 89039876543=+79039876543"},
      {"89031234567,89039876543", "phone 89031234567=+79031234567; phone 89039876543=+79039876543"},
  };
  for (const Case& c : cases) EXPECT_EQ(found(c.text, {"phone"}), c.expected) << c.text;
}

TEST(NlpContacts, TakesNoOtherNumberForAPhone) {
  for (std::string_view text : {"заказ 89031234567",
                                "заказ номер 89031234567 где?",
                                "трек 80127749300125",
                                "order 9031234567",
                                "артикул 79031234567",
                                "2026-11-20",
                                "20.11.2026 15:30",
                                "с 10:00 до 20:00",
                                "1 250 000 руб",
                                "RA123456785RU",
                                "+7 916 123",
                                "+1 111 555 0134",
                                "+7 116 123 45 67",
                                "ИНН 7707083893",
                                "р/с 40817810099910004312",
                                "48151623-0001-1",
                                "8 шт по 900 руб 100 пар",
                                "https://shop.ru/p/89031234567",
                                "арт. 8-903-123",
                                "90-60-90",
                                "9261112233",
                                "192.168.100.200",
                                "индекс 630099",
                                "#89031234567",
                                "WB-89031234567"})
    EXPECT_EQ(found(text, {"phone"}), "") << text;
}

TEST(NlpContacts, TellsHowSureItIs) {
  EXPECT_EQ(entities_of("+79031234567").at(0).confidence, 1.0);
  EXPECT_EQ(entities_of("мой телефон 9031234567").at(0).confidence, 0.9);
  EXPECT_EQ(entities_of("903 123-45-67").at(0).confidence, 0.6);
}

TEST(NlpContacts, FindsMailboxes) {
  const Case cases[] = {
      {"пришлите чек на Olga.Petrova@Yandex.RU, спасибо", "email Olga.Petrova@Yandex.RU=olga.petrova@yandex.ru"},
      {"my mail: john_doe+shop@mail.example.co.uk.", "email john_doe+shop@mail.example.co.uk"},
      {"<a-b@x-y.com>", "email a-b@x-y.com"},
      {"почта:zakaz@shop.ru;ok@ya.ru", "email zakaz@shop.ru; email ok@ya.ru"},
      {"инфо@почта.рф", "email инфо@почта.рф"},
      {"mailto:me@site.org", "email me@site.org"},
      {"напишите в телеграм @shop_bot", ""},
      {"встреча @ кафе.рф", ""},
      {"a@b", ""},
      {"a@b.1", ""},
      {"@@.ru", ""},
      {"цена 5@ шт", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(found(c.text, {"email"}), c.expected) << c.text;
}

TEST(NlpContacts, FindsAddressesOfPages) {
  const Case cases[] = {
      {"смотрите https://shop.ru/item?id=15&x=а.", "url https://shop.ru/item?id=15&x=а"},
      {"HTTP://SHOP.RU", "url HTTP://SHOP.RU"},
      {"вот (www.shop.ru/size)", "url www.shop.ru/size"},
      {"https://en.site.org/a_(b) тут", "url https://en.site.org/a_(b)"},
      {"на ozon.ru дешевле", "url ozon.ru"},
      {"Wildberries.ru?", "url Wildberries.ru"},
      {"наш магазин.рф работает", "url магазин.рф"},
      {"пишите t.me/best_shop!", "url t.me/best_shop"},
      {"wa.me/79031234567", "url wa.me/79031234567"},
      {"vk.com/club1, instagram.com/shop", "url vk.com/club1; url instagram.com/shop"},
      {"localhost:8080 или dev.shop.io:8080/x", "url dev.shop.io:8080/x"},
      {"ссылка:https://a.shop/1", "url https://a.shop/1"},
      {"«https://shop.ru»", "url https://shop.ru"},
      {"спасибо.до свидания", ""},
      {"let.me know", ""},
      {"Всё.Пришлите чек", ""},
      {"node.js и readme.txt", ""},
      {"т.е. и т.д.", ""},
      {"v1.2.3 от 10.11.2026", ""},
      {"me@shop.ru", ""},
      {"://", ""},
      {"www.", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(found(c.text, {"url"}), c.expected) << c.text;
}

TEST(NlpContacts, FindsPaymentCardsAndShowsTheirLastFourDigits) {
  const Case cases[] = {
      {"оплатил картой 4111 1111 1111 1111", "payment_card **** **** **** 1111=**** 1111"},
      {"4111111111111111", "payment_card ************1111=**** 1111"},
      {"5555-5555-5555-4444 exp 12/27", "payment_card ****-****-****-4444=**** 4444"},
      {"2200 0000 0000 0004", "payment_card **** **** **** 0004=**** 0004"},
      {"amex 3782 822463 10005", "payment_card **** ****** *0005=**** 0005"},
      {"6011 0009 9013 9424", "payment_card **** **** **** 9424=**** 9424"},
      {"3530 1113 3330 0000", "payment_card **** **** **** 0000=**** 0000"},
      {"карта 4222222222222", "payment_card *********2222=**** 2222"},
      {"карта3056 930902 5904", "payment_card **** ****** 5904=**** 5904"},
      {"4111 1111 1111 1111 12 27 123", "payment_card **** **** **** 1111=**** 1111"},
      {"заказ 5582013 карта 4111111111111111", "payment_card ************1111=**** 1111"},
      {"4111 1111 1111 1112", ""},        // Luhn
      {"9999 9999 9999 9995", ""},        // nobody issues these
      {"штрихкод 4607012345678", ""},     // EAN-13
      {"4222222222222", ""},              // thirteen digits without a word about cards
      {"счёт 40817810099910004312", ""},  // twenty digits
      {"карта *4242", ""},
      {"LP4111111111111111", ""},
      {"* 4242 4242 4242 4242", "payment_card **** **** **** 4242=**** 4242"},
      {"списали 4242424242424242руб", "payment_card ************4242=**** 4242"},
      {"*4242 4242 4242 4242* и **4242424242424242**",
       "payment_card **** **** **** 4242=**** 4242; payment_card ************4242=**** 4242"},
      {"карта 42424 24242 424242", "payment_card ***** ***** **4242=**** 4242"},
      {"карта 4242 4242 4242 42 42", "payment_card **** **** **** 42 42=**** 4242"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(found(c.text, {"payment_card"}), c.expected) << c.text;
    const auto masked = mask_cards(c.text, entities_of(c.text));
    EXPECT_EQ(to_json(entities_of(masked)), to_json(entities_of(c.text))) << masked;
  }
}

TEST(NlpContacts, FindsMaskedCards) {
  const Case cases[] = {
      {"карта **** **** **** 4242, верните", "payment_card **** **** **** 4242=**** 4242"},
      {"************4242", "payment_card ************4242=**** 4242"},
      {"****-****-****-4242.", "payment_card ****-****-****-4242=**** 4242"},
      {"**** **** *222 2", "payment_card **** **** *222 2=**** 2222"},
      {"**** 4242", ""},                     // too few of a card to be one
      {"**************** 4242", ""},         // too many
      {"**** **** **** 42425", ""},          // no end of a card
      {"* * * * * * * * * * * * 4242", ""},  // a list
      {"********** 8 916 123 45 67", ""},    // what stands behind a line of stars is no part of it
      {"карта ********** 8 916 123 45 67", ""},
      {"**********\n1500 руб", ""},
      {"********** 12.11.2026", ""},
      {"********** 12.50", ""},
      {"- * **** **** **** 4242", "payment_card **** **** **** 4242=**** 4242"},
      {"************4242руб", "payment_card ************4242=**** 4242"},
      {"************ 12", ""},
      {"**** **** ****\n\n\n\n4242", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(found(c.text, {"payment_card"}), c.expected) << c.text;
}

}  // namespace
}  // namespace easyflow::nlp
