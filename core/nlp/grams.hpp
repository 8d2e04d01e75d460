// The n-grams of a message as hashes, and which of them a model has a row for. Private to core/nlp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/nlp/bytes.hpp"
#include "core/nlp/normalize.hpp"

namespace easyflow::nlp {

/// Where in a _word_ the n-grams of two and three characters count. Those of four count everywhere.
enum class ShortGrams : std::uint8_t {
  anywhere,
  at_the_ends,  ///< half as many n-grams in all, and nearly as many right answers: see README.md
};

/// Buckets of one message, in two blocks: words (1- and 2-grams, first and last word) and characters (2- to 4-grams
/// inside _word_). With repeats, in the order of the text.
struct Grams {
  std::vector<std::uint32_t> words;
  std::vector<std::uint32_t> characters;
};
inline constexpr std::size_t kBlocks = 2;
inline constexpr unsigned kBucketBits = 17;
inline constexpr std::uint32_t kBuckets = 1u << kBucketBits;

void collect(const Words& words, ShortGrams short_grams, Grams& out);

/// One feature of one message: a row of the model and its weighted frequency.
struct Feature {
  std::uint32_t row = 0;
  float value = 0;
};

/// The buckets that occurred often enough in training, numbered, each with its inverse document frequency.
class RowIndex {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  RowIndex();
  /// `frequency[block * kBuckets + bucket]` of `documents`; rarer than `least` is left out.
  RowIndex(const std::vector<std::uint32_t>& frequency, std::size_t documents, std::uint32_t least);
  /// From what a model file holds. Errors: invalid_input (idf of another size, not a number).
  static Result<RowIndex> restore(const std::vector<std::uint64_t>& bits, const std::vector<float>& idf,
                                  float unknown_idf);

  std::size_t rows() const { return idf_.size() - 1; }
  std::uint32_t row(std::size_t block, std::uint32_t bucket) const {
    const std::size_t index = block * kBuckets + bucket;
    const Group& group = groups_[index >> 6];
    const std::uint64_t bit = std::uint64_t{1} << (index & 63);
    if ((group.bits & bit) == 0) return kNone;
    return group.before + static_cast<std::uint32_t>(__builtin_popcountll(group.bits & (bit - 1)));
  }
  /// Asks the processor to have ready what row() will look at.
  void expect(std::size_t block, std::uint32_t bucket) const {
    __builtin_prefetch(&groups_[(block * kBuckets + bucket) >> 6]);
  }
  /// Whether the bucket of block * kBuckets + bucket has a row.
  bool has_row(std::size_t index) const { return (groups_[index >> 6].bits >> (index & 63) & 1) != 0; }
  /// Of a row, and of rows(): of what has none. A short float.
  float idf(std::size_t row) const { return from_upper_half(idf_[row]); }
  void expect_idf(std::size_t row) const { __builtin_prefetch(&idf_[row]); }

 private:
  /// 64 buckets: which have a row, and how many rows there are before them. Side by side, since both are wanted.
  struct Group {
    std::uint64_t bits = 0;
    std::uint32_t before = 0;
  };
  void count();
  std::vector<Group> groups_;
  std::vector<std::uint16_t> idf_;  ///< halves of floats: they are looked up all over the place
};

/// Turns buckets of a block into their rows, in place; those that have none into rows().
void find_rows(const RowIndex& vocabulary, std::size_t block, std::uint32_t* buckets, std::size_t count);

/// Scratch and result of weighing; reused from message to message.
class Weigher {
 public:
  /// (1 + ln tf) * idf, each block of length one (what the vocabulary does not know counts to the length). Sorted by
  /// block, in the order of the first occurrence. Valid until the next call.
  const std::vector<Feature>& weigh(const Grams& grams, const RowIndex& vocabulary);
  /// Share of the words' 1- and 2-grams that the vocabulary knows, 0..1.
  float coverage() const { return coverage_; }

 private:
  /// A bucket in the upper bits, how often it was seen below; 0: empty.
  std::vector<std::uint32_t> slots_;
  std::vector<std::uint32_t> used_;
  std::vector<std::uint32_t> rows_;  ///< of the buckets in used_
  std::vector<Feature> features_;
  float coverage_ = 0;
};

}  // namespace easyflow::nlp
