#include "core/nlp/grams.hpp"

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

void collect(const Words& words, Grams& out) {
  out.words.clear();
  out.characters.clear();
  constexpr Hash kWord = 1, kPair = 2, kFirst = 3, kLast = 4, kMark = 5, kCharacters = 6;
  constexpr std::size_t kLongest = 4;  // 5 gives more rows and no more right answers
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
    // _word_ with its ends marked; CJK and other long runs without spaces are words too
    const std::size_t size = span.end - span.begin + 2;
    const auto at = [&](std::size_t i) -> char32_t {
      return i == 0 || i + 1 == size ? U'_' : words.letters[span.begin + i - 1];
    };
    for (std::size_t begin = 0; begin + 1 < size; ++begin) {
      Hash hash = add(kCharacters, at(begin));
      const auto end = begin + kLongest < size ? begin + kLongest : size;
      for (auto i = begin + 1; i < end; ++i) {
        hash = add(hash, at(i));
        out.characters.push_back(bucket_of(hash));
      }
    }
  }
  if (first != 0) {
    out.words.push_back(bucket_of(add(first, kFirst)));
    out.words.push_back(bucket_of(add(previous, kLast)));
  }
}

RowIndex::RowIndex() : groups_(kBlocks * kBuckets / 64) {}

RowIndex::RowIndex(const std::vector<std::uint32_t>& frequency, std::size_t documents, std::uint32_t least)
    : RowIndex() {
  const auto idf = [&](std::uint32_t count) {
    return to_short_float(std::log((1.0f + static_cast<float>(documents)) / (1.0f + static_cast<float>(count))) + 1.0f);
  };
  for (std::size_t i = 0; i < frequency.size(); ++i) {
    if (frequency[i] < least) continue;
    groups_[i >> 6].bits |= std::uint64_t{1} << (i & 63);
    idf_.push_back(idf(frequency[i]));
  }
  unknown_idf_ = idf(1);
  count();
}

Result<RowIndex> RowIndex::restore(const std::vector<std::uint64_t>& bits, std::vector<float> idf, float unknown_idf) {
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
  out.idf_ = std::move(idf);
  out.unknown_idf_ = unknown_idf;
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
  for (std::size_t i = 0; i < count; ++i) buckets[i] = vocabulary.row(block, buckets[i]);
}

const std::vector<Feature>& Weigher::weigh(const Grams& grams, const RowIndex& vocabulary) {
  features_.clear();
  std::size_t known = 0, seen = 0;
  for (std::size_t block = 0; block < kBlocks; ++block) {
    const auto& buckets = block == 0 ? grams.words : grams.characters;
    const auto size = std::bit_ceil(buckets.size() * 2 + 1);
    slots_.assign(size, 0);
    used_.clear();
    for (auto bucket : buckets) {
      auto slot = (bucket * 0x9E3779B1u >> 7) & (size - 1);
      while (slots_[slot] != 0 && slots_[slot] >> kCountBits != bucket) slot = (slot + 1) & (size - 1);
      if (slots_[slot]++ == 0) {
        slots_[slot] = bucket << kCountBits | 1;
        used_.push_back(static_cast<std::uint32_t>(slot));
        vocabulary.expect(block, bucket);
      }
    }
    const auto first = features_.size();
    float squares = 0;
    rows_.resize(used_.size());
    for (std::size_t i = 0; i < used_.size(); ++i) rows_[i] = slots_[used_[i]] >> kCountBits;
    find_rows(vocabulary, block, rows_.data(), rows_.size());
    for (std::size_t i = 0; i < used_.size(); ++i) {
      const auto row = rows_[i];
      const float frequency = 1 + log_count(slots_[used_[i]] & ((1u << kCountBits) - 1));
      const float idf = row == RowIndex::kNone ? vocabulary.unknown_idf() : vocabulary.idf()[row];
      const float value = frequency * idf;
      squares += value * value;
      if (row != RowIndex::kNone) features_.push_back({row, value});
    }
    if (block == 0) {
      known = features_.size();
      seen = used_.size();
    }
    const float scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (auto i = first; i < features_.size(); ++i) features_[i].value *= scale;
  }
  coverage_ = seen == 0 ? 0 : static_cast<float>(known) / static_cast<float>(seen);
  return features_;
}

}  // namespace easyflow::nlp
