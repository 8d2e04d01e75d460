#include "core/nlp/retraining.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/nlp/tests/small_set.hpp"

namespace easyflow::nlp {
namespace {

/// Words without common n-grams: who has not seen one can't know its intent.
const char* const kFruit[] = {"apple", "banana", "cherry", "mango",  "lemon",  "peach", "plum",   "fig",
                              "kiwi",  "grape",  "melon",  "papaya", "quince", "pear",  "orange", "lime"};
const char* const kTools[] = {"hammer", "saw",   "drill", "wrench", "chisel", "pliers", "axe",    "shovel",
                              "rake",   "level", "clamp", "file",   "vise",   "awl",    "trowel", "mallet"};

std::vector<Example> fruit_and_tools(const std::vector<std::string>& patterns) {
  std::vector<Example> out;
  const auto add = [&](const char* word, const char* intent) {
    for (const auto& pattern : patterns) {
      Example example;
      example.text = pattern;
      example.text.replace(example.text.find('*'), 1, word);
      example.intent = intent;
      out.push_back(example);
    }
  };
  for (const auto* word : kFruit) add(word, "fruit");
  for (const auto* word : kTools) add(word, "tools");
  return out;
}

RetrainingOptions own_only() {
  RetrainingOptions out;
  out.with_base = false;
  out.training.name = "test";
  return out;
}

TEST(Retraining, WithoutAPreviousModelThereIsNothingToCompare) {
  const auto trained = retrain(testing::small_set(), nullptr, Provenance(), own_only());
  ASSERT_TRUE(trained) << trained.error().message();
  EXPECT_TRUE(trained->comparisons.empty());
  EXPECT_EQ(trained->refusal, "");
  EXPECT_EQ(trained->version, trained->model->version());
  EXPECT_EQ(trained->version.rfind("test-", 0), 0u);
  EXPECT_FALSE(trained->report.calibration_reliable) << "so few examples prove nothing";
  EXPECT_EQ(trained->report.answers.size(), trained->report.examples);
}

TEST(Retraining, RefusesAModelThatIsWorseOnMessagesNewToBoth) {
  const auto before =
      retrain(fruit_and_tools({"a * please", "where is the *", "one * for me"}), nullptr, Provenance(), own_only());
  ASSERT_TRUE(before) << before.error().message();
  // each word stands here once: what is held out can't be learnt from the rest
  const auto after = retrain(fruit_and_tools({"my * has come"}), before->model.get(), before->provenance, own_only());
  ASSERT_TRUE(after) << after.error().message();
  ASSERT_EQ(after->comparisons.size(), 1u);
  EXPECT_EQ(after->comparisons[0].of, "your examples");
  EXPECT_EQ(after->comparisons[0].examples, 32u);
  EXPECT_GT(after->comparisons[0].before, 0.9);
  EXPECT_LT(after->comparisons[0].after, after->comparisons[0].before - kToleratedFall);
  EXPECT_NE(after->refusal.find("32 of your examples"), std::string::npos) << after->refusal;
  EXPECT_TRUE(after->model) << "it may be taken all the same";
  const auto json = nlohmann::json::parse(to_json(*after));
  EXPECT_EQ(json["accepted"], false);
  EXPECT_EQ(json["refusal"], after->refusal);
}

TEST(Retraining, DoesNotHoldAgainstTheNewModelWhatThePreviousOneHadSeen) {
  const auto examples = fruit_and_tools({"my * has come"});
  const auto before = retrain(examples, nullptr, Provenance(), own_only());
  ASSERT_TRUE(before);
  // the previous model knows these by heart, the new one is measured on what it was not trained on
  const auto again = retrain(examples, before->model.get(), before->provenance, own_only());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->comparisons.empty());
  EXPECT_EQ(again->refusal, "");
  EXPECT_NE(again->note.find("0 of your examples are new"), std::string::npos) << again->note;
  EXPECT_EQ(again->model->bytes(), before->model->bytes());
}

TEST(Retraining, AnExampleIsKnownByTextAndIntent) {
  auto examples = testing::small_set();
  const auto trained = retrain(examples, nullptr, Provenance(), own_only());
  ASSERT_TRUE(trained);
  EXPECT_TRUE(unseen_by(trained->provenance, examples).empty());
  examples[0].text = "ПРИВЕТ";
  EXPECT_TRUE(unseen_by(trained->provenance, examples).empty()) << "the case of letters does not make a message new";
  examples[1].intent = "something_else";
  ASSERT_EQ(unseen_by(trained->provenance, examples).size(), 1u);
  EXPECT_EQ(unseen_by(trained->provenance, examples)[0].intent, "something_else");
  EXPECT_EQ(unseen_by(Provenance(), examples).size(), examples.size());
}

TEST(Retraining, ProvenanceIsReadAsItWasWritten) {
  Provenance out;
  out.known = true;
  out.with_base = true;
  out.base_macro_f1 = 0.875;
  out.seen = "00ff00ffdeadbeef";
  const auto back = provenance_from_json(to_json(out));
  EXPECT_TRUE(back.known);
  EXPECT_TRUE(back.with_base);
  EXPECT_EQ(back.base_macro_f1, 0.875);
  EXPECT_EQ(back.seen, out.seen);
  EXPECT_EQ(to_json(Provenance()), "null");
  for (const char* malformed : {"", "null", "[]", "{", R"({"seen":1})", R"({"with_base":true,"seen":"00"})"})
    EXPECT_FALSE(provenance_from_json(malformed).known) << malformed;
}

TEST(Retraining, TheFaultsOfTheDataAreTold) {
  auto examples = testing::small_set();
  examples.push_back(examples[0]);
  examples.push_back(examples[0]);
  examples.back().intent = "something_else";
  examples.push_back(examples.back());
  examples.back().text = "quite another one";
  const auto trained = retrain(examples, nullptr, Provenance(), own_only());
  ASSERT_TRUE(trained) << trained.error().message();
  EXPECT_EQ(trained->report.faults.duplicates, 1);
  EXPECT_EQ(trained->report.faults.contradictions, std::vector<std::string>{examples[0].text});
  EXPECT_FALSE(trained->report.faults.small_intents.empty());
}

TEST(Retraining, AnIntentWithASingleExampleIsLeftOut) {
  auto examples = testing::small_set();
  examples.push_back(examples[0]);
  examples.back().text = "once and never again";
  examples.back().intent = "lonely";
  const auto trained = retrain(examples, nullptr, Provenance(), own_only());
  ASSERT_TRUE(trained) << trained.error().message();
  EXPECT_NE(trained->note.find("lonely has a single example"), std::string::npos) << trained->note;
  EXPECT_EQ(trained->report.examples, examples.size() - 1);
  for (const auto& intent : trained->model->intents()) EXPECT_NE(intent, "lonely");
}

TEST(Retraining, NoExamplesAreNoTraining) {
  auto options = own_only();
  for (std::size_t count : {0U, 1U}) {
    auto examples = testing::small_set();
    examples.resize(count);
    EXPECT_EQ(retrain(examples, nullptr, Provenance(), options).error().kind(), ErrorKind::invalid_input) << count;
  }
}

TEST(Retraining, CanBeStopped) {
  auto options = own_only();
  options.training.on_progress = [](double) { return false; };
  EXPECT_EQ(retrain(testing::small_set(), nullptr, Provenance(), options).error().kind(), ErrorKind::conflict);
}

}  // namespace
}  // namespace easyflow::nlp
