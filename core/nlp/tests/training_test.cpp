#include "core/nlp/training.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/nlp/calibration.hpp"
#include "core/nlp/random.hpp"
#include "core/nlp/tests/small_set.hpp"

namespace easyflow::nlp {
namespace {

TEST(Train, NeedsTwoIntentsWithTwoExamplesEach) {
  auto examples = testing::small_set();
  examples.resize(8);
  EXPECT_EQ(train(examples, TrainingOptions()).error().kind(), ErrorKind::invalid_input);
  examples = testing::small_set();
  examples.resize(9);
  EXPECT_NE(train(examples, TrainingOptions()).error().message().find("order_status"), std::string::npos);
  TrainingOptions options;
  options.name = "with space";
  EXPECT_EQ(train(testing::small_set(), options).error().field(), "name");
  options.name = "x";
  options.folds = 1;
  EXPECT_EQ(train(testing::small_set(), options).error().field(), "folds");
}

TEST(Train, TellsHowFarItIsAndStopsWhenAsked) {
  TrainingOptions options;
  std::vector<double> seen;
  options.on_progress = [&](double share) {
    seen.push_back(share);
    return true;
  };
  ASSERT_TRUE(train(testing::small_set(), options));
  ASSERT_FALSE(seen.empty());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_TRUE(seen[i] >= 0 && seen[i] <= 1);
    if (i > 0) {
      EXPECT_GE(seen[i], seen[i - 1]);
    }
  }
  options.on_progress = [](double) { return false; };
  EXPECT_EQ(train(testing::small_set(), options).error().kind(), ErrorKind::conflict);
}

TEST(Train, SaysThatFewExamplesCannotBeTrusted) {
  EXPECT_FALSE(train(testing::small_set(), TrainingOptions()).value()->metrics().calibration_reliable);
}

TEST(Train, WeighsExamples) {
  auto examples = testing::small_set();
  const auto add = [&](const char* intent, double weight) {
    for (const char* text : {"зеленый чемодан", "зеленый чемодан ждет", "мой зеленый чемодан"}) {
      Example example;
      example.text = text;
      example.intent = intent;
      example.weight = weight;
      examples.push_back(example);
    }
  };
  add("greeting", 1);
  add("refund_status", 1);
  const auto best = [](const Model& model) {
    return model.parse("зеленый чемодан", Reference(), nullptr).ranking.at(0).intent;
  };
  const auto heavier = [&](const char* intent) {
    auto weighed = examples;
    for (std::size_t i = weighed.size() - 6; i < weighed.size(); ++i)
      if (weighed[i].intent == intent) weighed[i].weight = 5;
    return best(*train(weighed, TrainingOptions()).value());
  };
  EXPECT_EQ(heavier("greeting"), "greeting");
  EXPECT_EQ(heavier("refund_status"), "refund_status");
}

/// Enough of the examples that ship for the network to take part.
std::vector<Example> some_default_examples() {
  std::map<std::string, int> taken;
  std::vector<Example> out;
  for (const auto& example : default_examples())
    if (++taken[example.intent] <= 60 && taken.size() <= 10) out.push_back(example);
  return out;
}

TEST(Train, NetworksTakePartAndRepeat) {
  auto examples = some_default_examples();
  ASSERT_GE(examples.size(), 500u);
  const auto model = train(examples, TrainingOptions()).value();
  EXPECT_TRUE(model->metrics().calibration_reliable);
  EXPECT_GT(model->metrics().accuracy, 0.6);
  EXPECT_EQ(train(examples, TrainingOptions()).value()->bytes(), model->bytes());
  const auto report = test(*model, examples);
  EXPECT_GT(report.accuracy, 0.85);  // what it was trained on
}

TEST(Train, ManyExamplesOfOneIntentDoNotMakeUpForTheOthers) {
  const auto& large = default_examples()[0].intent;
  std::map<std::string, int> taken;
  std::vector<Example> examples;
  for (const auto& example : default_examples())
    if (++taken[example.intent] <= (example.intent == large ? 500 : 15) && taken.size() <= 10)
      examples.push_back(example);
  ASSERT_GE(examples.size(), 500u);
  EXPECT_FALSE(train(examples, TrainingOptions()).value()->metrics().calibration_reliable);
}

TEST(CrossValidate, ReportsWhatItMeasured) {
  auto examples = testing::small_set();
  const auto report = cross_validate(examples, {}, 4, TrainingOptions()).value();
  EXPECT_EQ(report.examples, examples.size());
  EXPECT_EQ(report.intents.size(), 4u);
  std::size_t wrong = 0, in_bins = 0;
  for (const auto& confusion : report.confusions) wrong += confusion.count;
  for (const auto& bin : report.calibration) in_bins += bin.count;
  EXPECT_NEAR(report.accuracy, 1 - static_cast<double>(wrong) / static_cast<double>(examples.size()), 1e-9);
  EXPECT_EQ(in_bins, examples.size());
  EXPECT_NEAR(report.coverage.back().accuracy, report.accuracy, 1e-9);
  EXPECT_FALSE(report.calibration_reliable);
  EXPECT_EQ(report.faults.small_intents.size(), 4u);

  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["examples"], examples.size());
  EXPECT_EQ(json["intents"].size(), 4u);
  const auto html = to_html(report);
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_NE(html.find("order_status"), std::string::npos);
}

TEST(CrossValidate, WordingsOfOneQuestionAreNoProofForEachOther) {
  // each question has words of its own: who has not seen a wording of it can only guess
  Random random(5);
  const auto word = [&random] {
    std::string out;
    for (int i = 0; i < 8; ++i) out += static_cast<char>('a' + random.below(26));
    return out;
  };
  std::vector<Example> examples;
  for (int question = 0; question < 40; ++question) {
    const auto a = word(), b = word(), c = word();
    for (const auto& text : {a + " " + b + " " + c, b + " " + a + " " + c + "?", c + " " + a + " " + b + " please"}) {
      Example example;
      example.text = text;
      example.intent = question % 2 == 0 ? "even" : "odd";
      examples.push_back(std::move(example));
    }
  }
  EXPECT_LT(cross_validate(examples, {}, 10, TrainingOptions()).value().accuracy, 0.75);
}

TEST(CrossValidate, NeverTestsOnTheBase) {
  const auto all = testing::small_set();
  const std::vector<Example> own(all.begin(), all.begin() + 16), base(all.begin() + 16, all.end());
  const auto report = cross_validate(own, base, 4, TrainingOptions()).value();
  EXPECT_EQ(report.examples, own.size());
  EXPECT_EQ(report.intents.size(), 2u);
}

TEST(Test, CountsIntentsTheModelDoesNotKnowAsMissed) {
  const auto model = train(testing::small_set(), TrainingOptions()).value();
  Example example;
  example.text = "<b>опт</b>";
  example.intent = "wholesale";
  const auto report = test(*model, {example});
  EXPECT_EQ(report.accuracy, 0);
  EXPECT_EQ(report.confusions.at(0).gold, "wholesale");
  EXPECT_NE(to_html(report).find("&lt;b&gt;"), std::string::npos);
}

/// Messages whose right answer is as frequent as a softmax of `sharp` times the scores says.
std::vector<HeldOut> drawn(float sharp, std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Calibration truth;
  truth.linear = sharp;
  std::vector<HeldOut> out;
  std::vector<float> p;
  for (std::size_t i = 0; i < count; ++i) {
    HeldOut item;
    item.scores.coverage = 1;
    for (int m = 0; m < 5; ++m) item.scores.linear.push_back(random.uniform() * 2 - 1);
    to_probabilities(item.scores, truth, p);
    float at = random.uniform();
    for (item.label = 0; item.label < 4 && at >= p[item.label]; ++item.label) at -= p[item.label];
    out.push_back(std::move(item));
  }
  return out;
}

TEST(Calibrate, FindsTheTemperature) {
  for (float sharp : {2.0f, 5.0f}) {
    const auto calibration = calibrate(drawn(sharp, 4000, 1), kNoIntent);
    std::vector<Outcome> outcomes;
    std::vector<float> p;
    for (const auto& item : drawn(sharp, 4000, 2)) {
      to_probabilities(item.scores, calibration, p);
      const auto best = static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
      outcomes.push_back({p[best], best == item.label});
    }
    EXPECT_LT(calibration_error(outcomes), 0.03) << sharp;
    EXPECT_NEAR(calibration.linear, sharp, 0.15f * sharp);
  }
}

TEST(Calibrate, RejectsFiveOfAHundred) {
  const auto held_out = drawn(5, 4000, 3);
  const auto calibration = calibrate(held_out, kNoIntent);
  std::vector<float> p;
  std::size_t rejected = 0;
  for (const auto& item : held_out) {
    to_probabilities(item.scores, calibration, p);
    rejected += decide(p, calibration, kNoIntent).rejected ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(rejected) / static_cast<double>(held_out.size()), 0.05, 0.005);
}

TEST(Calibrate, WhatTheModelPutsOutOfScopeCountsToTheFive) {
  const auto held_out = drawn(5, 4000, 4);  // intent 0 plays out_of_scope
  const auto calibration = calibrate(held_out, 0);
  std::vector<float> p;
  std::size_t lost = 0, in_scope = 0;
  for (const auto& item : held_out) {
    if (item.label == 0) continue;
    ++in_scope;
    to_probabilities(item.scores, calibration, p);
    const auto decision = decide(p, calibration, 0);
    lost += decision.rejected || decision.best == 0 ? 1 : 0;
  }
  EXPECT_LE(static_cast<double>(lost) / static_cast<double>(in_scope), 0.12);
}

TEST(Calibrate, UnknownWordsMakeItDoubt) {
  auto held_out = drawn(5, 4000, 5);
  Random random(6);
  for (std::size_t i = 0; i < held_out.size(); i += 2) {
    held_out[i].scores.coverage = 0.2f;
    held_out[i].label = random.below(5);  // guessing
  }
  const auto calibration = calibrate(held_out, kNoIntent);
  Scores scores;
  scores.linear = {1, 0, 0, 0, 0};
  std::vector<float> known, unknown;
  scores.coverage = 1;
  to_probabilities(scores, calibration, known);
  scores.coverage = 0.2f;
  to_probabilities(scores, calibration, unknown);
  EXPECT_GT(known[0], unknown[0] + 0.1f);
}

TEST(CalibrationError, IsTheGapBetweenSureAndRight) {
  EXPECT_EQ(calibration_error({}), 0);
  EXPECT_NEAR(calibration_error({{0.75, true}, {0.75, true}, {0.75, true}, {0.75, false}}), 0, 1e-9);
  EXPECT_NEAR(calibration_error({{0.95, false}, {0.95, false}}), 0.95, 1e-9);
  EXPECT_NEAR(calibration_error({{1.0, true}, {0.0, false}}), 0, 1e-9);
}

}  // namespace
}  // namespace easyflow::nlp
