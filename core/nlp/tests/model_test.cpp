#include "core/nlp/model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/nlp/model_impl.hpp"
#include "core/nlp/random.hpp"
#include "core/nlp/tests/small_set.hpp"
#include "core/nlp/training.hpp"

namespace easyflow::nlp {
namespace {

const Model& small_model() {
  static const auto model = train(testing::small_set(), TrainingOptions()).value();
  return *model;
}

Reference noon() {
  Reference out;
  out.now = Timestamp(std::chrono::hours(24 * 20'000 + 12));
  return out;
}

TEST(Model, AnswersWithRankingAndConfidence) {
  const auto meaning = small_model().parse("Где мой заказ???", noon(), nullptr);
  EXPECT_EQ(meaning.ranking.at(0).intent, "order_status");
  EXPECT_EQ(meaning.intent, meaning.rejected ? "out_of_scope" : "order_status");
  ASSERT_EQ(meaning.ranking.size(), 3u);
  EXPECT_GE(meaning.ranking[0].confidence, meaning.ranking[1].confidence);
  EXPECT_GE(meaning.ranking[1].confidence, meaning.ranking[2].confidence);
  EXPECT_EQ(meaning.model, small_model().version());
  EXPECT_EQ(meaning.model.substr(0, 8), "default-");
  EXPECT_EQ(small_model().intents(),
            (std::vector<std::string>{"greeting", "order_status", "out_of_scope", "refund_status"}));
}

TEST(Model, UnderstandsTransliterationAndTheWrongLayout) {
  for (const char* text : {"gde moy zakaz", "ult vjq pfrfp", "где мой зaкaз"})
    EXPECT_EQ(small_model().parse(text, noon(), nullptr).ranking.at(0).intent, "order_status") << text;
}

TEST(Model, ProbabilitiesAddToOne) {
  for (const char* text : {"", "привет", "деньги", "xyz", "where is my order and my refund"}) {
    const auto p = small_model().probabilities(text, {});
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1.0, 1e-4) << text;
    for (float value : p) EXPECT_TRUE(value >= 0 && value <= 1) << text;
  }
}

TEST(Model, SaysTheSameAfterSavingAndLoading) {
  const auto loaded = Model::load(small_model().bytes());
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ((*loaded)->version(), small_model().version());
  EXPECT_EQ((*loaded)->data_fingerprint(), small_model().data_fingerprint());
  EXPECT_EQ((*loaded)->bytes(), small_model().bytes());
  for (const char* text : {"когда вернут деньги", "hi", "gde zakaz"})
    EXPECT_EQ((*loaded)->probabilities(text, {}), small_model().probabilities(text, {})) << text;
}

TEST(Model, KeepsHowItsFeaturesAreMade) {
  EXPECT_EQ(small_model().impl().parts.short_grams, ShortGrams::at_the_ends);
  EXPECT_TRUE(small_model().impl().parts.mask_entities);
  TrainingOptions options;
  options.thorough = true;
  options.mask_entities = false;
  const auto thorough = train(testing::small_set(), options).value();
  EXPECT_EQ(thorough->impl().parts.short_grams, ShortGrams::anywhere);
  EXPECT_FALSE(thorough->impl().parts.mask_entities);
}

TEST(Collect, TakesShortGramsWhereItIsTold) {
  const auto characters = [](const char* text, ShortGrams short_grams) {
    Words words;
    normalize(text, nullptr, nullptr, words);
    Grams grams;
    collect(words, short_grams, grams);
    std::sort(grams.characters.begin(), grams.characters.end());
    return grams.characters;
  };
  // _заказ_ has six of two characters, five of three, four of four
  const auto all = characters("заказ", ShortGrams::anywhere);
  const auto ends = characters("заказ", ShortGrams::at_the_ends);
  EXPECT_EQ(all.size(), 15u);
  EXPECT_EQ(ends.size(), 8u);
  EXPECT_TRUE(std::includes(all.begin(), all.end(), ends.begin(), ends.end()));
  EXPECT_EQ(characters("я", ShortGrams::at_the_ends), characters("я", ShortGrams::anywhere));
  EXPECT_NE(characters("за", ShortGrams::at_the_ends), characters("за", ShortGrams::anywhere));
}

TEST(Model, TrainingIsRepeatable) {
  EXPECT_EQ(train(testing::small_set(), TrainingOptions()).value()->bytes(), small_model().bytes());
  auto other = testing::small_set();
  other[0].text += " всем";
  EXPECT_NE(train(other, TrainingOptions()).value()->data_fingerprint(), small_model().data_fingerprint());
}

TEST(Model, RefusesDamagedFiles) {
  const auto& bytes = small_model().bytes();
  for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 97) {
    auto damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    const auto loaded = Model::load(damaged);
    ASSERT_FALSE(loaded) << "byte " << at;
    EXPECT_EQ(loaded.error().kind(), ErrorKind::invalid_input);
  }
  EXPECT_FALSE(Model::load(""));
  EXPECT_FALSE(Model::load("EFMODEL\n"));
  EXPECT_FALSE(Model::load(bytes.substr(0, bytes.size() - 1)));
  EXPECT_FALSE(Model::load(bytes + "x"));
  auto newer = bytes;
  newer[8] = 99;
  EXPECT_NE(Model::load(newer).error().message().find("format 99"), std::string::npos);
}

TEST(Model, RefusesSealedNonsense) {
  // with a right hash, what is behind it must still be checked
  const auto whole = small_model().bytes().substr(8 + 4 + 64);
  ASSERT_TRUE(Model::load(seal_model(whole)));
  Random random(7);
  for (int round = 0; round < 300; ++round) {
    auto body = whole.substr(0, round % 2 == 0 ? whole.size() : random.below(whole.size()));
    for (int i = 0; i < 3 && !body.empty(); ++i)
      body[random.below(std::min<std::size_t>(body.size(), 2000))] = static_cast<char>(random.next());
    const auto loaded = Model::load(seal_model(body));
    if (loaded) (void)(*loaded)->parse("где мой заказ 123", noon(), nullptr);
  }
}

TEST(Model, TakesAnyBytesInBoundedSpace) {
  Random random(3);
  for (int round = 0; round < 300; ++round) {
    std::string text(random.below(300), '\0');
    for (auto& c : text) c = static_cast<char>(random.next());
    const auto meaning = small_model().parse(text, noon(), nullptr);
    EXPECT_TRUE(std::isfinite(meaning.confidence));
    EXPECT_TRUE(nlohmann::json::accept(to_json(meaning)));
  }
  std::string huge;
  for (int i = 0; i < 20'000; ++i) huge += "где заказ ";
  EXPECT_EQ(small_model().parse(huge, noon(), nullptr).ranking.at(0).intent, "order_status");
}

TEST(Model, JsonHoldsEverything) {
  Meaning meaning;
  meaning.intent = "greeting";
  meaning.confidence = 0.98765;
  meaning.rejected = true;
  meaning.ranking.push_back({"thanks", 0.5});
  meaning.model = "shop-1";
  const auto json = nlohmann::json::parse(to_json(meaning));
  EXPECT_EQ(json["intent"], "greeting");
  EXPECT_NEAR(json["confidence"].get<double>(), 0.9877, 1e-9);
  EXPECT_EQ(json["rejected"], true);
  EXPECT_EQ(json["ambiguous"], false);
  EXPECT_EQ(json["ranking"][0]["intent"], "thanks");
  EXPECT_EQ(json["entities"], nlohmann::json::array());
  EXPECT_EQ(json["source"], "model");
}

TEST(DefaultModel, WasTrainedOnTheExamplesThatShip) {
  const auto model = Model::embedded();
  EXPECT_EQ(model->data_fingerprint(), fingerprint_of(default_examples()))
      << "the examples changed: run scripts/train-default-model.sh and commit core/nlp/default.model";
  EXPECT_EQ(model->intents().size(), 26u);
  EXPECT_EQ(model->metrics().examples, default_examples().size());
  EXPECT_LE(model->bytes().size(), 3'000'000u);
  EXPECT_TRUE(model->metrics().calibration_reliable);
}

TEST(DefaultModel, KnowsThePlainestMessages) {
  const auto model = Model::embedded();
  const auto intent = [&](const char* text) { return model->parse(text, noon(), nullptr).intent; };
  EXPECT_EQ(intent("где мой заказ?"), "order_status");
  EXPECT_EQ(intent("Здравствуйте!"), "greeting");
  EXPECT_EQ(intent("thank you so much"), "thanks");
  EXPECT_EQ(intent("хочу отменить заказ"), "cancel_order");
  EXPECT_EQ(intent("skolko stoit eto plate"), "price_question");
  EXPECT_EQ(intent("gjpjdbnt jgthfnjhf"), "operator_request");
}

}  // namespace
}  // namespace easyflow::nlp
