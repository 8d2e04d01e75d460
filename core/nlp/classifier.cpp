#include "core/nlp/classifier.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/nlp/bytes.hpp"
#include "core/nlp/lanes.hpp"

namespace easyflow::nlp {
namespace {

constexpr std::size_t kMostRows = kBlocks * kBuckets;
constexpr std::size_t kMostNetworks = 8, kMostWidth = 1024;

Error damaged() { return Error(ErrorKind::invalid_input, "the model file is damaged: its weights are not whole"); }

/// Writes `count` weights as int8 and gives their scale.
float quantize(const float* weights, std::size_t count, std::int8_t* out) {
  float largest = 0;
  for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(weights[i]));
  const float scale = to_short_float(largest / 127);
  for (std::size_t i = 0; i < count; ++i)
    out[i] = scale > 0 ? static_cast<std::int8_t>(std::clamp(std::round(weights[i] / scale), -127.0f, 127.0f))
                       : std::int8_t{0};
  return scale;
}

/// Scales are short floats: their upper halves, right before `end`.
void put_scales(std::uint8_t* end, float first, float second) {
  for (float scale : {first, second}) {
    const auto half = upper_half(scale);
    std::memcpy(end - kScaleBytes, &half, sizeof(half));
    end += sizeof(half);
  }
}
std::pair<float, float> scales_before(const std::uint8_t* end) {
  std::uint16_t halves[2];
  std::memcpy(halves, end - kScaleBytes, sizeof(halves));
  return {from_upper_half(halves[0]), from_upper_half(halves[1])};
}

std::vector<float> shortened(std::vector<float> weights) {
  for (auto& weight : weights) weight = to_short_float(weight);
  return weights;
}

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value) && value < 1e6f && value > -1e6f; });
}

}  // namespace

void Classifier::set_shape(std::size_t classes, std::size_t networks, std::size_t embedding, std::size_t hidden) {
  classes_ = classes;
  embedding_ = embedding;
  hidden_ = hidden;
  width_ = padded(classes);
  tops_.resize(networks);
  linear_ = padded(classes + kScaleBytes);
  stride_ = linear_ + networks * embedding;
  matrix_.assign(rows() * stride_ / sizeof(Line) + 1, Line{});
}

Classifier::Classifier(RowIndex vocabulary, const std::vector<float>& linear, std::size_t classes,
                       const std::vector<Network>& networks)
    : vocabulary_(std::move(vocabulary)) {
  set_shape(classes, networks.size(), networks.empty() ? 0 : networks[0].embedding,
            networks.empty() ? 0 : networks[0].hidden);
  std::vector<float> joined(networks.size() * embedding_);
  for (std::size_t row = 0; row < rows(); ++row) {
    auto* weights = reinterpret_cast<std::int8_t*>(this->row(row));
    const float first = quantize(linear.data() + row * width_, classes_, weights);
    for (std::size_t n = 0; n < networks.size(); ++n)
      std::copy_n(networks[n].embeddings.data() + row * embedding_, embedding_, joined.data() + n * embedding_);
    const float second = quantize(joined.data(), joined.size(), weights + linear_);
    put_scales(this->row(row) + linear_, first, second);
  }
  for (std::size_t n = 0; n < networks.size(); ++n) {
    tops_[n].first = shortened(networks[n].first);
    tops_[n].first_bias = shortened(networks[n].first_bias);
    tops_[n].second = shortened(networks[n].second);
    tops_[n].second_bias = shortened(networks[n].second_bias);
  }
}

void Classifier::score(Workspace& workspace) const {
  const auto& features = workspace.weigher.weigh(workspace.grams, vocabulary_);
  auto& sums = workspace.sums;
  sums.resize(stride_);
  gather_bytes(row(0), stride_, linear_, tops_.size() * embedding_, features.data(), features.size(), sums.data());
  auto& scores = workspace.scores;
  scores.coverage = workspace.weigher.coverage();
  scores.linear.assign(sums.begin(), sums.begin() + static_cast<std::ptrdiff_t>(classes_));
  scores.network.assign(tops_.empty() ? 0 : classes_, 0.0f);
  for (std::size_t n = 0; n < tops_.size(); ++n) {
    const auto& top = tops_[n];
    workspace.hidden = top.first_bias;
    multiply(top.first.data(), hidden_, sums.data() + linear_ + n * embedding_, embedding_, workspace.hidden.data());
    for (auto& unit : workspace.hidden) unit = std::max(unit, 0.0f);
    workspace.logits = top.second_bias;
    multiply(top.second.data(), width_, workspace.hidden.data(), hidden_, workspace.logits.data());
    const float highest =
        *std::max_element(workspace.logits.begin(), workspace.logits.begin() + static_cast<std::ptrdiff_t>(classes_));
    float sum = 0;
    for (std::size_t m = 0; m < classes_; ++m) sum += std::exp(workspace.logits[m] - highest);
    const float shift = highest + std::log(sum);
    for (std::size_t m = 0; m < classes_; ++m)
      scores.network[m] += (workspace.logits[m] - shift) / static_cast<float>(tops_.size());
  }
}

void Classifier::write(std::string& out) const {
  put(out, static_cast<std::uint32_t>(tops_.size()));
  put(out, static_cast<std::uint32_t>(embedding_));
  put(out, static_cast<std::uint32_t>(hidden_));
  put(out, static_cast<std::uint32_t>(rows()));
  put(out, vocabulary_.idf(rows()));
  // which buckets have a row: the distances between them, most of which fit a byte
  std::uint32_t gap = 0;
  for (std::size_t i = 0; i < kMostRows; ++i) {
    if (!vocabulary_.has_row(i)) {
      ++gap;
      continue;
    }
    for (; gap >= 255; gap -= 255) put(out, std::uint8_t{255});
    put(out, static_cast<std::uint8_t>(gap));
    gap = 0;
  }
  for (std::size_t row = 0; row < rows(); ++row) put(out, upper_half(vocabulary_.idf(row)));
  std::vector<float> scales;
  for (std::size_t row = 0; row < rows(); ++row) {
    const auto [first, second] = scales_before(this->row(row) + linear_);
    scales.push_back(first);
    if (!tops_.empty()) scales.push_back(second);
  }
  put_short_floats(out, scales);
  for (std::size_t row = 0; row < rows(); ++row) {
    const auto* weights = reinterpret_cast<const char*>(this->row(row));
    out.append(weights, classes_);
    out.append(weights + linear_, tops_.size() * embedding_);
  }
  for (const auto& top : tops_) {
    put_short_floats(out, top.first);
    put_short_floats(out, top.first_bias);
    put_short_floats(out, top.second);
    put_short_floats(out, top.second_bias);
  }
}

Result<Classifier> Classifier::read(std::string_view& bytes, std::size_t classes) {
  std::uint32_t networks = 0, embedding = 0, hidden = 0, rows = 0;
  float unknown_idf = 0;
  if (!take(bytes, networks) || !take(bytes, embedding) || !take(bytes, hidden) || !take(bytes, rows) ||
      !take(bytes, unknown_idf))
    return damaged();
  if (networks > kMostNetworks || embedding > kMostWidth || hidden > kMostWidth || rows > kMostRows ||
      embedding % kLane != 0 || hidden % kLane != 0 || (networks > 0) != (embedding > 0) ||
      (networks > 0) != (hidden > 0))
    return damaged();
  std::vector<std::uint64_t> bits(kMostRows / 64);
  std::size_t at = 0;
  for (std::uint32_t row = 0; row < rows;) {
    std::uint8_t gap = 0;
    if (!take(bytes, gap)) return damaged();
    at += gap;
    if (gap == 255) continue;
    if (at >= kMostRows) return damaged();
    bits[at >> 6] |= std::uint64_t{1} << (at & 63);
    ++at;
    ++row;
  }
  std::vector<float> idf, scales;
  if (!take_short_floats(bytes, idf, rows)) return damaged();
  if (!take_short_floats(bytes, scales, rows * (networks > 0 ? 2u : 1u)) || !all_finite(scales)) return damaged();
  EASYFLOW_TRY(vocabulary, RowIndex::restore(bits, idf, unknown_idf));
  Classifier out;
  out.vocabulary_ = std::move(vocabulary);
  const std::size_t row_bytes = classes + static_cast<std::size_t>(networks) * embedding;
  if (bytes.size() / (row_bytes == 0 ? 1 : row_bytes) < rows) return damaged();
  out.set_shape(classes, networks, embedding, hidden);
  for (std::size_t row = 0; row < rows; ++row) {
    auto* to = out.row(row);
    std::memcpy(to, bytes.data(), classes);
    if (networks > 0) std::memcpy(to + out.linear_, bytes.data() + classes, row_bytes - classes);
    put_scales(to + out.linear_, scales[networks > 0 ? row * 2 : row], networks > 0 ? scales[row * 2 + 1] : 0);
    bytes.remove_prefix(row_bytes);
  }
  for (auto& top : out.tops_) {
    if (!take_short_floats(bytes, top.first, out.embedding_ * out.hidden_) ||
        !take_short_floats(bytes, top.first_bias, out.hidden_) ||
        !take_short_floats(bytes, top.second, out.hidden_ * out.width_) ||
        !take_short_floats(bytes, top.second_bias, out.width_))
      return damaged();
    if (!all_finite(top.first) || !all_finite(top.first_bias) || !all_finite(top.second) ||
        !all_finite(top.second_bias))
      return damaged();
  }
  return out;
}

}  // namespace easyflow::nlp
