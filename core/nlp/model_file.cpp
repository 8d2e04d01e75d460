#include <algorithm>
#include <cmath>

#include "core/nlp/bytes.hpp"
#include "core/nlp/model_impl.hpp"
#include "crypto/digest.hpp"

namespace easyflow::nlp {
namespace {

constexpr std::string_view kMagic = "EFMODEL\n";
constexpr std::uint32_t kFormat = 1;
/// How a message becomes features.
constexpr std::uint8_t kMasksEntities = 1, kShortAtTheEnds = 2;
constexpr std::size_t kHash = 64;
constexpr std::size_t kLargest = 256u << 20;
constexpr std::size_t kMostIntents = 1000;
constexpr std::size_t kMostWords = 20'000;

Error not_a_model(const std::string& why) {
  return Error(ErrorKind::invalid_input, "this is no model file of ours: " + why);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':' ||
           c == '.' || c == '-';
  });
}

bool in_range(double value, double low, double high) { return value >= low && value <= high; }

}  // namespace

std::string seal_model(std::string_view body) {
  std::string out(kMagic);
  put(out, kFormat);
  out += crypto::sha256_hex(body);
  out += body;
  return out;
}

std::string to_file(const ModelParts& parts) {
  std::string body;
  put_text(body, parts.name);
  put_text(body, parts.fingerprint);
  put(body, static_cast<std::uint8_t>((parts.mask_entities ? kMasksEntities : 0) |
                                      (parts.short_grams == ShortGrams::at_the_ends ? kShortAtTheEnds : 0)));
  put(body, static_cast<std::uint32_t>(parts.intents.size()));
  for (const auto& intent : parts.intents) put_text(body, intent);
  const auto& c = parts.calibration;
  for (float value : {c.linear, c.network, c.threshold, c.margin, c.rejected_slope, c.rejected_bias}) put(body, value);
  for (float value : c.correction) put(body, value);
  const auto& m = parts.metrics;
  put(body, static_cast<std::uint64_t>(m.examples));
  for (double value : {m.accuracy, m.macro_f1, m.ece}) put(body, value);
  put(body, static_cast<std::uint8_t>(m.calibration_reliable ? 1 : 0));
  const auto words = parts.known_words.words();
  put(body, static_cast<std::uint32_t>(words.size()));
  std::string joined;
  for (const auto& word : words) joined += word + "\n";
  put_text(body, joined);
  parts.classifier.write(body);
  return seal_model(body);
}

Result<ModelParts> from_body(std::string_view body) {
  ModelParts out;
  const auto damaged = [] { return not_a_model("its contents are not whole"); };
  std::uint8_t features = 0, reliable = 0;
  std::uint32_t intents = 0;
  if (!take_text(body, out.name, 64) || !is_name(out.name)) return damaged();
  if (!take_text(body, out.fingerprint, kHash) || out.fingerprint.size() != kHash) return damaged();
  if (!std::all_of(out.fingerprint.begin(), out.fingerprint.end(),
                   [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }))
    return damaged();
  if (!take(body, features) || (features & ~(kMasksEntities | kShortAtTheEnds)) != 0 || !take(body, intents) ||
      intents < 2 || intents > kMostIntents)
    return damaged();
  out.mask_entities = (features & kMasksEntities) != 0;
  out.short_grams = (features & kShortAtTheEnds) != 0 ? ShortGrams::at_the_ends : ShortGrams::anywhere;
  for (std::uint32_t i = 0; i < intents; ++i) {
    std::string intent;
    if (!take_text(body, intent, 64) || !is_name(intent)) return damaged();
    if (!out.intents.empty() && intent <= out.intents.back()) return damaged();
    out.intents.push_back(std::move(intent));
  }
  auto& c = out.calibration;
  for (float* value : {&c.linear, &c.network, &c.threshold, &c.margin, &c.rejected_slope, &c.rejected_bias})
    if (!take(body, *value)) return damaged();
  if (!in_range(c.linear, 0, 100) || !in_range(c.network, 0, 100) || !in_range(c.threshold, 0, 1) ||
      !in_range(c.margin, 0, 1) || !in_range(c.rejected_slope, 0, 100) || !in_range(c.rejected_bias, -100, 100))
    return damaged();
  for (float& value : c.correction)
    if (!take(body, value) || !in_range(value, -100, 100)) return damaged();
  auto& m = out.metrics;
  std::uint64_t examples = 0;
  if (!take(body, examples) || !take(body, m.accuracy) || !take(body, m.macro_f1) || !take(body, m.ece) ||
      !take(body, reliable) || reliable > 1)
    return damaged();
  if (!in_range(m.accuracy, 0, 1) || !in_range(m.macro_f1, 0, 1) || !in_range(m.ece, 0, 1)) return damaged();
  m.examples = static_cast<std::size_t>(examples);
  m.intents = out.intents.size();
  m.rejection_threshold = c.threshold;
  m.calibration_reliable = reliable == 1;
  std::uint32_t count = 0;
  std::string joined;
  if (!take(body, count) || count > kMostWords || !take_text(body, joined, kLargest)) return damaged();
  std::vector<std::string> words;
  std::string_view rest = joined;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return damaged();
    words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (!rest.empty()) return damaged();
  out.known_words = KnownWords(words);
  EASYFLOW_TRY(classifier, Classifier::read(body, out.intents.size()));
  out.classifier = std::move(classifier);
  if (!body.empty()) return damaged();
  return out;
}

Result<std::shared_ptr<const Model>> Model::load(std::string_view bytes) {
  if (bytes.size() > kLargest) return not_a_model("it is too large");
  auto rest = bytes;
  if (rest.substr(0, kMagic.size()) != kMagic) return not_a_model("it does not begin as one");
  rest.remove_prefix(kMagic.size());
  std::uint32_t format = 0;
  if (!take(rest, format) || rest.size() < kHash) return not_a_model("it is cut off");
  if (format != kFormat)
    return Error(ErrorKind::invalid_input, "the model file has format " + std::to_string(format) +
                                               ", this program reads " + std::to_string(kFormat) +
                                               ": train it again with `easyflow nlp train`");
  const std::string hash(rest.substr(0, kHash));
  rest.remove_prefix(kHash);
  if (crypto::sha256_hex(rest) != hash)
    return Error(ErrorKind::invalid_input, "the model file is damaged: its hash does not match; copy it again");
  EASYFLOW_TRY(parts, from_body(rest));
  auto impl = std::make_unique<Impl>();
  impl->parts = std::move(parts);
  const auto& intents = impl->parts.intents;
  const auto found = std::lower_bound(intents.begin(), intents.end(), kOutOfScope);
  if (found != intents.end() && *found == kOutOfScope)
    impl->out_of_scope = static_cast<std::size_t>(found - intents.begin());
  impl->version = impl->parts.name + "-" + hash.substr(0, 8);
  impl->bytes = std::string(bytes);
  return std::shared_ptr<const Model>(std::make_shared<Model>(std::move(impl)));
}

}  // namespace easyflow::nlp
