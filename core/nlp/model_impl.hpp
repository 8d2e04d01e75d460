// The inside of a model. Private to core/nlp.
#pragma once

#include <string>
#include <vector>

#include "core/nlp/calibration.hpp"
#include "core/nlp/classifier.hpp"
#include "core/nlp/dataset.hpp"
#include "core/nlp/known_words.hpp"
#include "core/nlp/model.hpp"

namespace easyflow::nlp {

/// All of a model but the bytes of its file.
struct ModelParts {
  std::string name;
  std::string fingerprint;
  bool mask_entities = true;
  ShortGrams short_grams = ShortGrams::anywhere;
  std::vector<std::string> intents;  ///< sorted
  Calibration calibration;
  ModelMetrics metrics;
  KnownWords known_words;
  Classifier classifier;
};

struct Model::Impl {
  ModelParts parts;
  std::size_t out_of_scope = kNoIntent;
  std::string version;
  std::string bytes;
};

std::string to_file(const ModelParts& parts);
Result<ModelParts> from_body(std::string_view body);
/// Magic, format version and hash in front of a body.
std::string seal_model(std::string_view body);

/// SHA-256 of texts, intents, languages and weights, in their order.
std::string fingerprint_of(const std::vector<Example>& examples);

/// The probabilities of a text in a workspace of the thread.
void classify(const ModelParts& parts, std::string_view text, const std::vector<Entity>& entities, Workspace& workspace,
              std::vector<float>& probabilities);

}  // namespace easyflow::nlp
