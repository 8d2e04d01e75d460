#include "core/nlp/cues.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

#include "core/nlp/vocabulary.hpp"

namespace easyflow::nlp {
namespace {

using Words = std::initializer_list<std::string_view>;

constexpr std::string_view kMasculine[] = {"", "а", "у", "ом", "е", "ы", "ов", "ам", "ами", "ах"};
constexpr std::string_view kFeminine[] = {"а", "ы", "и", "е", "у", "ой", "", "ам", "ами", "ах"};
constexpr std::string_view kNeuter[] = {"е", "я", "ю", "ем", "и", "й", "ям", "ями", "ях"};
constexpr std::string_view kSoft[] = {"ь", "и", "ью", "ей", "ям", "ями", "ях"};

class Builder {
 public:
  void plain(std::uint32_t bits, Words words) {
    for (std::string_view word : words) add(word, bits);
  }
  template <class Endings>
  void inflected(std::uint32_t bits, const Endings& endings, Words stems) {
    for (std::string_view stem : stems)
      for (std::string_view ending : endings) {
        const std::string word = std::string(stem) + std::string(ending);
        add(word, bits);
        for (const std::string& latin : transliterations(word, 6)) add(latin, bits);
      }
  }
  Vocabulary<std::uint32_t> take() { return std::move(words_); }

 private:
  void add(std::string_view word, std::uint32_t bits) {
    if (std::uint32_t* known = words_.find_for_change(word); known != nullptr)
      *known |= bits;
    else
      words_.add(word, bits);
  }
  Vocabulary<std::uint32_t> words_;
};

Vocabulary<std::uint32_t> make_cues() {
  Builder b;
  b.inflected(Cue::order, kMasculine, {"заказ", "заказик"});
  b.inflected(Cue::order, kFeminine, {"заявк"});
  b.inflected(Cue::order, kNeuter, {"отправлени"});
  b.plain(Cue::order, {"order", "orders", "order's", "ordernumber", "orderid", "ord", "zayavka", "posting", "зак"});
  b.inflected(Cue::number | Cue::filler, kMasculine, {"номер"});
  b.plain(Cue::number | Cue::filler, {"ном", "number", "num", "no", "nr", "id", "айди", "nomer", "номерок", "n"});
  b.plain(Cue::filler,
          {"под", "мой", "моего", "моему", "моём", "моем",      "my",   "is",  "was",   "it",    "its",      "это",
           "по",  "вот", "with",  "the",   "ref",  "reference", "code", "код", "кодом", "такой", "следующий"});
  b.plain(Cue::cancel, {"отмените", "отменяйте", "отменить", "отмени", "отменяю", "отменяем", "отмена", "отмену",
                        "аннулируйте", "аннулировать", "cancel", "otmenite", "otmenyayte", "otmenyaite", "otmenit"});
  b.plain(Cue::check, {"проверьте", "проверить", "проверь", "посмотрите", "посмотреть", "посмотри", "гляньте",
                       "глянуть", "check", "checking", "look", "find", "ship", "shipped", "proverte", "posmotrite"});
  b.inflected(Cue::tracking, kMasculine, {"трек", "трэк", "трекинг", "трекер"});
  b.plain(Cue::tracking,
          {"отслеживания", "отслеживание", "отследить", "отслеживаю", "отслеживается", "отследите", "проследить",
           "track", "tracking", "tracked", "трекномер", "шпи", "awb", "waybill", "otsledit", "otslezhivaniya"});
  b.inflected(Cue::tracking, kFeminine, {"накладн"});
  b.plain(Cue::tracking, {"накладная", "накладную", "накладной", "накладные"});
  b.plain(Cue::carrier | Cue::tracking,
          {"сдэк", "сдек",    "сдэком", "сдэка", "сдэке", "сдеком",    "сдека",    "cdek",
           "sdek", "dhl",     "ups",    "fedex", "dpd",   "боксберри", "boxberry", "ems",
           "usps", "cainiao", "yanwen", "пэк",   "pony",  "5post",     "gls",      "hermes"});
  b.inflected(Cue::parcel, kFeminine, {"посылк", "бандероль"});
  b.inflected(Cue::parcel, kSoft, {"бандерол"});
  b.plain(Cue::parcel, {"parcel", "parcels", "package", "packages", "shipment", "shipments", "consignment"});
  b.inflected(Cue::sku, kMasculine, {"артикул"});
  b.plain(Cue::sku,
          {"арт", "sku", "nmid", "nm_id", "нмид", "article", "artikul", "asin", "mpn", "vendor", "art", "нм", "nm"});
  b.inflected(Cue::model, kSoft, {"модел"});
  b.plain(Cue::model, {"item", "model", "product", "part", "товара", "товар", "товару", "товаром", "позиция", "позицию",
                       "позиции"});
  b.inflected(Cue::size, kMasculine, {"размер", "размерчик"});
  b.plain(Cue::size, {"size", "sizes", "sized", "sz", "рр"});
  b.plain(Cue::wear, {"нога", "ногу", "ноги", "ноге", "стопа", "стопу", "стопы", "foot", "ношу", "носим", "носит",
                      "носила", "носил", "wear", "wears", "wearing", "noshu"});
  b.inflected(Cue::garment, kFeminine,
              {"кофт", "майк", "жилетк", "шуб", "дублёнк", "пижам", "босоножк", "сандали", "тапочк", "перчатк",
               "водолазк", "шапк", "ветровк", "туник"});
  b.inflected(Cue::garment, kMasculine,
              {"жилет", "плащ", "халат", "бюстгальтер", "лифчик", "джемпер", "кардиган", "сарафан"});
  b.plain(Cue::garment,
          {"леггинсы", "лосины", "трусы",     "тапки",  "кроссы", "обувь",    "обуви",  "одежда",  "одежды",
           "футболки", "pants",  "sweater",   "boot",   "shoe",   "trainers", "heels",  "sandals", "blouse",
           "suit",     "bra",    "krossovki", "platie", "platye", "botinki",  "kurtka", "kurtku",  "dzhinsy"});
  b.plain(Cue::came,
          {"вместо",     "instead",  "обменяйте", "обменять",  "обмен",    "поменять", "поменяйте", "замените",
           "заменить",   "exchange", "swap",      "заказал",   "заказала", "заказали", "заказывал", "заказывала",
           "заказывали", "просил",   "просила",   "брал",      "брала",    "взял",     "взяла",     "купил",
           "купила",     "пришел",   "пришла",    "пришло",    "пришли",   "прислали", "привезли",  "положили",
           "получил",    "получила", "доставили", "отправили", "ordered",  "got",      "received",  "sent",
           "came",       "bought",   "took",      "zakazal",   "zakazala", "prishel",  "prishli",   "prislali"});
  b.inflected(Cue::garment, kFeminine, {"юбк", "куртк", "футболк", "рубашк", "блузк", "туфл", "толстовк"});
  b.inflected(Cue::garment, kMasculine,
              {"костюм", "свитер", "носк", "пиджак", "ботинк", "кроссовк", "сапог", "пуховик", "комбинезон"});
  b.plain(Cue::garment, {"платье",  "платья",    "платью", "пальто", "брюки", "брюк",     "джинсы", "джинсов", "сапоги",
                         "ботинки", "кроссовки", "кеды",   "туфли",  "худи",  "шорты",    "dress",  "jeans",   "shoes",
                         "boots",   "sneakers",  "jacket", "coat",   "shirt", "trousers", "skirt",  "hoodie"});
  b.inflected(Cue::body, kMasculine, {"рост", "обхват", "вес", "объем", "возраст", "параметр"});
  b.inflected(Cue::body, kFeminine, {"тали", "талии", "длин", "ширин", "высот", "стельк"});
  b.plain(Cue::body, {"талию",  "талия", "талии", "грудь", "груди", "бедра",  "бедер",  "бёдра",  "бёдер",
                      "бедрам", "вешу",  "весит", "весом", "рукав", "рукава", "плечи",  "плеч",   "height",
                      "weight", "waist", "chest", "bust",  "hip",   "hips",   "inseam", "length", "width",
                      "tall",   "weigh", "age",   "aged",  "rost",  "ves",    "rostom"});
  b.plain(
      Cue::unit,
      {"см",       "мм",      "м",       "кг",     "г",       "гр",       "л",        "мл",      "лет",     "год",
       "года",     "годик",   "месяц",   "месяца", "месяцев", "мес",      "дн",       "дня",     "дней",    "день",
       "час",      "часа",    "часов",   "ч",      "мин",     "минут",    "минуты",   "сек",     "секунд",  "недель",
       "недели",   "неделя",  "руб",     "рублей", "рубля",   "рубль",    "р",        "к",       "тыс",     "тысяч",
       "тысячи",   "тысяча",  "тг",      "тенге",  "доллар",  "доллара",  "долларов", "евро",    "usd",     "eur",
       "rub",      "kzt",     "byn",     "cm",     "mm",      "kg",       "g",        "lb",      "lbs",     "oz",
       "ml",       "years",   "year",    "yo",     "months",  "month",    "weeks",    "week",    "days",    "day",
       "hours",    "hour",    "hrs",     "h",      "minutes", "min",      "pm",       "am",      "процент", "процентов",
       "процента", "percent", "вт",      "ватт",   "в",       "вольт",    "gb",       "гб",      "tb",      "тб",
       "мб",       "mb",      "inch",    "inches", "дюйм",    "дюйма",    "дюймов",   "ft",      "feet",    "шт",
       "штук",     "штуки",   "штука",   "штуку",  "пар",     "пары",     "пара",     "коробки", "коробок", "упаковок",
       "упаковки", "pcs",     "pieces",  "units",  "pairs",   "раз",      "раза",     "times",   "звезд",   "звёзд",
       "звезды",   "stars",   "star",    "баллов", "балла",   "bonus",    "points",   "января",  "февраля", "марта",
       "апреля",   "мая",     "июня",    "июля",   "августа", "сентября", "октября",  "ноября",  "декабря", "рублики",
       "градусов", "ном",     "человек", "детей",  "kb",      "км",       "km",       "mah",     "мач",     "w",
       "v"});
  b.inflected(Cue::phone, kMasculine, {"телефон", "телефончик", "ватсап", "вотсап", "вайбер", "мобильник"});
  b.plain(Cue::phone, {"тел",      "моб",         "сот",         "мобильный", "мобильного",  "мобильному", "сотовый",
                       "сотового", "звоните",     "позвоните",   "позвонить", "звонить",     "звонок",     "наберите",
                       "набрать",  "перезвоните", "перезвонить", "перезвони", "позвони",     "смс",        "phone",
                       "phones",   "call",        "calls",       "tel",       "telefon",     "telefona",   "telephone",
                       "mobile",   "mob",         "cell",        "cellphone", "text",        "sms",        "ring",
                       "dial",     "whatsapp",    "viber",       "вацап",     "ватсапп",     "ватсаппу",   "wa",
                       "контакт",  "контактный",  "свяжитесь",   "hotline",   "дозвониться", "contact"});
  b.inflected(Cue::card, kFeminine, {"карт", "карточк"});
  b.plain(Cue::card, {"card", "cards", "visa", "mastercard", "мир", "виза", "мастеркард", "karta", "kartu", "pan"});
  b.inflected(Cue::other, kMasculine, {"индекс", "договор", "счет",   "дом",     "офис", "магазин", "код",
                                       "пароль", "пинкод",  "корпус", "подъезд", "этаж", "пункт",   "постамат",
                                       "склад",  "паспорт", "курс",   "акт",     "чек",  "рейс",    "автобус"});
  b.inflected(Cue::other, kFeminine, {"квартир", "школ", "страниц", "строк", "справк", "парол"});
  b.plain(Cue::other, {"инн",      "кпп",     "бик",     "огрн",     "огрнип",    "окпо",     "унп",      "бин",
                       "иин",      "снилс",   "пин",     "pin",      "zip",       "postcode", "postal",   "vat",
                       "iban",     "account", "invoice", "contract", "apartment", "apt",      "flat",     "room",
                       "floor",    "suite",   "box",     "кв",       "д",         "корп",     "стр",      "оф",
                       "пвз",      "лицевой", "р",       "упд",      "гост",      "iso",      "otp",      "password",
                       "passport", "версия",  "version", "iphone",   "айфон",     "galaxy",   "артикуле", "windows",
                       "android",  "ios",     "серия",   "партия",   "партии",    "batch",    "ticket",   "тикет"});
  b.inflected(Cue::promo, kMasculine, {"промокод", "промик", "купон", "промо"});
  b.plain(Cue::promo, {"promo", "promocode", "coupon", "coupons", "voucher", "discount", "code", "сертификат"});
  b.inflected(Cue::color, kMasculine, {"цвет", "оттенк", "оттенок"});
  b.inflected(Cue::color, kFeminine, {"расцветк", "окраск"});
  b.plain(Cue::color,
          {"цвета", "цветов", "цветах", "цветам", "color", "colour", "colors", "colours", "coloured", "shade"});
  b.inflected(Cue::street, kFeminine, {"улиц", "набережн"});
  b.inflected(Cue::street, kMasculine, {"проспект", "бульвар", "проезд", "тупик", "микрорайон"});
  b.plain(Cue::street,
          {"улице",   "улицей",  "ул",    "пр",      "просп",   "пер",  "переулок",   "переулке",   "переулка",
           "площадь", "площади", "шоссе", "б-р",     "мкр",     "наб",  "набережная", "набережной", "набережную",
           "метро",   "street",  "st",    "ave",     "avenue",  "road", "rd",         "lane",       "blvd",
           "ulica",   "ulitsa",  "ul",    "станция", "станции", "м"});
  b.inflected(Cue::place, kMasculine, {"город", "городок"});
  b.plain(Cue::place, {"г", "гор", "город", "city", "town", "gorod", "gorode", "goroda", "г.", "пгт"});
  b.plain(Cue::into, {"в", "во", "из", "до", "to", "in", "from", "near", "via", "into", "v", "vo", "iz", "do"});
  b.plain(Cue::amount,
          {"на",        "за",    "до",    "от",    "из",     "по",     "около",   "через",    "for",      "of",
           "about",     "under", "over",  "only",  "только", "всего",  "минимум", "максимум", "более",    "больше",
           "меньше",    "свыше", "than",  "было",  "стало",  "стоит",  "стоил",   "стоила",   "стоило",   "стоимость",
           "цена",      "цену",  "ценой", "price", "cost",   "costs",  "paid",    "оплатил",  "оплатила", "заплатил",
           "заплатила", "сумма", "сумму", "сумму", "скидка", "скидку", "скидкой"});
  b.plain(Cue::joint, {"и", "или", "либо", "or", "and", "to", "а", "вместо", "instead", "than", "i", "ili", "не"});
  b.plain(Cue::lessen,
          {"темно", "тёмно", "светло", "ярко",  "нежно",  "бледно", "насыщенно",   "dark",   "light", "bright",
           "pale",  "deep",  "pastel", "temno", "svetlo", "yarko",  "приглушенно", "пыльно", "dusty", "hot"});
  return b.take();
}

const Vocabulary<std::uint32_t>& vocabulary() {
  static const Vocabulary<std::uint32_t> cues = make_cues();
  return cues;
}

}  // namespace

std::uint32_t cues_of(const Scan& scan, const Token& token) {
  if (token.kind != Token::Kind::word) return 0;
  static const Vocabulary<std::uint32_t>& cues = vocabulary();
  const std::uint32_t* found = cues.find(scan, token);
  return found != nullptr ? *found : 0;
}

std::uint32_t cues_before(const Scan& scan, std::size_t at, int reach) {
  std::uint32_t bits = 0;
  for (int steps = 0; at > 0 && reach > 0 && steps < 24; ++steps) {
    const Token& token = scan.tokens[--at];
    if (token.kind != Token::Kind::word) continue;
    --reach;
    bits |= cues_of(scan, token);
  }
  return bits;
}

std::uint32_t cues_after(const Scan& scan, std::size_t at, int reach) {
  std::uint32_t bits = 0;
  for (int steps = 0; at < scan.tokens.size() && reach > 0 && steps < 24; ++steps, ++at) {
    const Token& token = scan.tokens[at];
    if (token.kind != Token::Kind::word) continue;
    --reach;
    bits |= cues_of(scan, token);
  }
  return bits;
}

}  // namespace easyflow::nlp
