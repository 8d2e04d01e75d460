#include "core/nlp/learner.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>

#include "core/nlp/random.hpp"
#include "core/nlp/unicode.hpp"

namespace easyflow::nlp {

// Chosen by cross-validation on the training parts of the public sets and on the default examples.
Recipe recipe_for(std::size_t samples, bool thorough, std::uint64_t seed) {
  Recipe out;
  out.linear.seed = seed;
  out.network.seed = seed + 1;
  // what is rare in much data costs room and answers nothing
  out.least_frequency = samples <= 5000 ? 1 : thorough ? 2 : samples <= 10'000 ? 3 : 4;
  if (samples < 500) out.networks = 0;
  if (samples >= 500 && thorough) {
    out.networks = 3;
    out.network.embedding = 64;
    out.network.hidden = 192;
  }
  if (samples < 1500) {
    out.linear.cost = 0.3f;  // messages will be less like few examples than those are like each other
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

std::vector<int> split_into_folds(const std::vector<Sample>& samples, int folds, std::uint64_t seed) {
  std::map<std::uint32_t, std::vector<std::size_t>> by_label;
  for (std::size_t i = 0; i < samples.size(); ++i) by_label[samples[i].label].push_back(i);
  std::vector<int> out(samples.size());
  Random random(seed);
  int next = 0;
  for (auto& [label, members] : by_label) {
    random.shuffle(members);
    for (auto i : members) {
      out[i] = next;
      next = (next + 1) % folds;
    }
  }
  return out;
}

}  // namespace easyflow::nlp
