#include "core/nlp/learner.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>

#include "core/nlp/random.hpp"
#include "core/nlp/unicode.hpp"

namespace easyflow::nlp {
namespace {

/// Messages will be less like so few examples than those are like each other.
constexpr std::size_t kFewSamples = 1500;

}  // namespace

// Chosen by cross-validation on the training parts of the public sets and on the default examples.
Recipe recipe_for(std::size_t samples, bool thorough, std::uint64_t seed) {
  Recipe out;
  out.linear.seed = seed;
  out.network.seed = seed + 1;
  // what is rare in much data costs room and answers nothing
  out.least_frequency = samples <= 5000 ? 1 : thorough ? 2 : samples <= 10'000 ? 3 : 4;
  if (thorough) out.short_grams = ShortGrams::anywhere;
  if (samples < 500) out.networks = 0;
  if (samples >= 500 && thorough) {
    out.networks = 3;
    out.network.embedding = 64;
    out.network.hidden = 192;
  }
  if (samples < kFewSamples) {
    out.linear.cost = 0.3f;
    out.network.epochs = 40;
    out.network.batch = 16;
  }
  return out;
}

KnownWords find_known_words(const std::vector<Example>& examples) {
  std::unordered_map<std::string, std::size_t> counts;
  Words words;
  for (const auto& example : examples) {
    normalize(example.text, nullptr, nullptr, words);
    for (const auto& span : words.spans) {
      if (span.kind != Words::Kind::word) continue;
      std::string word;
      for (auto i = span.begin; i < span.end; ++i) append_utf8(word, words.letters[i]);
      // Russian in Latin letters is what these words help to recognize, so it must not be known as it stands
      if (example.lang == "ru" && is_latin(words.letters[span.begin])) continue;
      ++counts[word];
    }
  }
  const std::size_t least = examples.size() > 2000 ? 2 : 1;
  std::vector<std::pair<std::string, std::size_t>> sorted;
  for (auto& entry : counts)
    if (entry.second >= least) sorted.emplace_back(entry.first, entry.second);
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (sorted.size() > 20000) sorted.resize(20000);
  std::vector<std::string> out;
  for (auto& entry : sorted) out.push_back(std::move(entry.first));
  return KnownWords(out);
}

Classifier learn(const std::vector<Sample>& samples, const std::vector<std::size_t>& chosen, std::size_t classes,
                 const Recipe& recipe, const std::function<bool()>& go_on) {
  std::vector<std::uint32_t> frequency(kBlocks * kBuckets);
  std::vector<std::size_t> last(kBlocks * kBuckets, static_cast<std::size_t>(-1));
  for (auto i : chosen) {
    const auto count = [&](std::size_t index) {
      if (last[index] == i) return;
      last[index] = i;
      ++frequency[index];
    };
    for (auto bucket : samples[i].grams.words) count(bucket);
    for (auto bucket : samples[i].grams.characters) count(kBuckets + bucket);
  }
  RowIndex index(frequency, chosen.size(), recipe.least_frequency);
  std::size_t word_rows = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) word_rows += frequency[i] >= recipe.least_frequency ? 1 : 0;

  FeatureSet set;
  Weigher weigher;
  for (auto i : chosen) set.add(weigher.weigh(samples[i].grams, index), samples[i].label, samples[i].weight);
  const auto linear = train_linear(set, index.rows(), classes, recipe.linear, go_on);
  std::vector<Network> networks;
  for (std::size_t n = 0; n < recipe.networks; ++n) {
    auto options = recipe.network;
    options.seed += n * 7919;
    networks.push_back(train_network(set, index.rows(), word_rows, classes, options, go_on));
  }
  return Classifier(std::move(index), linear, classes, networks);
}

namespace {

/// The n-grams of a sample, sorted, each once.
std::vector<std::uint32_t> grams_of(const Sample& sample) {
  auto out = sample.grams.characters;
  for (auto bucket : sample.grams.words) out.push_back(kBuckets + bucket);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// The share of their n-grams that two samples have in common.
double likeness(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::size_t common = 0;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (*i == *j) {
      ++common;
      ++i, ++j;
    } else {
      *i < *j ? ++i : ++j;
    }
  }
  const auto all = a.size() + b.size() - common;
  return all == 0 ? 0 : static_cast<double>(common) / static_cast<double>(all);
}

/// Wordings of one question: those that are like each other, the most alike first. None gets more than a third of all,
/// so that there is something left to learn from.
std::vector<std::vector<std::size_t>> wordings(const std::vector<Sample>& samples,
                                               const std::vector<std::size_t>& members) {
  constexpr double kAlike = 0.35;
  struct Pair {
    double likeness = 0;
    std::size_t a = 0, b = 0;  ///< in `members`
  };
  std::vector<std::vector<std::uint32_t>> grams;
  for (auto i : members) grams.push_back(grams_of(samples[i]));
  std::vector<Pair> pairs;
  for (std::size_t a = 0; a < members.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (const double like = likeness(grams[a], grams[b]); like >= kAlike) pairs.push_back({like, a, b});
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& x, const Pair& y) { return x.likeness > y.likeness; });
  std::vector<std::vector<std::size_t>> groups;
  std::vector<std::size_t> group_of(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    groups.push_back({i});
    group_of[i] = i;
  }
  for (const auto& pair : pairs) {
    auto& into = groups[group_of[pair.a]];
    auto& from = groups[group_of[pair.b]];
    if (&into == &from || into.size() + from.size() > std::max<std::size_t>(1, members.size() / 3)) continue;
    for (auto i : from) group_of[i] = group_of[pair.a];
    into.insert(into.end(), from.begin(), from.end());
    from.clear();
  }
  std::vector<std::vector<std::size_t>> out;
  for (auto& group : groups) {
    if (group.empty()) continue;
    for (auto& i : group) i = members[i];
    out.push_back(std::move(group));
  }
  return out;
}

}  // namespace

std::vector<int> split_into_folds(const std::vector<Sample>& samples, int folds, std::uint64_t seed) {
  std::map<std::uint32_t, std::vector<std::size_t>> by_label;
  for (std::size_t i = 0; i < samples.size(); ++i) by_label[samples[i].label].push_back(i);
  std::vector<int> out(samples.size());
  Random random(seed);
  int next = 0;
  for (auto& [label, members] : by_label) {
    random.shuffle(members);
    std::vector<std::vector<std::size_t>> groups;
    if (samples.size() < kFewSamples)
      groups = wordings(samples, members);
    else
      for (auto i : members) groups.push_back({i});
    for (const auto& group : groups) {
      for (auto i : group) out[i] = next;
      next = (next + 1) % folds;
    }
  }
  return out;
}

}  // namespace easyflow::nlp
