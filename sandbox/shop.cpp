#include "sandbox/shop.hpp"

#include <algorithm>
#include <array>

namespace easyflow::sandbox {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::int64_t kDay = 86'400;

struct Kind {
  int subject_id;
  std::string_view subject;
  std::string_view title;
  std::string_view slug;
  std::array<std::string_view, 3> sizes;  // empty ones do not exist; a product without sizes has "0"
  int price_roubles;
};

constexpr std::array<Kind, 14> kKinds{{
    {192, "Футболки", "Футболка хлопковая оверсайз", "tee", {"S", "M", "L"}, 1290},
    {1724, "Худи", "Худи с капюшоном на флисе", "hoodie", {"M", "L", "XL"}, 3490},
    {69, "Платья", "Платье льняное миди", "dress", {"42", "44", "46"}, 4200},
    {396, "Кружки", "Кружка керамическая 350 мл", "mug", {"0", "", ""}, 690},
    {523, "Пледы", "Плед вязаный 150x200", "plaid", {"0", "", ""}, 2890},
    {734, "Рюкзаки", "Рюкзак городской 22 л", "backpack", {"0", "", ""}, 3990},
    {515, "Чехлы для телефонов", "Чехол силиконовый с микрофиброй", "case", {"0", "", ""}, 490},
    {1153, "Ножи кухонные", "Нож поварской 20 см", "knife", {"0", "", ""}, 1850},
    {105, "Кроссовки", "Кроссовки беговые дышащие", "sneakers", {"39", "41", "43"}, 5600},
    {2050, "Постельное белье", "Комплект постельного белья сатин", "linen", {"0", "", ""}, 4990},
    {593, "Термосы", "Термос стальной 750 мл", "thermos", {"0", "", ""}, 1590},
    {278, "Носки", "Носки хлопковые, 5 пар", "socks", {"25", "27", "29"}, 590},
    {1047, "Настольные лампы", "Лампа настольная светодиодная", "lamp", {"0", "", ""}, 2390},
    {812, "Игрушки мягкие", "Медведь плюшевый 40 см", "bear", {"0", "", ""}, 1190},
}};
constexpr std::array<std::string_view, 4> kBrands{"Лён и Хлопок", "North Field", "Дом Уюта", "Urban Step"};
constexpr std::array<std::string_view, 8> kColors{"белый", "чёрный", "графитовый",    "бежевый",
                                                  "хаки",  "синий",  "тёмно-зелёный", "бордовый"};
constexpr std::array<std::string_view, 5> kComments{"Упакуйте, пожалуйста, в плотную коробку",
                                                    "Это подарок, без ценника", "Проверьте швы перед отправкой",
                                                    "Нужен именно такой оттенок", "Позвоните заранее"};
constexpr std::array<std::string_view, 4> kAddresses{"г. Казань, ул. Садовая, д. 14",
                                                     "г. Тверь, пр. Мира, д. 3, кв. 18", "г. Самара, ул. Лесная, д. 27",
                                                     "г. Минск, ул. Речная, д. 5"};

const std::array<Warehouse, 3>& warehouses() {
  static const std::array<Warehouse, 3> all{{{820114, 131, "Москва"}, {820115, 205, "Казань"}, {820116, 218, "Минск"}}};
  return all;
}

struct NamedBuyer {
  std::string_view first_name;
  std::string_view username;
  std::string_view language;
};
constexpr std::array<NamedBuyer, 12> kBuyers{{{"Анна", "anna_reads", "ru"},
                                              {"Дмитрий", "dm_vector", "ru"},
                                              {"Марина", "", "ru"},
                                              {"Oliver", "oliver_trail", "en"},
                                              {"Светлана", "sveta_home", "ru"},
                                              {"Тимур", "timur_run", "ru"},
                                              {"Emma", "emma_knits", "en"},
                                              {"Игорь", "", "ru"},
                                              {"Наталья", "nata_teal", "ru"},
                                              {"Lucas", "lucas_pack", "en"},
                                              {"Юлия", "yulia_dots", "ru"},
                                              {"Роман", "roman_mug", "ru"}}};

// {order}, {product} and {size} are filled in.
constexpr std::array<std::string_view, 18> kRussian{
    "Здравствуйте! Где мой заказ {order}? Уже третий день жду",
    "Добрый день, подскажите, когда отправите заказ {order}?",
    "Есть ли в наличии {product}, размер {size}?",
    "Сколько стоит {product} сейчас? На сайте две разные цены",
    "Хочу вернуть {product}, не подошёл размер. Как оформить возврат?",
    "Пришёл брак: на товаре царапина 😡 Заказ {order}",
    "Можно поменять адрес доставки для {order}?",
    "Отмените, пожалуйста, заказ {order}",
    "Спасибо, всё пришло вовремя! 🙏",
    "А скидка будет? Хочу взять сразу две штуки",
    "Вы отправляете в Казахстан?",
    "Позовите оператора, бот мне не помогает",
    "Какой состав у {product}? Не линяет?",
    "Мне пришёл не тот цвет, заказывали другой. Заказ {order}, что делать?",
    "Здравствуйте",
    "Можно оплатить при получении?",
    "Напишите мне на почту buyer@example.com или позвоните +7 900 000-00-12",
    "Отличный магазин, {product} супер! ⭐⭐⭐⭐⭐"};
constexpr std::array<std::string_view, 13> kEnglish{"Hi! Where is my order {order}?",
                                                    "Hello, when will you ship {order}?",
                                                    "Do you have {product} in size {size}?",
                                                    "I would like to return my order {order}, it does not fit",
                                                    "The box arrived damaged 😕 order {order}",
                                                    "How much is delivery to Minsk?",
                                                    "Please cancel {order}",
                                                    "Can I change the address for order {order}?",
                                                    "Is there a discount if I buy two?",
                                                    "Thank you, great quality!",
                                                    "I need to talk to a human, please",
                                                    "What is it made of? I mean {product}",
                                                    "Can I pay on delivery?"};
constexpr std::array<std::string_view, 6> kRussianReplies{"Спасибо!",
                                                          "Поняла, жду 🙂",
                                                          "А точнее можно?",
                                                          "Хорошо, спасибо за быстрый ответ",
                                                          "Это долго, а можно быстрее?",
                                                          "Ок"};
constexpr std::array<std::string_view, 5> kEnglishReplies{"Thanks!", "Great, I will wait", "Could you be more precise?",
                                                          "That is too long...", "Ok 👍"};

std::string replaced(std::string text, std::string_view name, const std::string& value) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
    text.replace(at, name.size(), value);
  return text;
}

std::uint64_t mix(std::uint64_t seed, std::uint64_t value) {
  Dice dice(seed * 0x9E3779B97F4A7C15ULL ^ value);
  dice.next();
  return dice.next();
}

}  // namespace

std::uint64_t Dice::next() noexcept {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::int64_t Dice::between(std::int64_t low, std::int64_t high) noexcept {
  return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
}

bool Dice::chance(double probability) noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability; }

std::string Dice::text(std::size_t length, std::string_view alphabet) {
  std::string out;
  for (std::size_t i = 0; i < length; ++i) out.push_back(pick(alphabet));
  return out;
}

std::string Dice::uuid() {
  auto hex = text(32, "0123456789abcdef");
  hex[12] = '4';
  hex[16] = 'a';
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

OrderStatus Order::status(Timestamp now) const noexcept {
  auto age = now - created_at;
  if (age >= final_after) return outcome;
  if (ends_early || age < confirmed_after) return {"new", "waiting"};
  if (age < handed_over_after) return {"confirm", "waiting"};
  if (age < sorted_after) return {"complete", "waiting"};
  return {"complete", age < sorted_after + (final_after - sorted_after) / 2 ? "sorted" : "ready_for_pickup"};
}

bool Order::is_in_supply(Timestamp now) const noexcept { return !ends_early && now - created_at >= confirmed_after; }

Shop::Shop(std::uint64_t seed, int products, int initial_orders, int buyers, Timestamp now)
    : seed_(seed), dice_(mix(seed, static_cast<std::uint64_t>(to_unix_seconds(now)))) {
  Dice dice(mix(seed, 1));
  auto opened = std::min(from_unix_seconds(1'740'787'200), now - kHistory);  // 2025-03-01
  Timestamp shared_update;
  for (int i = 0; i < std::max(1, products); ++i) {
    const auto& kind = kKinds[static_cast<std::size_t>(i) % kKinds.size()];
    Product p;
    p.nm_id = 214'000'000 + i * 137 + static_cast<std::int64_t>(seed % 100);
    p.imt_id = 190'000'000 + i / 2;
    p.uuid = dice.uuid();
    p.subject_id = kind.subject_id;
    p.subject = kind.subject;
    p.brand = dice.pick(kBrands);
    p.color = dice.pick(kColors);
    p.vendor_code = std::string(kind.slug) + "-" + std::to_string(100 + i);
    p.title = std::string(kind.title) + ", " + p.color;
    p.description = p.title + ". Бренд " + p.brand + ". Отправка в день заказа.";
    for (auto size : kind.sizes)
      if (!size.empty())
        p.sizes.push_back({380'000'000 + i * 10 + static_cast<std::int64_t>(p.sizes.size()), std::string(size),
                           "20" + dice.text(11, "0123456789")});
    p.length_cm = static_cast<int>(dice.between(10, 60));
    p.width_cm = static_cast<int>(dice.between(8, 40));
    p.height_cm = static_cast<int>(dice.between(2, 30));
    p.weight_kg = static_cast<double>(dice.between(10, 300)) / 100;
    p.price_kopecks = (kind.price_roubles + dice.between(-5, 20) * 10) * 100;
    p.created_at = opened + seconds(dice.between(0, 20 * kDay)) + std::chrono::microseconds(dice.between(0, 999'999));
    // cards loaded from one file share their update time: the nmID must break the tie
    if (i % 3 == 0)
      shared_update = opened + seconds((20 + i) * kDay / 2) + std::chrono::microseconds(dice.between(0, 999'999));
    p.updated_at = std::max(shared_update, p.created_at);
    products_.push_back(std::move(p));
  }

  for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(1, buyers)); ++i) {
    const auto& known = kBuyers[i % kBuyers.size()];
    Buyer b;
    b.id = 5'300'000'000 + static_cast<std::int64_t>(seed % 1000) * 100'000 + static_cast<std::int64_t>(i);
    b.first_name = known.first_name;
    b.username = known.username;
    if (i >= kBuyers.size() && !b.username.empty()) b.username += std::to_string(i);
    b.language = known.language;
    buyers_.push_back(std::move(b));
  }

  if (initial_orders <= 0) return;
  // The calendar is cut into slots with one order each. An order in seven shares the second of the one before.
  auto slot = std::max<std::int64_t>(2, seconds(kHistory).count() / initial_orders);
  auto moment = [&](std::int64_t k) {
    return k * slot +
           static_cast<std::int64_t>(mix(seed_, static_cast<std::uint64_t>(k)) % static_cast<std::uint64_t>(slot));
  };
  auto last = to_unix_seconds(now) / slot;  // the running slot may still lie ahead
  for (auto k = last - initial_orders; k < last; ++k) {
    bool tie = mix(seed_ + 7, static_cast<std::uint64_t>(k)) % 7 == 0;
    auto at = moment(tie ? k - 1 : k);
    orders_.push_back(make_order(at * 10 + (tie ? 1 : 0), from_unix_seconds(at)));
  }
}

const Warehouse& Shop::warehouse(const Order& order) const {
  return warehouses()[static_cast<std::size_t>(order.warehouse)];
}

const Order* Shop::find_order(std::int64_t id) const noexcept {
  auto at = std::lower_bound(orders_.begin(), orders_.end(), id,
                             [](const Order& o, std::int64_t value) { return o.id < value; });
  return at != orders_.end() && at->id == id ? &*at : nullptr;
}

const Order& Shop::add_order(Timestamp now) {
  auto second = to_unix_seconds(now);
  auto id = std::max(second * 10 + 2, orders_.empty() ? 0 : orders_.back().id + 1);
  auto late = seconds(dice_.chance(0.125) ? dice_.between(1, 90) : 0);
  orders_.push_back(make_order(id, from_unix_seconds(second) - late));
  return orders_.back();
}

void Shop::restore_order(std::int64_t id, Timestamp created_at) {
  auto at = std::lower_bound(orders_.begin(), orders_.end(), id,
                             [](const Order& o, std::int64_t value) { return o.id < value; });
  if (at == orders_.end() || at->id != id) orders_.insert(at, make_order(id, created_at));
}

const Product& Shop::change_product(Timestamp now) {
  auto& product = products_[static_cast<std::size_t>(dice_.next() % products_.size())];
  product.description = product.title + ". Бренд " + product.brand + ". Обновили описание и фото.";
  product.weight_kg = static_cast<double>(dice_.between(10, 300)) / 100;
  product.updated_at = now;
  return product;
}

Order Shop::make_order(std::int64_t id, Timestamp created_at) const {
  Dice dice(mix(seed_ + 3, static_cast<std::uint64_t>(id)));
  Order o;
  o.id = id;
  o.created_at = created_at;
  o.product = static_cast<std::size_t>(dice.next() % products_.size());
  const auto& product = products_[o.product];
  o.size = static_cast<std::size_t>(dice.next() % product.sizes.size());
  o.rid = dice.text(32, "0123456789abcdef");
  o.basket_uid = dice.text(9, "123456789") + "_" + dice.text(32, "0123456789abcdef");
  o.supply_id = "WB-GI-" + dice.text(8, "123456789");
  o.price_kopecks = product.price_kopecks;
  o.sale_price_kopecks = product.price_kopecks * dice.between(70, 100) / 100;
  o.warehouse = static_cast<int>(dice.between(0, 2));
  struct Abroad {
    int currency;
    std::int64_t numerator, denominator;  // of one rouble
  };
  static constexpr std::array<Abroad, 3> kAbroad{{{933, 35, 1000}, {398, 58, 10}, {51, 49, 10}}};
  o.price_minor = o.price_kopecks;
  o.sale_price_minor = o.sale_price_kopecks;
  if (dice.chance(0.15)) {
    const auto& abroad = dice.pick(kAbroad);
    o.currency = abroad.currency;
    o.price_minor = o.price_kopecks * abroad.numerator / abroad.denominator;
    o.sale_price_minor = o.sale_price_kopecks * abroad.numerator / abroad.denominator;
  }
  if (dice.chance(0.1)) o.comment = dice.pick(kComments);
  if (dice.chance(0.2)) o.address = dice.pick(kAddresses);
  o.is_b2b = dice.chance(0.04);

  // Half of the orders live fast, so that somebody watching sees statuses move; the other half take their real days.
  std::int64_t unit = dice.chance(0.5) ? 1 : 60;
  o.confirmed_after = minutes(unit * dice.between(2, 10));
  o.handed_over_after = o.confirmed_after + minutes(unit * dice.between(3, 20));
  o.sorted_after = o.handed_over_after + minutes(unit * dice.between(5, 30));
  o.final_after = o.sorted_after + minutes(unit * dice.between(20, 90));
  auto fate = dice.between(1, 100);
  if (fate <= 5) {
    o.outcome = {"cancel", "canceled"};
    o.ends_early = true;
  } else if (fate <= 11) {
    o.outcome = {"cancel", "declined_by_client"};
    o.ends_early = true;
  } else if (fate <= 17) {
    o.outcome = {"complete", "canceled_by_client"};
  } else if (fate == 18) {
    o.outcome = {"complete", "defect"};
  } else {
    o.outcome = {"complete", "sold"};
  }
  if (o.ends_early) o.final_after = minutes(dice.between(5, 55));  // a buyer can only decline within the first hour
  return o;
}

std::string Shop::message_of(const Buyer& buyer) {
  std::string text(buyer.language == "ru" ? dice_.pick(kRussian) : dice_.pick(kEnglish));
  const auto& product = dice_.pick(products_);
  text = replaced(std::move(text), "{product}", "«" + product.title + "»");
  text = replaced(std::move(text), "{size}", product.sizes.front().tech_size);
  return replaced(std::move(text), "{order}",
                  std::to_string(orders_.empty() ? 17'000'000'000 : dice_.pick(orders_).id));
}

std::string Shop::reply_of(const Buyer& buyer) {
  return std::string(buyer.language == "ru" ? dice_.pick(kRussianReplies) : dice_.pick(kEnglishReplies));
}

}  // namespace easyflow::sandbox
