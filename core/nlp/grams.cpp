#include "core/nlp/grams.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "core/nlp/lanes.hpp"

namespace easyflow::nlp {
namespace {

using Hash = std::uint64_t;
constexpr Hash kPrime = 0x9E3779B97F4A7C15ull;

Hash add(Hash hash, std::uint64_t value) {
  hash = (hash ^ value) * kPrime;
  return hash ^ (hash >> 29);
}
std::uint32_t bucket_of(Hash hash) { return static_cast<std::uint32_t>((hash * kPrime) >> (64 - kBucketBits)); }

/// Of a packed count; messages are cut long before they have as many n-grams.
constexpr unsigned kCountBits = 32 - kBucketBits;

/// ln of small counts, the only ones that are frequent.
float log_count(std::uint32_t count) {
  static constexpr std::array<float, 9> kLog = {0,          0,          0.69314718f, 1.0986123f, 1.3862944f,
                                                1.6094379f, 1.7917595f, 1.9459101f,  2.0794415f};
  return count < kLog.size() ? kLog[count] : std::log(static_cast<float>(count));
}

}  // namespace

void collect(const Words& words, ShortGrams short_grams, Grams& out) {
  out.words.clear();
  // both ends of a word are letters here; each letter begins at most three n-grams
  out.characters.resize(3 * (words.letters.size() + 2 * words.spans.size()));
  auto* character = out.characters.data();
  constexpr Hash kWord = 1, kPair = 2, kFirst = 3, kLast = 4, kMark = 5, kCharacters = 6;
  Hash previous = 0, first = 0;
  for (const auto& span : words.spans) {
    Hash word = 0;
    for (auto i = span.begin; i < span.end; ++i) word = add(word, words.letters[i]);
    if (span.kind == Words::Kind::mark) {
      out.words.push_back(bucket_of(add(word, kMark)));
      continue;
    }
    out.words.push_back(bucket_of(add(word, kWord)));
    if (previous != 0) out.words.push_back(bucket_of(add(add(previous, word), kPair)));
    if (first == 0) first = word;
    previous = word;
    if (span.kind != Words::Kind::word) continue;
    // _word_ with its ends marked; CJK and other long runs without spaces are words too. N-grams of five characters
    // would be more rows and no more right answers.
    const auto* letters = words.letters.data() + span.begin;
    const std::size_t size = span.end - span.begin + 2;
    const auto at = [&](std::size_t i) { return i == 0 || i + 1 == size ? U'_' : letters[i - 1]; };
    const auto counts = [&](std::size_t begin, std::size_t end) {
      return short_grams == ShortGrams::anywhere || begin == 0 || end == size ? 1 : 0;
    };
    for (std::size_t begin = 0; begin + 1 < size; ++begin) {
      const Hash two = add(add(kCharacters, at(begin)), at(begin + 1));
      *character = bucket_of(two);
      character += counts(begin, begin + 2);
      if (begin + 2 == size) break;
      const Hash three = add(two, at(begin + 2));
      *character = bucket_of(three);
      character += counts(begin, begin + 3);
      if (begin + 3 == size) continue;
      *character++ = bucket_of(add(three, at(begin + 3)));
    }
  }
  out.characters.resize(static_cast<std::size_t>(character - out.characters.data()));
  if (first != 0) {
    out.words.push_back(bucket_of(add(first, kFirst)));
    out.words.push_back(bucket_of(add(previous, kLast)));
  }
}

RowIndex::RowIndex() : groups_(kBlocks * kBuckets / 64), idf_{upper_half(1)} {}

RowIndex::RowIndex(const std::vector<std::uint32_t>& frequency, std::size_t documents, std::uint32_t least)
    : RowIndex() {
  const auto idf = [&](std::uint32_t count) {
    return upper_half(
        to_short_float(std::log((1.0f + static_cast<float>(documents)) / (1.0f + static_cast<float>(count))) + 1.0f));
  };
  idf_.clear();
  for (std::size_t i = 0; i < frequency.size(); ++i) {
    if (frequency[i] < least) continue;
    groups_[i >> 6].bits |= std::uint64_t{1} << (i & 63);
    idf_.push_back(idf(frequency[i]));
  }
  idf_.push_back(idf(1));
  count();
}

Result<RowIndex> RowIndex::restore(const std::vector<std::uint64_t>& bits, const std::vector<float>& idf,
                                   float unknown_idf) {
  RowIndex out;
  std::size_t rows = 0;
  for (auto word : bits) rows += static_cast<std::size_t>(std::popcount(word));
  if (bits.size() != out.groups_.size() || rows != idf.size())
    return Error(ErrorKind::invalid_input, "the model's vocabulary is not whole");
  for (float value : idf)
    if (!(value >= 0 && value < 100)) return Error(ErrorKind::invalid_input, "the model's vocabulary is out of range");
  if (!(unknown_idf >= 0 && unknown_idf < 100))
    return Error(ErrorKind::invalid_input, "the model's vocabulary is out of range");
  for (std::size_t i = 0; i < bits.size(); ++i) out.groups_[i].bits = bits[i];
  out.idf_.clear();
  for (float value : idf) out.idf_.push_back(upper_half(value));
  out.idf_.push_back(upper_half(unknown_idf));
  out.count();
  return out;
}

void RowIndex::count() {
  std::uint32_t sum = 0;
  for (auto& group : groups_) {
    group.before = sum;
    sum += static_cast<std::uint32_t>(std::popcount(group.bits));
  }
}

EASYFLOW_LANES void find_rows(const RowIndex& vocabulary, std::size_t block, std::uint32_t* buckets,
                              std::size_t count) {
  const auto none = static_cast<std::uint32_t>(vocabulary.rows());
  for (std::size_t i = 0; i < count; ++i) {
    buckets[i] = std::min(vocabulary.row(block, buckets[i]), none);
    vocabulary.expect_idf(buckets[i]);
  }
}

const std::vector<Feature>& Weigher::weigh(const Grams& grams, const RowIndex& vocabulary) {
  features_.clear();
  std::size_t known = 0, seen = 0;
  for (std::size_t block = 0; block < kBlocks; ++block) {
    const auto& buckets = block == 0 ? grams.words : grams.characters;
    const auto size = std::bit_ceil(buckets.size() * 2 + 1);
    slots_.assign(size, 0);
    used_.resize(buckets.size());
    auto* slots = slots_.data();
    auto* last_used = used_.data();
    for (auto bucket : buckets) {
      vocabulary.expect(block, bucket);
      auto slot = (bucket * 0x9E3779B1u >> 7) & (size - 1);
      while (slots[slot] != 0 && slots[slot] >> kCountBits != bucket) slot = (slot + 1) & (size - 1);
      *last_used = static_cast<std::uint32_t>(slot);
      last_used += slots[slot] == 0 ? 1 : 0;
      slots[slot] = (slots[slot] | bucket << kCountBits) + 1;
    }
    used_.resize(static_cast<std::size_t>(last_used - used_.data()));
    rows_.resize(used_.size());
    for (std::size_t i = 0; i < used_.size(); ++i) rows_[i] = slots[used_[i]] >> kCountBits;
    find_rows(vocabulary, block, rows_.data(), rows_.size());
    const auto first = features_.size();
    features_.resize(first + used_.size());
    auto* const begin = features_.data() + first;
    auto* end = begin;
    const auto none = vocabulary.rows();
    float squares = 0;
    for (std::size_t i = 0; i < used_.size(); ++i) {
      const auto row = rows_[i];
      const float frequency = 1 + log_count(slots[used_[i]] & ((1u << kCountBits) - 1));
      const float value = frequency * vocabulary.idf(row);
      squares += value * value;
      *end = {row, value};
      end += row != none ? 1 : 0;
    }
    if (block == 0) {
      known = static_cast<std::size_t>(end - begin);
      seen = used_.size();
    }
    const float scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (auto* feature = begin; feature != end; ++feature) feature->value *= scale;
    features_.resize(first + static_cast<std::size_t>(end - begin));
  }
  coverage_ = seen == 0 ? 0 : static_cast<float>(known) / static_cast<float>(seen);
  return features_;
}

}  // namespace easyflow::nlp
