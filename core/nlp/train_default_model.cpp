// Trains the model that ships with the program on the examples that ship with it. scripts/train-default-model.sh runs
// it.
#include <cstdio>
#include <fstream>

#include "core/nlp/training.hpp"

namespace nlp = easyflow::nlp;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: train_default_model OUT.model\n");
    return 2;
  }
  auto examples = nlp::default_examples();
  const auto faults = nlp::clean(examples);
  for (const auto& text : faults.contradictions) std::fprintf(stderr, "under two intents: %s\n", text.c_str());
  nlp::TrainingOptions options;
  options.typical = &nlp::typical_examples();
  auto model = nlp::train(nlp::default_examples(), options);
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().message().c_str());
    return 1;
  }
  std::ofstream out(argv[1], std::ios::binary);
  out << (*model)->bytes();
  out.close();
  if (!out) {
    std::fprintf(stderr, "can't write %s\n", argv[1]);
    return 1;
  }
  const auto& metrics = (*model)->metrics();
  std::printf(
      "%s: %zu examples, %zu intents, %zu bytes; typical messages: accuracy %.4f, macro-F1 %.4f, calibration error "
      "%.4f\n",
      (*model)->version().c_str(), metrics.examples, metrics.intents, (*model)->bytes().size(), metrics.accuracy,
      metrics.macro_f1, metrics.ece);
  return 0;
}
