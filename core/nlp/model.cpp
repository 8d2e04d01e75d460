#include "core/nlp/model.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <stdexcept>

#include "core/nlp/embedded.hpp"
#include "core/nlp/model_impl.hpp"

namespace easyflow::nlp {
namespace {

/// Grows to the longest message a thread has seen and stays.
Workspace& workspace() {
  thread_local Workspace mine;
  return mine;
}

void append_number(std::string& out, double value) {
  char text[32];
  const int size = std::snprintf(text, sizeof(text), "%.4f", value);
  out.append(text, static_cast<std::size_t>(std::max(size, 0)));
}

}  // namespace

void classify(const ModelParts& parts, std::string_view text, const std::vector<Entity>& entities, Workspace& space,
              std::vector<float>& probabilities) {
  normalize(text, parts.mask_entities ? &entities : nullptr, &parts.known_words, space.words);
  collect(space.words, parts.short_grams, space.grams);
  parts.classifier.score(space);
  to_probabilities(space.scores, parts.calibration, probabilities);
}

Model::Model(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

std::shared_ptr<const Model> Model::embedded() {
  static const std::shared_ptr<const Model> model = [] {
    if (embedded_model().empty())
      throw std::runtime_error("this build has no default model: run scripts/train-default-model.sh and build again");
    return load(embedded_model()).value();
  }();
  return model;
}

const std::string& Model::bytes() const { return impl_->bytes; }
const std::string& Model::version() const { return impl_->version; }
const std::vector<std::string>& Model::intents() const { return impl_->parts.intents; }
const ModelMetrics& Model::metrics() const { return impl_->parts.metrics; }
const std::string& Model::data_fingerprint() const { return impl_->parts.fingerprint; }

Meaning Model::parse(std::string_view text, const Reference& reference, const UserRules* rules) const {
  Meaning out;
  auto facts = find_facts(text, reference, rules);
  out.entities = std::move(facts.entities);
  out.codes = std::move(facts.codes);
  auto& space = workspace();
  thread_local std::vector<float> p;
  classify(impl_->parts, text, out.entities, space, p);
  const auto decision = decide(p, impl_->parts.calibration, impl_->out_of_scope);
  const auto& intents = impl_->parts.intents;
  out.rejected = decision.rejected;
  out.ambiguous = decision.ambiguous;
  out.confidence = decision.confidence;
  out.intent = decision.rejected ? std::string(kOutOfScope) : intents[decision.best];
  thread_local std::vector<std::size_t> order;
  order.resize(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto shown = std::min<std::size_t>(3, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [](std::size_t a, std::size_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });
  out.ranking.resize(shown);
  for (std::size_t i = 0; i < shown; ++i) {
    out.ranking[i].intent = intents[order[i]];
    out.ranking[i].confidence = p[order[i]];
  }
  out.model = impl_->version;
  return out;
}

std::vector<float> Model::probabilities(std::string_view text, const std::vector<Entity>& entities) const {
  std::vector<float> out;
  classify(impl_->parts, text, entities, workspace(), out);
  return out;
}

std::string to_json(const Meaning& meaning) {
  // intents, versions and sources are of letters, digits and "_:.-": nothing to escape
  std::string out;
  out.reserve(256 + meaning.entities.size() * 128);
  out += "{\"intent\":\"";
  out += meaning.intent;
  out += "\",\"confidence\":";
  append_number(out, meaning.confidence);
  out += meaning.rejected ? ",\"rejected\":true" : ",\"rejected\":false";
  out += meaning.ambiguous ? ",\"ambiguous\":true" : ",\"ambiguous\":false";
  out += ",\"ranking\":[";
  for (std::size_t i = 0; i < meaning.ranking.size(); ++i) {
    out += i == 0 ? "{\"intent\":\"" : ",{\"intent\":\"";
    out += meaning.ranking[i].intent;
    out += "\",\"confidence\":";
    append_number(out, meaning.ranking[i].confidence);
    out += "}";
  }
  out += "],\"entities\":";
  out += to_json(meaning.entities);
  out += ",\"model\":\"";
  out += meaning.model;
  out += "\",\"source\":\"";
  out += meaning.source;
  out += "\"}";
  return out;
}

}  // namespace easyflow::nlp
