// The words a model has met, for telling what a message was meant to say. Private to core/nlp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace easyflow::nlp {

/// Known words, Latin and Cyrillic, the frequent ones first. Immutable, safe to share between threads.
class KnownWords {
 public:
  KnownWords() = default;
  /// `words` are normalized; those that are not of Latin or Cyrillic letters alone are left out.
  explicit KnownWords(const std::vector<std::string>& words);

  bool empty() const { return offsets_.size() < 2; }
  /// Only then there is anything to transliterate to.
  bool has_cyrillic() const { return has_cyrillic_; }
  bool has_latin() const { return has_latin_; }
  bool contains(const char32_t* letters, std::size_t size) const;
  /// The known Cyrillic word that reads like these Latin letters ("skolko": сколько). False if there is none.
  bool by_sound(const char32_t* letters, std::size_t size, std::vector<char32_t>& out) const;
  std::vector<std::string> words() const;

 private:
  struct Sound {
    std::uint32_t hash = 0;
    std::uint32_t word = 0;  ///< plus one; 0 is an empty slot
  };
  std::vector<char16_t> letters_;
  std::vector<std::uint32_t> offsets_;
  std::vector<std::uint32_t> known_;  ///< open addressing by hash, 0 is an empty slot
  std::vector<Sound> sounds_;
  bool has_cyrillic_ = false;
  bool has_latin_ = false;
};

/// Latin letters read as Russian, by rule: for words that are not known.
void transliterate(const char32_t* letters, std::size_t size, std::vector<char32_t>& out);
/// What was typed with the other of the two keyboard layouts on (US QWERTY, Russian ЙЦУКЕН); 0 if the key has no
/// counterpart.
char32_t other_layout(char32_t letter);

}  // namespace easyflow::nlp
