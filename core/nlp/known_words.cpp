#include "core/nlp/known_words.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

#include "core/nlp/unicode.hpp"

namespace easyflow::nlp {
namespace {

constexpr std::uint32_t kEmpty = 2166136261u;

std::uint32_t add(std::uint32_t hash, char32_t letter) { return (hash ^ letter) * 16777619u; }
/// Spreads the bits and keeps 0 free for empty slots.
std::uint32_t finish(std::uint32_t hash) {
  hash ^= hash >> 16;
  hash *= 0x85EBCA6Bu;
  hash ^= hash >> 13;
  return hash == 0 ? 1 : hash;
}

std::uint32_t word_hash(const char32_t* letters, std::size_t size) {
  std::uint32_t hash = kEmpty;
  for (std::size_t i = 0; i < size; ++i) hash = add(hash, letters[i]);
  return finish(hash);
}

/// How a word sounds, coarsely: no soft and hard signs, ч ш щ as one, и й ы as one, no doubles. Both scripts meet here.
class Skeleton {
 public:
  void put(char letter) {
    if (letter == last_) return;
    last_ = letter;
    hash_ = add(hash_, static_cast<unsigned char>(letter));
    ++size_;
  }
  std::uint32_t hash() const { return finish(hash_); }
  std::size_t size() const { return size_; }

 private:
  std::uint32_t hash_ = kEmpty;
  std::size_t size_ = 0;
  char last_ = 0;
};

//                                     а     б    в    г    д    е    ж    з    и    й    к    л    м    н    о    п
constexpr const char* kCyrillicSound[] = {
    "a", "b", "v", "g", "d", "e", "j", "z", "i", "i", "k", "l", "m", "n", "o", "p",
    // р с    т    у    ф    х    ц    ч    ш    щ    ъ   ы    ь   э    ю     я
    "r", "s", "t", "u", "f", "h", "c", "w", "w", "w", "", "i", "", "e", "iu", "ia"};

Skeleton cyrillic_skeleton(const char16_t* letters, std::size_t size) {
  Skeleton out;
  for (std::size_t i = 0; i < size; ++i) {
    if (letters[i] < u'а' || letters[i] > u'я') {
      out.put('?');
      continue;
    }
    for (const char* sound = kCyrillicSound[letters[i] - u'а']; *sound != 0; ++sound) out.put(*sound);
  }
  return out;
}

/// Latin spellings of one Russian letter or two: by their first letter, the longer first.
struct Spelling {
  std::string_view latin;
  std::string_view sound;
  std::u32string_view russian;
};
constexpr Spelling kSpellings[] = {
    {"4", "w", U"ч"},   {"a", "a", U"а"},    {"b", "b", U"б"},   {"ch", "w", U"ч"},  {"c", "c", U"ц"},
    {"d", "d", U"д"},   {"e", "e", U"е"},    {"f", "f", U"ф"},   {"g", "g", U"г"},   {"h", "h", U"х"},
    {"iy", "i", U"ий"}, {"i", "i", U"и"},    {"ja", "ia", U"я"}, {"ju", "iu", U"ю"}, {"jo", "e", U"е"},
    {"je", "e", U"е"},  {"j", "j", U"ж"},    {"kh", "h", U"х"},  {"k", "k", U"к"},   {"l", "l", U"л"},
    {"m", "m", U"м"},   {"n", "n", U"н"},    {"o", "o", U"о"},   {"p", "p", U"п"},   {"q", "ia", U"я"},
    {"r", "r", U"р"},   {"shch", "w", U"щ"}, {"sch", "w", U"щ"}, {"sh", "w", U"ш"},  {"s", "s", U"с"},
    {"ts", "c", U"ц"},  {"tz", "c", U"ц"},   {"t", "t", U"т"},   {"u", "u", U"у"},   {"v", "v", U"в"},
    {"w", "w", U"ш"},   {"x", "h", U"х"},    {"ya", "ia", U"я"}, {"yu", "iu", U"ю"}, {"yo", "e", U"е"},
    {"ye", "e", U"е"},  {"yi", "i", U"ый"},  {"y", "i", U"ы"},   {"zh", "j", U"ж"},  {"z", "z", U"з"},
};
/// Where the spellings of each first letter begin in kSpellings.
constexpr auto kSpellingsBegin = [] {
  std::array<std::uint8_t, 0x81> begin{};
  std::size_t at = 0;
  for (std::size_t letter = 0; letter < begin.size(); ++letter) {
    while (at < std::size(kSpellings) && static_cast<unsigned char>(kSpellings[at].latin[0]) < letter) ++at;
    begin[letter] = static_cast<std::uint8_t>(at);
  }
  return begin;
}();

const Spelling* spelling_at(const char32_t* letters, std::size_t size) {
  if (letters[0] >= 0x80) return nullptr;
  for (std::size_t at = kSpellingsBegin[letters[0]]; at < kSpellingsBegin[letters[0] + 1]; ++at) {
    const auto& spelling = kSpellings[at];
    if (spelling.latin.size() > size) continue;
    bool same = true;
    for (std::size_t i = 1; i < spelling.latin.size() && same; ++i)
      same = letters[i] == static_cast<unsigned char>(spelling.latin[i]);
    if (same) return &spelling;
  }
  return nullptr;
}

}  // namespace

KnownWords::KnownWords(const std::vector<std::string>& words) {
  offsets_.push_back(0);
  for (const auto& word : words) {
    const auto before = letters_.size();
    bool latin = true, cyrillic = true;
    for (std::size_t at = 0; at < word.size();) {
      const char32_t letter = next_code_point(word, at);
      latin = latin && is_latin(letter);
      cyrillic = cyrillic && is_cyrillic(letter);
      letters_.push_back(static_cast<char16_t>(letter));
    }
    if (letters_.size() == before || (!latin && !cyrillic)) {
      letters_.resize(before);
      continue;
    }
    has_latin_ = has_latin_ || latin;
    has_cyrillic_ = has_cyrillic_ || cyrillic;
    offsets_.push_back(static_cast<std::uint32_t>(letters_.size()));
  }
  const auto count = offsets_.size() - 1;
  const auto slots = std::bit_ceil(count * 2 + 2);
  known_.assign(slots, 0);
  sounds_.assign(slots, {});
  std::vector<char32_t> wide;
  for (std::size_t i = 0; i < count; ++i) {
    const char16_t* begin = letters_.data() + offsets_[i];
    const std::size_t size = offsets_[i + 1] - offsets_[i];
    wide.assign(begin, begin + size);
    const auto hash = word_hash(wide.data(), size);
    auto slot = hash & (slots - 1);
    while (known_[slot] != 0 && known_[slot] != hash) slot = (slot + 1) & (slots - 1);
    known_[slot] = hash;
    if (!is_cyrillic(wide[0])) continue;
    const auto sound = cyrillic_skeleton(begin, size).hash();
    slot = sound & (slots - 1);
    while (sounds_[slot].word != 0 && sounds_[slot].hash != sound) slot = (slot + 1) & (slots - 1);
    if (sounds_[slot].word != 0) continue;  // the more frequent word keeps the sound
    sounds_[slot].hash = sound;
    sounds_[slot].word = static_cast<std::uint32_t>(i) + 1;
  }
}

bool KnownWords::contains(const char32_t* letters, std::size_t size) const {
  if (known_.empty()) return false;
  const auto hash = word_hash(letters, size);
  auto slot = hash & (known_.size() - 1);
  for (; known_[slot] != 0; slot = (slot + 1) & (known_.size() - 1))
    if (known_[slot] == hash) return true;
  return false;
}

bool KnownWords::by_sound(const char32_t* letters, std::size_t size, std::vector<char32_t>& out) const {
  if (sounds_.empty()) return false;
  Skeleton skeleton;
  for (std::size_t i = 0; i < size;) {
    const auto* spelling = spelling_at(letters + i, size - i);
    if (spelling == nullptr) return false;
    for (char sound : spelling->sound) skeleton.put(sound);
    i += spelling->latin.size();
  }
  if (skeleton.size() < 2) return false;  // "i", "y" sound like too much
  const auto hash = skeleton.hash();
  for (auto slot = hash & (sounds_.size() - 1); sounds_[slot].word != 0; slot = (slot + 1) & (sounds_.size() - 1)) {
    if (sounds_[slot].hash != hash) continue;
    const auto word = sounds_[slot].word - 1;
    out.assign(letters_.begin() + offsets_[word], letters_.begin() + offsets_[word + 1]);
    return true;
  }
  return false;
}

std::vector<std::string> KnownWords::words() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i + 1 < offsets_.size(); ++i) {
    std::string word;
    for (auto at = offsets_[i]; at < offsets_[i + 1]; ++at) append_utf8(word, letters_[at]);
    out.push_back(std::move(word));
  }
  return out;
}

void transliterate(const char32_t* letters, std::size_t size, std::vector<char32_t>& out) {
  out.clear();
  for (std::size_t i = 0; i < size;) {
    const auto* spelling = spelling_at(letters + i, size - i);
    if (spelling == nullptr) {
      out.push_back(letters[i++]);
      continue;
    }
    // a vowel before makes it й: "moy", "zakazov"
    const bool after_vowel = i > 0 && std::u32string_view(U"aeou").find(letters[i - 1]) != std::u32string_view::npos;
    if (spelling->latin.size() == 1 && after_vowel && (letters[i] == 'y' || (letters[i] == 'j' && i + 1 == size)))
      out.push_back(U'й');
    else
      out.insert(out.end(), spelling->russian.begin(), spelling->russian.end());
    i += spelling->latin.size();
  }
}

char32_t other_layout(char32_t letter) {
  static constexpr std::u32string_view kLatinKeys = U"qwertyuiop[]asdfghjkl;'zxcvbnm,.`{}:\"<>~";
  static constexpr std::u32string_view kRussianKeys = U"йцукенгшщзхъфывапролджэячсмитьбюехъжэбюе";
  static_assert(kLatinKeys.size() == kRussianKeys.size());
  if (is_cyrillic(letter)) {
    const auto at = kRussianKeys.find(letter);
    return at == std::u32string_view::npos ? 0 : kLatinKeys[at];
  }
  const auto at = kLatinKeys.find(letter);
  return at == std::u32string_view::npos ? 0 : kRussianKeys[at];
}

}  // namespace easyflow::nlp
