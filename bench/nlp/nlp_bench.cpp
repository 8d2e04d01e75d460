// Measures the understanding of messages against public sets and its own goals. bench/nlp/run.sh runs it.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bench/nlp/data.hpp"
#include "bench/nlp/duckling.hpp"
#include "core/nlp/training.hpp"

namespace easyflow::bench {
namespace {

/// CPU time of this thread: what a message costs one core, whatever else the machine does.
struct Clock {
  using time_point = double;
  static time_point now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }
};

double seconds_since(Clock::time_point start) { return Clock::now() - start; }

/// Labels of the public sets hold signs that intents may not: each gets a plain name.
class Labels {
 public:
  Examples plain(Examples examples) {
    for (auto& one : examples) {
      const auto found = names_.emplace(one.intent, "c" + std::to_string(names_.size())).first;
      one.intent = found->second;
    }
    return examples;
  }

 private:
  std::map<std::string, std::string> names_;
};

struct Answer {
  double confidence = 0;
  bool right = false;
};

std::vector<Answer> answers(const nlp::Model& model, const Examples& examples) {
  std::vector<Answer> out;
  for (const auto& one : examples) {
    const auto p = model.probabilities(one.text, {});
    const auto best = static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
    out.push_back({p[best], model.intents()[best] == one.intent});
  }
  return out;
}

double accuracy(const std::vector<Answer>& all) {
  std::size_t right = 0;
  for (const auto& one : all) right += one.right ? 1 : 0;
  return all.empty() ? 0 : 100.0 * static_cast<double>(right) / static_cast<double>(all.size());
}

double calibration_error(const std::vector<Answer>& all) {
  double bins[10] = {};
  for (const auto& one : all)
    bins[std::min(9, static_cast<int>(one.confidence * 10))] += one.confidence - (one.right ? 1 : 0);
  double sum = 0;
  for (double bin : bins) sum += std::fabs(bin);
  return all.empty() ? 0 : sum / static_cast<double>(all.size());
}

/// What a model whose confidence is perfect would show on these messages, on average: chance makes as many right as it
/// says only in the long run.
double calibration_error_by_chance(const std::vector<Answer>& all) {
  double variances[10] = {};
  for (const auto& one : all)
    variances[std::min(9, static_cast<int>(one.confidence * 10))] += one.confidence * (1 - one.confidence);
  double sum = 0;
  for (double variance : variances) sum += std::sqrt(variance * 2 / 3.14159265);
  return all.empty() ? 0 : sum / static_cast<double>(all.size());
}

double auroc(const std::vector<Answer>& inside, const std::vector<Answer>& outside) {
  std::vector<std::pair<double, int>> all;
  for (const auto& one : inside) all.emplace_back(one.confidence, 1);
  for (const auto& one : outside) all.emplace_back(one.confidence, 0);
  std::sort(all.begin(), all.end());
  double ranks = 0;
  for (std::size_t i = 0; i < all.size();) {
    auto j = i;
    while (j < all.size() && all[j].first == all[i].first) ++j;
    for (auto k = i; k < j; ++k)
      if (all[k].second == 1) ranks += (static_cast<double>(i + 1) + static_cast<double>(j)) / 2;
    i = j;
  }
  const auto n = static_cast<double>(inside.size()), m = static_cast<double>(outside.size());
  return (ranks - n * (n + 1) / 2) / (n * m);
}

std::shared_ptr<const nlp::Model> train(const Examples& examples) {
  nlp::TrainingOptions options;
  options.name = "bench";
  options.mask_entities = false;
  options.thorough = true;
  return nlp::train(examples, options).value();
}

/// One line of the table. `higher`: more is better.
struct Row {
  std::string measure;
  double must = 0, goal = 0, reached = 0;
  bool higher = true;
  int digits = 1;
};

class Table {
 public:
  explicit Table(bool validate) : validate_(validate) {
    std::printf("%s\n%-58s %9s %9s %9s\n", validate ? "on validation data" : "on test data", "measure", "must", "goal",
                "reached");
  }
  void add(const Row& row) {
    const auto meets = [&](double bound) { return row.higher ? row.reached >= bound : row.reached <= bound; };
    const char* verdict = validate_ ? "" : meets(row.goal) ? "goal" : meets(row.must) ? "must" : "MISSED";
    std::printf("%-58s %9.*f %9.*f %9.*f  %s\n", row.measure.c_str(), row.digits, row.must, row.digits, row.goal,
                row.digits, row.reached, verdict);
    std::fflush(stdout);
  }
  void note(const std::string& text) { std::printf("%s\n", text.c_str()); }
  bool validate() const { return validate_; }

 private:
  bool validate_;
};

void add_calibration(Table& table, const std::string& set, const std::vector<Answer>& all) {
  table.add({set + ": calibration error", 0.035, 0.020, calibration_error(all), false, 4});
  double confidence = 0;
  for (const auto& one : all) confidence += one.confidence / static_cast<double>(std::max<std::size_t>(1, all.size()));
  std::printf("  (%zu messages, chance alone makes %.4f; mean confidence %.3f, right %.3f)\n", all.size(),
              calibration_error_by_chance(all), confidence, accuracy(all) / 100);
}

void run_clinc(Table& table, const std::string& folder) {
  auto set = clinc150(folder);
  Labels labels;
  const auto train_set = labels.plain(set.train), valid = labels.plain(set.valid), test = labels.plain(set.test);
  const auto start = Clock::now();
  const auto model = train(train_set);
  const auto took = seconds_since(start);
  const auto on_valid = answers(*model, valid);
  const auto inside = table.validate() ? on_valid : answers(*model, test);
  const auto outside = answers(*model, table.validate() ? set.valid_out : set.test_out);
  table.add({"CLINC150: in-scope accuracy", 93.0, 93.7, accuracy(inside)});
  table.add({"CLINC150: out-of-scope AUROC", 0.950, 0.955, auroc(inside, outside), true, 3});
  std::vector<double> sorted;
  for (const auto& one : on_valid) sorted.push_back(one.confidence);
  std::sort(sorted.begin(), sorted.end());
  const double threshold = sorted[sorted.size() / 20];
  const auto found =
      std::count_if(outside.begin(), outside.end(), [&](const Answer& one) { return one.confidence < threshold; });
  table.add({"CLINC150: recall at 5 % validation rejection", 0.75, 0.80,
             static_cast<double>(found) / static_cast<double>(outside.size()), true, 3});
  add_calibration(table, "CLINC150", inside);
  std::printf("  (trained in %.1f s, %zu bytes)\n", took, model->bytes().size());
}

void run_plain(Table& table, const std::string& name, const IntentSet& set, double must, double goal) {
  Labels labels;
  const auto train_set = labels.plain(set.train);
  const auto test = labels.plain(table.validate() ? set.valid : set.test);
  const auto start = Clock::now();
  const auto model = train(train_set);
  const auto took = seconds_since(start);
  const auto all = answers(*model, test);
  table.add({name + ": accuracy", must, goal, accuracy(all)});
  add_calibration(table, name, all);
  std::printf("  (trained in %.1f s, %zu bytes)\n", took, model->bytes().size());
}

void run_folds(Table& table, const std::string& folder) {
  double sum = 0;
  std::vector<Answer> joined;
  for (int fold = 1; fold <= 10; ++fold) {
    Labels labels;
    const auto set = hwu64_fold(folder, fold);
    const auto model = train(labels.plain(set.train));
    const auto all = answers(*model, labels.plain(set.test));
    sum += accuracy(all) / 10;
    joined.insert(joined.end(), all.begin(), all.end());
  }
  table.add({"HWU64 10 folds: accuracy", 89.5, 90.2, sum});
  add_calibration(table, "HWU64 10 folds", joined);
}

void run_hint3(Table& table, const std::string& folder) {
  struct Bot {
    const char* name;
    double must, goal;
  };
  for (const Bot& bot : {Bot{"sofmattress", 74, 76}, Bot{"curekart", 84.2, 85}, Bot{"powerplay11", 60, 63}}) {
    Labels labels;
    const auto set = hint3(folder, bot.name);
    const auto train_set = labels.plain(set.train);
    const std::string name = std::string("HINT3 ") + bot.name;
    if (table.validate()) {
      nlp::TrainingOptions options;
      options.mask_entities = false;
      const auto report = nlp::cross_validate(train_set, {}, 5, options).value();
      table.add({name + ": cross-validated accuracy", bot.must, bot.goal, 100 * report.accuracy});
      continue;
    }
    const auto model = train(train_set);
    const auto inside = answers(*model, labels.plain(set.test));
    table.add({name + ": in-scope accuracy", bot.must, bot.goal, accuracy(inside)});
    add_calibration(table, name, inside);
    std::printf("  (the model itself says that its confidence is %s)\n",
                model->metrics().calibration_reliable ? "reliable" : "not reliable: too few examples");
  }
}

void run_duckling(Table& table, const std::string& folder) {
  for (const auto& score : score_duckling(folder)) {
    // the goals are for Russian, the English corpora are measured beside them
    const std::string name = "Duckling " + score.corpus + ": overlap F1";
    if (score.corpus.find("_RU") != std::string::npos)
      table.add({name, 0.80, 0.90, score.f1(), true, 3});
    else
      std::printf("  (%s %.3f)\n", name.c_str(), score.f1());
  }
}

/// Resident memory of this process in MB.
double resident_mb() {
  long pages = 0, resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * 4096 / 1e6;
}

/// Must come first: what was loaded before is not counted twice.
void run_memory(Table& table) {
  const double before = resident_mb();
  const auto model = nlp::Model::embedded();
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += "где заказ 4411 от 14 ноября? ";
    (void)nlp::to_json(model->parse(text, nlp::Reference(), nullptr));
  }
  table.add({"default model: size of the file, MB", 8, 3, static_cast<double>(model->bytes().size()) / 1e6, false, 2});
  table.add({"default model: extra memory, MB", 32, 16, resident_mb() - before, false});
}

/// Messages as customers write them, joined up to about `letters` where they are shorter.
std::vector<std::string> messages(std::size_t from, std::size_t to) {
  std::vector<std::string> out;
  std::string text;
  std::size_t letters = 0;
  for (const auto& one : nlp::default_examples()) {
    text += text.empty() ? one.text : " " + one.text;
    letters = 0;
    for (char c : text) letters += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
    if (letters < from) continue;
    if (letters <= to) out.push_back(text);
    text.clear();
  }
  return out;
}

/// Messages that nobody writes: one piece again and again, of the kinds that give the entity finders most to do.
std::vector<std::string> hostile_messages(std::size_t letters) {
  std::vector<std::string> out;
  for (const std::string piece :
       {"-5 ", "2 oak stools ", "есть 5 подсвечников ", "2 ", "(1)", "5 шт ", "42 XL ", "42/44 ", "12:30 XL ",
        "12.12.2026 ", "8завтра ", "с 5 до 7 ", "в 5 с 5 до 7 ", "через 2 дня ", "1 января 1 ", "8 916 123 45 67 ",
        "1 2 3 4 5 6 7 8 9 0 размер 42 ", "a1b2c3 ", "где мой заказ 12345? "}) {
    const auto in_piece = static_cast<std::size_t>(std::count_if(
        piece.begin(), piece.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    std::string text;
    for (std::size_t n = 0; n + in_piece <= letters; n += in_piece) text += piece;
    out.push_back(std::move(text));
  }
  return out;
}

void run_latency(Table& table) {
  const auto model = nlp::Model::embedded();
  const auto time_of = [&](const std::string& text) {
    const auto start = Clock::now();
    const auto json = nlp::to_json(model->parse(text, nlp::Reference(), nullptr));
    if (json.empty()) std::abort();
    return 1e6 * seconds_since(start);
  };
  const auto measure = [&](const std::vector<std::string>& texts) {
    std::vector<double> times;
    for (int round = 0; round < 5; ++round)
      for (const auto& text : texts) times.push_back(time_of(text));
    // the first round warms up
    times.erase(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(texts.size()));
    std::sort(times.begin(), times.end());
    return times;
  };
  const auto small = measure(messages(1, 100));
  double sum = 0;
  for (double time : small) sum += time;
  table.add({"intent + entities + JSON, to 100 characters: mean, us", 100, 50, sum / static_cast<double>(small.size()),
             false});
  const auto middle = measure(messages(200, 300));
  table.add(
      {"intent + entities + JSON, 200 to 300 characters: p99, us", 400, 200, middle[middle.size() * 99 / 100], false});
  // the message that takes longest; of what a message took the shortest counts, since the rest is the scheduler's
  auto longest = messages(4000, 4096);
  for (auto& text : hostile_messages(4096)) longest.push_back(std::move(text));
  std::vector<double> shortest(longest.size(), 1e9);
  for (int round = 0; round < 31; ++round)
    for (std::size_t i = 0; i < longest.size(); ++i) shortest[i] = std::min(shortest[i], time_of(longest[i]));
  const auto worst = std::max_element(shortest.begin(), shortest.end());
  const auto& slowest = longest[static_cast<std::size_t>(worst - shortest.begin())];
  table.add({"intent + entities + JSON, 4,096 characters: worst, us", 1000, 700, *worst, false});
  std::printf("  (of %zu messages; it begins \"%s\")\n", longest.size(),
              slowest.substr(0, slowest.find(' ', 20)).c_str());
  // without the entities
  const auto texts = messages(40, 50);
  const auto start = Clock::now();
  for (const auto& text : texts)
    if (model->probabilities(text, {}).empty()) std::abort();
  std::printf("  (intent alone, 45 characters: %.1f us)\n",
              1e6 * seconds_since(start) / static_cast<double>(texts.size()));
}

void run_training(Table& table) {
  auto examples = nlp::default_examples();
  // an even choice of 10,000
  Examples chosen;
  for (std::size_t i = 0; i < examples.size() && chosen.size() < 10'000; ++i)
    if (i * 10'000 / examples.size() != (i + 1) * 10'000 / examples.size()) chosen.push_back(examples[i]);
  const auto start = Clock::now();
  (void)nlp::train(chosen, nlp::TrainingOptions()).value();
  table.add({"training on " + std::to_string(chosen.size()) + " rows, seconds", 45, 15, seconds_since(start), false});
}

/// Macro-F1 over the intents that occur.
double macro_f1(const std::vector<std::pair<std::string, std::string>>& gold_and_answer) {
  struct Counts {
    double right = 0, missed = 0, wrong = 0;
  };
  std::map<std::string, Counts> counts;
  std::set<std::string> asked;
  for (const auto& [gold, answer] : gold_and_answer) {
    asked.insert(gold);
    if (gold == answer) {
      ++counts[gold].right;
      continue;
    }
    ++counts[gold].missed;
    ++counts[answer].wrong;
  }
  double sum = 0;
  for (const auto& intent : asked) {
    const auto& one = counts[intent];
    sum += 2 * one.right / (2 * one.right + one.missed + one.wrong);
  }
  return asked.empty() ? 0 : sum / static_cast<double>(asked.size());
}

/// What the set's annotation counts relative dates from: 2026-11-20T12:00:00+03:00.
nlp::Reference reference() {
  nlp::Reference out;
  out.now = Timestamp(std::chrono::seconds(1'795'165'200));
  return out;
}

void run_shop(Table& table, const std::string& path, const nlp::Model& model, bool verbose) {
  const auto set = annotated(path);
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> by_language;
  std::vector<Answer> all;
  std::size_t spans_right = 0, spans_found = 0, spans_wanted = 0, values_right = 0, values_wanted = 0;
  std::size_t out_of_scope = 0, out_of_scope_found = 0;
  for (const auto& one : set) {
    const auto meaning = model.parse(one.example.text, reference(), nullptr);
    by_language[one.example.lang].emplace_back(one.example.intent, meaning.intent);
    all.push_back({meaning.confidence, meaning.intent == one.example.intent});
    if (verbose && meaning.intent != one.example.intent)
      std::printf("  %s -> %s%s %.2f | %s\n", one.example.intent.c_str(), meaning.intent.c_str(),
                  meaning.rejected ? (" (" + meaning.ranking[0].intent + ")").c_str() : "", meaning.confidence,
                  one.example.text.c_str());
    if (one.example.intent == nlp::kOutOfScope) {
      ++out_of_scope;
      out_of_scope_found += meaning.intent == nlp::kOutOfScope ? 1 : 0;
    }
    spans_found += meaning.entities.size();
    spans_wanted += one.entities.size();
    std::vector<bool> used(one.entities.size());
    for (const auto& found : meaning.entities) {
      bool exact = false, overlap = false;
      for (std::size_t i = 0; i < one.entities.size(); ++i) {
        const auto& gold = one.entities[i];
        if (gold.type != found.type) continue;
        exact = exact || (gold.start == found.start && gold.end == found.end);
        if (overlap || used[i] || found.start >= gold.end || gold.start >= found.end) continue;
        overlap = used[i] = true;
        if (!one.has_value[i]) continue;
        ++values_wanted;
        values_right += found.value == gold.value ? 1 : 0;
      }
      spans_right += exact ? 1 : 0;
    }
  }
  table.add({"e-commerce, Russian: macro-F1", 0.78, 0.88, macro_f1(by_language["ru"]), true, 3});
  table.add({"e-commerce, English: macro-F1", 0.78, 0.88, macro_f1(by_language["en"]), true, 3});
  add_calibration(table, "e-commerce", all);
  std::sort(all.begin(), all.end(), [](const Answer& a, const Answer& b) { return a.confidence > b.confidence; });
  const std::vector<Answer> surest(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() * 4 / 5));
  table.add({"e-commerce: accuracy at 80 % coverage", 92, 97, accuracy(surest)});
  table.add({"e-commerce: out_of_scope recall", 0.75, 0.90,
             static_cast<double>(out_of_scope_found) / static_cast<double>(std::max<std::size_t>(1, out_of_scope)),
             true, 3});
  table.add({"entities: exact F1", 0.90, 0.95,
             2.0 * static_cast<double>(spans_right) /
                 static_cast<double>(std::max<std::size_t>(1, spans_found + spans_wanted)),
             true, 3});
  table.add({"entities: value accuracy", 0.90, 0.95,
             static_cast<double>(values_right) / static_cast<double>(std::max<std::size_t>(1, values_wanted)), true,
             3});
}

}  // namespace
}  // namespace easyflow::bench

int main(int argc, char** argv) {
  using namespace easyflow::bench;
  namespace nlp = easyflow::nlp;
  bool validate = false;
  std::set<std::string> only;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    static const std::set<std::string> kParts = {"memory", "latency", "training", "duckling", "clinc", "banking",
                                                 "hwu",    "ru",      "hint3",    "folds",    "shop",  "verbose"};
    if (argument == "--validate") {
      validate = true;
    } else if (kParts.count(argument) != 0) {
      only.insert(argument);
    } else {
      std::fprintf(stderr,
                   "usage: nlp_bench [--validate] [memory|latency|training|duckling|clinc|banking|hwu|ru|hint3|"
                   "folds|shop|verbose]...\n");
      return 2;
    }
  }
  Table table(validate);
  const auto wanted = [&](const char* name) {
    return only.empty() || (only.size() == 1 && only.count("verbose") != 0) || only.count(name) != 0;
  };
  if (wanted("memory")) run_memory(table);
  if (wanted("latency")) run_latency(table);
  if (wanted("training")) run_training(table);
  const char* data = std::getenv("EASYFLOW_NLP_DATA");
  if (data != nullptr) {
    const std::string folder = data;
    if (wanted("duckling")) run_duckling(table, folder);
    if (wanted("clinc")) run_clinc(table, folder);
    if (wanted("banking")) {
      auto set = banking77(folder);
      if (validate) hold_out(set);
      run_plain(table, "BANKING77", set, 92.0, 93.0);
    }
    if (wanted("hwu")) run_plain(table, "HWU64", hwu64(folder), 88.3, 89.0);
    if (wanted("ru")) {
      auto set = ru_nlu_eval(folder);
      if (validate) hold_out(set);
      run_plain(table, "Russian NLU-eval", set, 76.5, 78.0);
    }
    if (wanted("hint3")) run_hint3(table, folder);
    if (wanted("folds") && !validate) run_folds(table, folder);
  } else {
    table.note("public sets: skipped, EASYFLOW_NLP_DATA does not name their folder");
  }
  const char* development = std::getenv("EASYFLOW_NLP_DEV");
  if (development == nullptr)
    table.note("e-commerce development set: skipped, EASYFLOW_NLP_DEV does not name its file");
  if (development != nullptr && wanted("shop")) {
    const auto model = nlp::Model::embedded();
    std::printf("  (%s; when made: accuracy %.4f, macro-F1 %.4f, calibration error %.4f)\n", model->version().c_str(),
                model->metrics().accuracy, model->metrics().macro_f1, model->metrics().ece);
    run_shop(table, development, *model, only.count("verbose") != 0);
  }
  return 0;
}
