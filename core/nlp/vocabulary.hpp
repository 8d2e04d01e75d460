// Words and what they mean, found by the hash the scan has already made. Private to core/nlp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/nlp/finder.hpp"

namespace easyflow::nlp {

/// The hash of a lower-case word, the same for ё and е; scan() gives every token its own.
std::uint32_t hash_word(std::string_view lower);
/// A lower-case word with ё written as е.
std::string fold_yo(std::string_view lower);
/// Lower case by the rules of scan(): same length in bytes.
std::string to_lower(std::string_view text);
/// How people write a lower-case Russian word in Latin letters: at most `limit` ways, the plainest first.
std::vector<std::string> transliterations(std::string_view word, std::size_t limit);

/// A fixed set of words with a value each. Built once, then read by any number of threads.
template <class T>
class Vocabulary {
 public:
  /// The first meaning given to a word stays. Words must be lower case.
  void add(std::string_view word, T value) {
    if ((words_.size() + 1) * 2 > slots_.size()) grow();
    std::string folded = fold_yo(word);
    const std::uint32_t hash = hash_word(folded);
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at].word >= 0; at = (at + 1) & (slots_.size() - 1))
      if (slots_[at].hash == hash && words_[static_cast<std::size_t>(slots_[at].word)].first == folded) return;
    slots_[at] = {hash, static_cast<std::int32_t>(words_.size())};
    words_.emplace_back(std::move(folded), std::move(value));
  }

  /// The value of a word or null. `hash` is hash_word(lower).
  const T* find(std::uint32_t hash, std::string_view lower) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t at = hash & (slots_.size() - 1); slots_[at].word >= 0; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].hash != hash) continue;
      const auto& entry = words_[static_cast<std::size_t>(slots_[at].word)];
      if (entry.first == lower || entry.first == fold_yo(lower)) return &entry.second;
    }
    return nullptr;
  }
  T* find_for_change(std::string_view lower) { return const_cast<T*>(find(lower)); }
  const T* find(const Scan& scan, const Token& token) const { return find(token.hash, scan.word(token)); }
  const T* find(std::string_view lower) const { return find(hash_word(lower), lower); }
  std::size_t size() const { return words_.size(); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t word = -1;
  };

  void grow() {
    slots_.assign(std::bit_ceil((words_.size() + 8) * 4), Slot{});
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint32_t hash = hash_word(words_[i].first);
      std::size_t at = hash & (slots_.size() - 1);
      while (slots_[at].word >= 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = {hash, static_cast<std::int32_t>(i)};
    }
  }

  std::vector<Slot> slots_;
  std::vector<std::pair<std::string, T>> words_;
};

}  // namespace easyflow::nlp
