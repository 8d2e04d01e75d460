#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/nlp/tests/found.hpp"

namespace easyflow::nlp {
namespace {

using testing::Case;
using testing::entities_of;
using testing::found;

TEST(NlpGoods, FindsOrderNumbers) {
  const Case cases[] = {
      {"номер отправления 1594437201", "order_number 1594437201"},
      {"сдэк, дата отправления заказа 1594437201", "order_number 1594437201"},
      {"did u ship 7729104 yet", "order_number 7729104"},
      {"Got ORD-72218 today, the kettle is dented", "order_number ORD-72218"},
      {"3 разбиты. зак. 1029485", "order_number 1029485"},
      {"I placed order N-30418 by mistake", "order_number N-30418"},
      {"где заказ 7754120?", "order_number 7754120"},
      {"по заказу №7754120", "order_number 7754120"},
      {"отмените 7754120, пожалуйста", "order_number 7754120"},
      {"cancel 77541 now", "order_number 77541"},
      {"Can you check 70662815 for me?", "order_number 70662815"},
      {"гляньте пожалуйста 70662815", "order_number 70662815"},
      {"Заказ № 12-7754", "order_number 12-7754"},
      {"в заказе #7754 брак", "order_number #7754=7754"},
      {"номер заказа: 88001234", "order_number 88001234"},
      {"заказ под номером 551", "order_number 551"},
      {"номер моего заказа 20331", "order_number 20331"},
      {"моя заявка 99812", "order_number 99812"},
      {"отправление 48151623-0001-1 застряло", "order_number 48151623-0001-1"},
      {"0131234567-0002-1 когда?", "order_number 0131234567-0002-1"},
      {"zakaz nomer 445566", "order_number 445566"},
      {"v zakaze 445566 net odnoy veschi", "order_number 445566"},
      {"my order is 771200", "order_number 771200"},
      {"Order no. OZ-771200", "order_number OZ-771200"},
      {"order #A1-5512 status", "order_number #A1-5512=A1-5512"},
      {"#90011 please", "order_number #90011=90011"},
      {"номер 550123, не отменяйте", "order_number 550123"},
      {"заказ оформлен, оплачен, 20045581 когда привезут", "order_number 20045581"},
      {"заказ89031", "order_number 89031"},
      {"заказы 100200 и 100300", "order_number 100200; order_number 100300"},
      {"заказ 89031234567", "order_number 89031234567"},
      {"заказ от 15.11 номер 5550", "order_number 5550"},
      {"заказ номер 12 345 678", "order_number 12 345 678=12345678"},
      {"номер заказа - 66 12 09", "order_number 66 12 09=661209"},
      {"Заказ N 7781", "order_number 7781"},
      {"заказ n7781", "order_number 7781"},
      {"what's the locker code for #64410?", "order_number #64410=64410"},
  };
  for (const Case& c : cases) EXPECT_EQ(found(c.text, {"order_number"}), c.expected) << c.text;
}

TEST(NlpGoods, TakesNoOtherNumberForAnOrder) {
  for (std::string_view text : {"check 500000 times",
                                "проверьте 89161234567",
                                "заказ на 5000 рублей",
                                "заказ 2 пары",
                                "отмените 300 штук",
                                "отменяю, +7 916 123-45-67",
                                "заказ за 3000",
                                "в заказе 3 товара",
                                "заказ 15 ноября",
                                "заказ на 20.11",
                                "заказал 100 шт",
                                "индекс 630099 в заказе",
                                "договор № 155",
                                "счёт № 5512 не оплачен",
                                "дом № 15",
                                "промокод SALE20 к заказу",
                                "заказ к 15:30",
                                "заказ от 2026-11-15",
                                "телефон 89031234567, заказ не пришёл",
                                "карта 4111111111111111 к заказу",
                                "позвоните на номер 89031234567",
                                "код 451288 не подошёл к заказу",
                                "размер 46",
                                "I ordered 3 of them",
                                "in order to get 20 items",
                                "заказ до 10000",
                                "5512",
                                "2026"})
    EXPECT_EQ(found(text, {"order_number"}), "") << text;
}

TEST(NlpGoods, FindsTrackingNumbers) {
  const Case cases[] = {
      {"сдэк пишет вручено, номер отправления 1594437201", "tracking_number 1594437201"},
      {"RR123456785RU", "tracking_number RR123456785RU"},
      {"трек rr123456785ru", "tracking_number rr123456785ru=RR123456785RU"},
      {"RA 123 456 785 RU", "tracking_number RA 123 456 785 RU=RA123456785RU"},
      {"трек 80127749300125 молчит", "tracking_number 80127749300125"},
      {"80127749300125", "tracking_number 80127749300125"},
      {"сдэк 1455667788 где?", "tracking_number 1455667788"},
      {"накладная CDEK № 1455667788", "tracking_number 1455667788"},
      {"трек-номер: 1455667788", "tracking_number 1455667788"},
      {"tracking number 1Z12345E0205271688", "tracking_number 1Z12345E0205271688"},
      {"LP00123456789012 not moving", "tracking_number LP00123456789012"},
      {"отследить не могу: AB12345678", "tracking_number AB12345678"},
      {"parcel 00340434161094042557", "tracking_number 00340434161094042557"},
      {"трек 12345", ""},
      {"трек заказа не работает", ""},
      {"AB123456789QQ", ""},  // neither a check digit nor a country
      {"сдэк привезёт 15 ноября", ""},
      {"ИНН 77070838930001", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(found(c.text, {"tracking_number"}), c.expected) << c.text;
  EXPECT_EQ(entities_of("RR123456785RU").at(0).confidence, 1.0);
  EXPECT_EQ(entities_of("RR123456780RU").at(0).confidence, 0.6);
  EXPECT_EQ(entities_of("трек RR123456780RU").at(0).confidence, 0.9);
  EXPECT_EQ(entities_of("1Z999AA10123456784").at(0).confidence, 1.0);
}

TEST(NlpGoods, FindsArticles) {
  const Case cases[] = {
      {"компрессор, модель КП-50/220, встал", "sku КП-50/220"},
      {"Is the kibble K9-TURKEY-3 grain free?", "sku K9-TURKEY-3"},
      {"кнопка у 77412-B неактивна", "sku 77412-B"},
      {"робот-пылесос RV-5-PRO не заряжается", "sku RV-5-PRO"},
      {"артикул 174556210 есть?", "sku 174556210"},
      {"арт. 55-120", "sku 55-120"},
      {"арт.5512", "sku 5512"},
      {"по артикулу: KX77", "sku KX77"},
      {"nmID 174556210", "sku 174556210"},
      {"код товара 8800123", "sku 8800123"},
      {"SKU BR-77-L available?", "sku BR-77-L"},
      {"sku-5512", "sku sku-5512"},
      {"How much is item QT-990?", "sku QT-990"},
      {"когда будет QT-990?", "sku QT-990"},
      {"нужна модель tx450", "sku tx450"},
      {"чайник RT4500 сломался", "sku RT4500"},
      {"артикул не тот, а надо 174556210", "sku 174556210"},
      {"item #5512 please", "sku 5512"},
      {"part number 77120", "sku 77120"},
      {"art. 5512", "sku 5512"},
      {"фильтр к Bosch 4000", ""},
      {"iPhone 15 и PS5", ""},
      {"переболел COVID-19", ""},
      {"кабель USB-30", ""},
      {"промокод HELLO10", ""},
      {"промокод NY-2026", ""},
      {"модель старая, 2 года", ""},
      {"по 5 штук артикул", ""},
      {"артикула 5 штук", ""},
      {"ГОСТ-5511", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(found(c.text, {"sku"}), c.expected) << c.text;
}

TEST(NlpGoods, FindsSizes) {
  const Case cases[] = {
      {"Обменяйте пожалуйста 38 размер на 39", "size 38; size 39"},
      {"Хотела бы обменять платье 48 на 50, бирки на месте", "size 48; size 50"},
      {"зеленое в 44 есть?", "size 44"},
      {"38 подойдет на стопу 24,5 см?", "size 38"},
      {"my foot is 26 cm long, is 41 ok?", "size 41"},
      {"swap the L for an M. Order 803316.", "size L; size M"},
      {"XXL у вас это наш 54 или 56?", "size XXL; size 54; size 56"},
      {"Сыну 7 лет, что посоветуете, 122 или 128?", "size 122; size 128"},
      {"kids jacket, 98 or 104?", "size 98; size 104"},
      {"ботинки 27 не носили ни разу", "size 27"},
      {"джинсы 32/34 велики, поменяйте на 31/34", "size 32/34; size 31/34"},
      {"джинсы 34/32 есть?", "size 34/32"},
      {"38,5 в бежевых остались?", "size 38,5=38.5"},
      {"have you got 75B in the lace set?", "size 75B"},
      {"перчатки, брать 9 или 10 размер?", "size 9; size 10"},
      {"ваш XXL соответствует российскому 54?", "size XXL; size 54"},
      {"размер 48 есть?", "size 48"},
      {"есть 48 размер?", "size 48"},
      {"в 52-м размере", "size 52"},
      {"46-48 размер", "size 46-48"},
      {"размер: 37.5", "size 37.5"},
      {"размер 37,5", "size 37,5=37.5"},
      {"размер обуви 39", "size 39"},
      {"мой размер ноги 41", "size 41"},
      {"razmer 44 est?", "size 44"},
      {"size 8.5 please", "size 8.5"},
      {"in size M", "size M"},
      {"нужен XL", "size XL"},
      {"xxl или 3xl", "size xxl=XXL; size 3xl=3XL"},
      {"размер ХЛ", "size ХЛ=XL"},
      {"размер М", "size М=M"},
      {"is your M like L?", "size M; size L"},
      {"S/M подойдёт?", "size S/M"},
      {"M есть?", "size M"},
      {"EU 41 or US 9", "size EU 41; size US 9"},
      {"у меня EU41", "size EU41=EU 41"},
      {"есть 42 EU?", "size 42 EU=EU 42"},
      {"ношу 44", "size 44"},
      {"I usually wear 38", "size 38"},
      {"не тот размер, взяла 44, а надо 46", "size 44; size 46"},
      {"38, 39 или 40 размер", "size 38; size 39; size 40"},
      {"красная 46 вместо синей 44", "size 46; size 44"},
      {"платье 50 подойдёт?", "size 50"},
      {"размеры 42,44,46 есть?", "size 42; size 44; size 46"},
      {"на 52-54 есть что-нибудь?", "size 52-54"},
      {"заказывала 38, пришли 40", "size 38; size 40"},
      {"вместо 42 пришёл 44", "size 42; size 44"},
      {"40 размер маловат, обменяйте на 41", "size 40; size 41"},
      {"instead of 38 I got 40", "size 38; size 40"},
      {"ordered 42 but got 44", "size 42; size 44"},
      {"белые кроссовки есть 43?", "size 43"},
      {"one size?", "size one size=ONE SIZE"},
      {"рост 170, размер 44", "size 44"},
      {"eu 42.5 in stock?", "size eu 42.5=EU 42.5"},
      {"have you got 10.5 uk?", "size 10.5 uk=UK 10.5"},
  };
  for (const Case& c : cases) EXPECT_EQ(found(c.text, {"size"}), c.expected) << c.text;
}

TEST(NlpGoods, MeasuresAndLettersAreNoSizes) {
  for (std::string_view text : {"122 или 128 гб памяти?",
                                "кабинет 122 или 130",
                                "рост 170, вес 65",
                                "обхват груди 96, талии 74, какой размер?",
                                "мне 45 лет, какой размер?",
                                "размер скидки 20%",
                                "матрас размером 160х200",
                                "размер коробки 30 см",
                                "по параметрам 90-60-90",
                                "M&M's",
                                "L'Oreal",
                                "S. Petrov",
                                "витамин L-карнитин",
                                "Tesla Model S",
                                "помогите с размером",
                                "it's mine",
                                "5 L",
                                "BIG S SALE",
                                "50 пакетов",
                                "вам 46",
                                "скидка 50",
                                "bed size 6' x 6'",
                                "пришло 40 штук",
                                "пришли 40",
                                "кроссовки за 45 дней",
                                "куртка, 50 раз стирали",
                                "L carnitine",
                                "x y z",
                                "см. с сайта"})
    EXPECT_EQ(found(text, {"size"}), "") << text;
}

TEST(NlpGoods, FindsColors) {
  const Case cases[] = {
      {"есть в чёрном?", "color чёрном=black"},
      {"черную хочу", "color черную=black"},
      {"the gold one please", "color gold"},
      {"белые, серых и синими", "color белые=white; color серых=grey; color синими=blue"},
      {"голубая рубашка", "color голубая=light_blue"},
      {"тёмно-синий", "color тёмно-синий=dark_blue"},
      {"темно зеленую", "color темно зеленую=dark_green"},
      {"светло-серого", "color светло-серого=light_grey"},
      {"чёрно-белая", "color чёрно-белая=black_white"},
      {"бежевый, хаки, бордовое", "color бежевый=beige; color хаки=khaki; color бордовое=burgundy"},
      {"салатовый и бирюзовый", "color салатовый=light_green; color бирюзовый=turquoise"},
      {"беленькую", "color беленькую=white"},
      {"цвет золотой", "color золотой=gold"},
      {"в цвете мята", "color мята=mint"},
      {"золотой или серый", "color золотой=gold; color серый=grey"},
      {"Grey or GRAY?", "color Grey=grey; color GRAY=grey"},
      {"dark blue jeans", "color dark blue=dark_blue"},
      {"navy blue, off-white", "color navy blue=navy; color off-white=off_white"},
      {"rose gold watch", "color rose gold=rose_gold"},
      {"v krasnom tsvete", "color krasnom=red"},
      {"ждала блузку айвори", "color айвори=ivory"},
      {"цвет лососевый или нюд", "color лососевый=salmon; color нюд=nude"},
      {"sofa delivered in blue, we ordered graphite", "color blue; color graphite"},
      {"which colours do you have? nude, salmon?", "color nude; color salmon"},
      {"Платье льняное миди, графитовый", "color графитовый=graphite"},
      {"пришёл пудровый, а я просила нюдовый", "color пудровый=powder; color нюдовый=nude"},
      {"графитовая смазка, мокко и шампань", ""},
      {"в цвете мокко или экрю", "color мокко=mocha; color экрю=ecru"},
      {"колготки телесного цвета", "color телесного=nude"},
      {"is there an ecru or a champagne one in other colours?", "color ecru; color champagne"},
      {"chernyy i belyj", "color chernyy=black; color belyj=white"},
  };
  for (const Case& c : cases) EXPECT_EQ(found(c.text, {"color"}), c.expected) << c.text;
}

TEST(NlpGoods, WordsOfOtherThingsAreNoColors) {
  for (std::string_view text : {"it died out of the blue",
                                "чёрная пятница когда?",
                                "Black Friday",
                                "зелёный чай",
                                "green tea",
                                "the lemon one is too sour",
                                "красная икра",
                                "красная цена 500",
                                "Белоруссия",
                                "черника",
                                "синица",
                                "серьги",
                                "белок",
                                "bluetooth",
                                "greenhouse",
                                "в чёрном списке",
                                "ул. Красная 5",
                                "на Красной площади",
                                "золотое кольцо",
                                "оливковое масло",
                                "мятная жвачка",
                                "крем",
                                "orange juice",
                                "red flag",
                                "half a kilo of dark chocolate spread",
                                "my cat only eats the salmon one",
                                "сине",
                                "тёмно"})
    EXPECT_EQ(found(text, {"color"}), "") << text;
}

}  // namespace
}  // namespace easyflow::nlp
