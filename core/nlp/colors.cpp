#include "core/nlp/colors.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include "core/nlp/cues.hpp"
#include "core/nlp/vocabulary.hpp"

namespace easyflow::nlp {
namespace {

using Kind = Token::Kind;

struct Color {
  enum class Use : std::uint8_t {
    always,
    with_cue,  ///< also a thing or a material: only where the message speaks of colours
    joined     ///< "сине": only before a hyphen and another colour
  };
  std::string_view key;
  Use use = Use::always;
};

constexpr std::string_view kHard[] = {"ый", "ого", "ому", "ым", "ом", "ая", "ой", "ою", "ую", "ое", "ые", "ых", "ыми"};
constexpr std::string_view kHardStressed[] = {"ой", "ого", "ому", "ым", "ом", "ая",
                                              "ою", "ую",  "ое",  "ые", "ых", "ыми"};
constexpr std::string_view kVelar[] = {"ий", "ого", "ому", "им", "ом", "ая", "ой", "ою", "ую", "ое", "ие", "их", "ими"};
constexpr std::string_view kSoft[] = {"ий", "его", "ему", "им", "ем", "яя", "ей", "ею", "юю", "ее", "ие", "их", "ими"};

struct Adjective {
  std::string_view stem;
  std::string_view key;
  Color::Use use = Color::Use::always;
};
constexpr Color::Use kCue = Color::Use::with_cue;

constexpr Adjective kAdjectives[] = {
    {"бел", "white"},
    {"чёрн", "black"},
    {"красн", "red"},
    {"зелён", "green"},
    {"жёлт", "yellow"},
    {"оранжев", "orange"},
    {"розов", "pink"},
    {"фиолетов", "purple"},
    {"сиренев", "lilac"},
    {"лилов", "lilac"},
    {"сер", "grey"},
    {"коричнев", "brown"},
    {"бежев", "beige"},
    {"бордов", "burgundy"},
    {"золотист", "gold"},
    {"серебрист", "silver"},
    {"бирюзов", "turquoise"},
    {"салатов", "light_green"},
    {"мятн", "mint", kCue},
    {"горчичн", "mustard", kCue},
    {"персиков", "peach", kCue},
    {"кремов", "cream", kCue},
    {"молочн", "milk", kCue},
    {"оливков", "olive", kCue},
    {"малинов", "raspberry", kCue},
    {"вишнёв", "cherry", kCue},

    {"кораллов", "coral"},
    {"лавандов", "lavender", kCue},
    {"пудров", "powder"},
    {"изумрудн", "emerald"},
    {"лимонн", "lemon", kCue},
    {"шоколадн", "chocolate", kCue},
    {"кофейн", "coffee", kCue},
    {"терракотов", "terracotta"},
    {"графитов", "graphite"},
    {"пурпурн", "purple"},
    {"ал", "scarlet", kCue},
    {"рыж", "ginger", kCue},
    {"песочн", "sand", kCue},
    {"разноцветн", "multicolor"},
    {"прозрачн", "transparent", kCue},
    {"лазурн", "azure"},
    {"васильков", "cornflower"},
    {"баклажанов", "aubergine"},
    {"винн", "wine", kCue},
    {"серебрян", "silver", kCue},
    {"сливов", "plum", kCue},
    {"свекольн", "beetroot", kCue},
    {"антрацитов", "anthracite"},
    {"морковн", "carrot", kCue},
    {"медн", "copper", kCue},
    {"бронзов", "bronze", kCue},
    {"фисташков", "pistachio", kCue},
    {"лососев", "salmon", kCue},
    {"нюдов", "nude"},
    {"телесн", "nude", kCue},
    {"перламутров", "pearl", kCue},
    {"дымчат", "smoky", kCue},
    {"болотн", "marsh_green", kCue},
    {"лаймов", "lime", kCue},
    {"абрикосов", "apricot", kCue},
    {"каштанов", "chestnut", kCue},
    {"неонов", "neon", kCue},
};
constexpr Adjective kStressed[] = {{"голуб", "light_blue"}, {"золот", "gold", kCue}, {"цветн", "multicolor", kCue}};
constexpr Adjective kVelarAdjectives[] = {{"разноцветненьк", "multicolor"}};
constexpr Adjective kSoftAdjectives[] = {{"син", "blue"}};
constexpr Adjective kDiminutive[] = {{"беленьк", "white"},       {"чёрненьк", "black"},  {"красненьк", "red"},
                                     {"зелёненьк", "green"},     {"жёлтеньк", "yellow"}, {"синеньк", "blue"},
                                     {"розовеньк", "pink"},      {"серенк", "grey"},     {"сереньк", "grey"},
                                     {"голубеньк", "light_blue"}};

constexpr Adjective kWords[] = {
    {"хаки", "khaki"},
    {"беж", "beige"},
    {"бордо", "burgundy", kCue},
    {"бирюза", "turquoise", kCue},
    {"фуксия", "fuchsia", kCue},
    {"фуксии", "fuchsia", kCue},
    {"марсала", "marsala", kCue},
    {"индиго", "indigo"},
    {"пудра", "powder", kCue},
    {"графит", "graphite", kCue},
    {"олива", "olive", kCue},
    {"мята", "mint", kCue},
    {"капучино", "cappuccino", kCue},
    {"антрацит", "anthracite", kCue},
    {"электрик", "electric_blue", kCue},
    {"айвори", "ivory"},
    {"нюд", "nude", kCue},
    {"терракот", "terracotta"},
    {"ультрамарин", "ultramarine"},
    {"аквамарин", "aquamarine", kCue},
    {"экрю", "ecru"},
    {"охра", "ochre", kCue},
    {"мокко", "mocha", kCue},
    {"шампань", "champagne", kCue},
    {"тиффани", "tiffany_blue", kCue},
    {"haki", "khaki"},
    {"bezh", "beige"},
    {"bej", "beige"},
    {"red", "red"},
    {"blue", "blue"},
    {"green", "green"},
    {"black", "black"},
    {"white", "white"},
    {"grey", "grey"},
    {"gray", "grey"},
    {"yellow", "yellow"},
    {"orange", "orange"},
    {"pink", "pink"},
    {"purple", "purple"},
    {"brown", "brown"},
    {"beige", "beige"},
    {"navy", "navy"},
    {"gold", "gold", kCue},
    {"golden", "gold", kCue},
    {"silver", "silver", kCue},
    {"turquoise", "turquoise"},
    {"khaki", "khaki"},
    {"burgundy", "burgundy"},
    {"maroon", "maroon"},
    {"teal", "teal"},
    {"cyan", "cyan"},
    {"magenta", "magenta"},
    {"lilac", "lilac"},
    {"lavender", "lavender", kCue},
    {"cream", "cream", kCue},
    {"ivory", "ivory"},
    {"olive", "olive", kCue},
    {"mint", "mint", kCue},
    {"coral", "coral", kCue},
    {"charcoal", "charcoal", kCue},
    {"tan", "tan", kCue},
    {"violet", "violet"},
    {"rose", "rose", kCue},
    {"multicolor", "multicolor"},
    {"multicolour", "multicolor"},
    {"multicolored", "multicolor"},
    {"emerald", "emerald", kCue},
    {"crimson", "crimson"},
    {"fuchsia", "fuchsia"},
    {"indigo", "indigo"},
    {"peach", "peach", kCue},
    {"mustard", "mustard", kCue},
    {"bronze", "bronze", kCue},
    {"copper", "copper", kCue},
    {"taupe", "taupe"},
    {"aqua", "aqua", kCue},
    {"terracotta", "terracotta"},
    {"transparent", "transparent", kCue},
    {"scarlet", "scarlet"},
    {"mauve", "mauve"},
    {"plum", "plum", kCue},
    {"graphite", "graphite", kCue},
    {"salmon", "salmon", kCue},
    {"nude", "nude", kCue},
    {"anthracite", "anthracite"},
    {"ultramarine", "ultramarine"},
    {"aquamarine", "aquamarine", kCue},
    {"ecru", "ecru"},
    {"ochre", "ochre", kCue},
    {"mocha", "mocha", kCue},
    {"champagne", "champagne", kCue},
    {"lime", "lime", kCue},
    {"reds", "red", kCue},
    {"blues", "blue", kCue},
    {"blacks", "black", kCue},
    {"whites", "white", kCue},
};

class Builder {
 public:
  template <class Adjectives, class Endings>
  void inflected(const Adjectives& adjectives, const Endings& endings, std::string_view joint) {
    for (const Adjective& adjective : adjectives) {
      const std::string stem(adjective.stem);
      for (std::string_view ending : endings) {
        const std::string word = stem + std::string(ending);
        words_.add(word, {adjective.key, adjective.use});
        for (const std::string& latin : transliterations(word, ending.ends_with("й") ? 24 : 8))
          words_.add(latin, {adjective.key, adjective.use});
      }
      words_.add(stem + std::string(joint), {adjective.key, Color::Use::joined});
    }
  }
  void plain(const Adjective& word) { words_.add(word.stem, {word.key, word.use}); }
  Vocabulary<Color> take() { return std::move(words_); }

 private:
  Vocabulary<Color> words_;
};

const Vocabulary<Color>& colors() {
  static const Vocabulary<Color> all = [] {
    Builder b;
    for (const Adjective& word : kWords) b.plain(word);
    b.inflected(kAdjectives, kHard, "о");
    b.inflected(kStressed, kHardStressed, "о");
    b.inflected(kSoftAdjectives, kSoft, "е");
    b.inflected(kVelarAdjectives, kVelar, "о");
    b.inflected(kDiminutive, kVelar, "о");
    return b.take();
  }();
  return all;
}

/// Two English words that are one colour.
struct Pair {
  std::string_view first, second, key;
};
constexpr Pair kPairs[] = {
    {"navy", "blue", "navy"},        {"sky", "blue", "light_blue"},   {"baby", "blue", "light_blue"},
    {"royal", "blue", "royal_blue"}, {"rose", "gold", "rose_gold"},   {"off", "white", "off_white"},
    {"olive", "green", "olive"},     {"mint", "green", "mint"},       {"forest", "green", "dark_green"},
    {"lime", "green", "lime"},       {"baby", "pink", "light_pink"},  {"hot", "pink", "hot_pink"},
    {"dusty", "pink", "dusty_pink"}, {"dusty", "rose", "dusty_pink"}, {"jet", "black", "black"},
    {"space", "grey", "space_grey"}, {"space", "gray", "space_grey"},
};

struct Shade {
  std::string_view word, prefix;
};
constexpr Shade kShades[] = {
    {"темно", "dark_"},   {"dark", "dark_"},   {"deep", "dark_"},         {"temno", "dark_"},    {"насыщенно", "dark_"},
    {"светло", "light_"}, {"light", "light_"}, {"svetlo", "light_"},      {"нежно", "light_"},   {"pastel", "light_"},
    {"бледно", "pale_"},  {"pale", "pale_"},   {"ярко", "bright_"},       {"bright", "bright_"}, {"yarko", "bright_"},
    {"пыльно", "dusty_"}, {"dusty", "dusty_"}, {"приглушенно", "dusty_"}, {"hot", "hot_"},
};

/// Words that make another thing of the colour before them: sales, food, streets, idioms.
const Vocabulary<bool>& spoilers() {
  static const Vocabulary<bool> all = [] {
    Vocabulary<bool> v;
    for (std::string_view word :
         {"пятница",  "пятницу", "пятнице", "пятницы",  "пятницей", "понедельник", "friday",   "чай",     "чая",
          "чаю",      "чаем",    "чае",     "tea",      "икра",     "икру",        "икры",     "вино",    "вина",
          "хлеб",     "хлеба",   "список",  "списка",   "списке",   "list",        "market",   "card",    "карта",
          "карту",    "карты",   "bull",    "house",    "цена",     "цене",        "цену",     "площадь", "площади",
          "импорт",   "схема",   "схемы",   "зарплата", "коридор",  "коридору",    "кольцо",   "кольца",  "кольца",
          "цепочка",  "цепочку", "цепочки", "серьги",   "juice",    "рыба",        "рыбу",     "перец",   "перца",
          "pepper",   "металл",  "кость",   "день",     "дни",      "ночи",        "армии",    "армия",   "крест",
          "креста",   "море",    "моря",    "маркет",   "магия",    "дыра",        "рынок",    "рынка",   "wine",
          "bread",    "rice",    "sea",     "cross",    "лук",      "горошек",     "юмор",     "юмора",   "поляна",
          "пояс",     "книга",   "книги",   "линия",    "линии",    "ветке",       "ветка",    "сулин",   "калитва",
          "церковь",  "село",    "бор",     "холм",     "хол",      "head",        "friday's", "шоколад", "flag",
          "flags",    "hair",    "eyes",    "глаза",    "глаз",     "волосы",      "волос",    "будни",   "озеро",
          "озера",    "сигнал",  "свете",   "свет",     "light",    "медведь",     "смазка",   "смазку",  "смазки",
          "стержень", "стержни", "стержня"})
      v.add(word, true);
    return v;
  }();
  return all;
}

bool is_hyphen(const Scan& s, std::size_t at) {
  if (at >= s.tokens.size() || s.tokens[at].space_before) return false;
  const std::string_view sign = s.word(s.tokens[at]);
  return sign == "-" || sign == "–" || sign == "‑";
}

bool is_street(const Scan& s, std::size_t first, std::size_t behind) {
  if (first > 0) {
    std::size_t before = first - 1;
    if (s.tokens[before].kind == Kind::sign && before > 0 && s.lower[s.tokens[before].begin] == '.') --before;
    if ((cues_of(s, s.tokens[before]) & Cue::street) != 0) return true;
  }
  // "красном м" is a size, so short words count only before the name
  return behind < s.tokens.size() && s.tokens[behind].end - s.tokens[behind].begin > 4 &&
         (cues_of(s, s.tokens[behind]) & Cue::street) != 0;
}

}  // namespace

void find_colors(const Scan& scan, std::uint32_t message, std::vector<Candidate>& out) {
  static const Vocabulary<Color>& all = colors();
  static const Vocabulary<bool>& spoiling = spoilers();
  const std::size_t count = scan.tokens.size();
  bool has_color = (message & Cue::color) != 0;
  for (int round = 0; round < 2; ++round) {
    const std::size_t found_before = out.size();
    bool is_doubtful = false;
    for (std::size_t at = 0; at < count; ++at) {
      const Token& token = scan.tokens[at];
      if (token.kind != Kind::word) continue;
      const Color* color = all.find(scan, token);
      if (color == nullptr) continue;
      if (at > 2 && scan.word(token) == "blue" && scan.word(scan.tokens[at - 1]) == "the" &&
          scan.word(scan.tokens[at - 2]) == "of" && scan.word(scan.tokens[at - 3]) == "out")
        continue;
      std::size_t first = at;
      std::size_t behind = at + 1;
      std::string key(color->key);
      bool is_sure = color->use == Color::Use::always;
      if (color->use == Color::Use::joined) {
        if (!is_hyphen(scan, at + 1) || at + 2 >= count) continue;
        const Color* second = all.find(scan, scan.tokens[at + 2]);
        if (second == nullptr || second->use == Color::Use::joined) continue;
        key += "_" + std::string(second->key);
        behind = at + 3;
        is_sure = true;
      } else if (behind < count && scan.tokens[behind].kind == Kind::word) {
        // "rose gold"
        for (const Pair& pair : kPairs)
          if (pair.first == scan.word(token) && pair.second == scan.word(scan.tokens[behind])) {
            key = pair.key;
            ++behind;
            is_sure = true;
            break;
          }
      }
      if (first > 0) {
        std::size_t before = first - 1;
        if (is_hyphen(scan, before) && before > 0 && !token.space_before) --before;
        const std::string_view word = scan.word(scan.tokens[before]);
        bool paired = false;
        for (const Pair& pair : kPairs)
          if (pair.second == scan.word(token) && pair.first == word) {
            key = pair.key;
            first = before;
            paired = is_sure = true;
            break;
          }
        if (!paired && (cues_of(scan, scan.tokens[before]) & Cue::lessen) != 0) {
          const std::string folded = fold_yo(word);
          for (const Shade& shade : kShades)
            if (shade.word == folded) {
              key.insert(0, shade.prefix);
              first = before;
              is_sure = true;
              break;
            }
        }
      }
      at = behind - 1;
      // "the gold one": of metals it is their colour, of food "the lemon one" may be a taste
      if (!is_sure && behind < count && (key == "silver" || key == "gold" || key == "bronze" || key == "copper"))
        is_sure = scan.word(scan.tokens[behind]) == "one" || scan.word(scan.tokens[behind]) == "ones";
      if (!is_sure && !has_color) {
        is_doubtful = true;
        continue;
      }
      if (behind < count && spoiling.find(scan, scan.tokens[behind]) != nullptr) continue;
      if (behind + 1 < count && is_hyphen(scan, behind) && scan.tokens[behind + 1].kind == Kind::word &&
          all.find(scan, scan.tokens[behind + 1]) == nullptr)
        continue;  // "Red-Line"
      if (is_street(scan, first, behind)) continue;
      out.push_back({"color", scan.tokens[first].begin, scan.tokens[behind - 1].end, std::move(key),
                     has_color ? 0.9 : 0.6, priority::color});
    }
    // a second look when a plain colour shows that "золотой" beside it is one too
    if (round == 0 && !has_color && is_doubtful && out.size() > found_before) {
      out.resize(found_before);
      has_color = true;
      continue;
    }
    break;
  }
}

}  // namespace easyflow::nlp
