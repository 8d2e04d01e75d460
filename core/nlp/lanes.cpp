#include "core/nlp/lanes.hpp"

#include <cmath>
#include <cstring>

namespace easyflow::nlp {
namespace {

// Both compilers turn these into what the target has: two SSE or one AVX register, two of NEON.
typedef float Lane __attribute__((vector_size(32), aligned(4)));
typedef std::int8_t Bytes __attribute__((vector_size(8), aligned(1)));

#define EASYFLOW_INLINE inline __attribute__((always_inline))

EASYFLOW_INLINE const Lane* lanes(const float* p) { return reinterpret_cast<const Lane*>(p); }
EASYFLOW_INLINE Lane* lanes(float* p) { return reinterpret_cast<Lane*>(p); }

/// Four lanes of columns over all features, so that the sums stay in registers.
template <std::size_t kCount>
EASYFLOW_INLINE void gather_columns(const float* matrix, std::size_t width, const Feature* features, std::size_t count,
                                    float* out) {
  Lane sum[kCount] = {};
  for (std::size_t i = 0; i < count; ++i) {
    const auto* row = lanes(matrix + static_cast<std::size_t>(features[i].row) * width);
    for (std::size_t c = 0; c < kCount; ++c) sum[c] += row[c] * features[i].value;
  }
  for (std::size_t c = 0; c < kCount; ++c) lanes(out)[c] = sum[c];
}

template <std::size_t kCount>
EASYFLOW_INLINE void multiply_columns(const float* matrix, std::size_t width, const float* in, std::size_t count,
                                      float* out) {
  Lane sum[kCount];
  for (std::size_t c = 0; c < kCount; ++c) sum[c] = lanes(out)[c];
  for (std::size_t i = 0; i < count; ++i) {
    if (in[i] == 0) continue;
    const auto* row = lanes(matrix + i * width);
    for (std::size_t c = 0; c < kCount; ++c) sum[c] += row[c] * in[i];
  }
  for (std::size_t c = 0; c < kCount; ++c) lanes(out)[c] = sum[c];
}

EASYFLOW_INLINE float scale_at(const std::uint8_t* bytes) {
  std::uint16_t half;
  std::memcpy(&half, bytes, sizeof(half));
  const std::uint32_t whole = static_cast<std::uint32_t>(half) << 16;
  float scale;
  std::memcpy(&scale, &whole, sizeof(scale));
  return scale;
}

template <std::size_t kCount>
EASYFLOW_INLINE void gather_byte_columns(const std::uint8_t* rows, std::size_t stride, std::size_t offset,
                                         std::size_t scale, const Feature* features, std::size_t count, float* out) {
  constexpr std::size_t kAhead = 8;  // rows lie all over a matrix that other work pushes out of the caches
  Lane sum[kCount] = {};
  for (std::size_t i = 0; i < count; ++i) {
    const auto* row = rows + static_cast<std::size_t>(features[i].row) * stride;
    if (i + kAhead < count)
      __builtin_prefetch(rows + static_cast<std::size_t>(features[i + kAhead].row) * stride + offset);
    const float value = features[i].value * scale_at(row + scale);
    const auto* bytes = reinterpret_cast<const Bytes*>(row + offset);
    for (std::size_t c = 0; c < kCount; ++c) sum[c] += __builtin_convertvector(bytes[c], Lane) * value;
  }
  for (std::size_t c = 0; c < kCount; ++c) lanes(out)[c] = sum[c];
}

EASYFLOW_INLINE void gather_byte_part(const std::uint8_t* rows, std::size_t stride, std::size_t begin,
                                      std::size_t width, std::size_t scale, const Feature* features, std::size_t count,
                                      float* out) {
  std::size_t c = 0;
  for (; c + 8 * kLane <= width; c += 8 * kLane)
    gather_byte_columns<8>(rows, stride, begin + c, scale, features, count, out + c);
  for (; c + 4 * kLane <= width; c += 4 * kLane)
    gather_byte_columns<4>(rows, stride, begin + c, scale, features, count, out + c);
  for (; c < width; c += kLane) gather_byte_columns<1>(rows, stride, begin + c, scale, features, count, out + c);
}

}  // namespace

EASYFLOW_LANES void gather(const float* matrix, std::size_t width, const Feature* features, std::size_t count,
                           float* out) {
  std::size_t c = 0;
  for (; c + 8 * kLane <= width; c += 8 * kLane) gather_columns<8>(matrix + c, width, features, count, out + c);
  for (; c + 4 * kLane <= width; c += 4 * kLane) gather_columns<4>(matrix + c, width, features, count, out + c);
  for (; c < width; c += kLane) gather_columns<1>(matrix + c, width, features, count, out + c);
}

EASYFLOW_LANES void scatter(float* matrix, std::size_t width, const Feature* features, std::size_t count,
                            const float* delta) {
  for (std::size_t i = 0; i < count; ++i) {
    auto* row = lanes(matrix + static_cast<std::size_t>(features[i].row) * width);
    for (std::size_t c = 0; c < width / kLane; ++c) row[c] += lanes(delta)[c] * features[i].value;
  }
}

EASYFLOW_LANES void multiply(const float* matrix, std::size_t width, const float* in, std::size_t count, float* out) {
  std::size_t c = 0;
  for (; c + 8 * kLane <= width; c += 8 * kLane) multiply_columns<8>(matrix + c, width, in, count, out + c);
  for (; c + 4 * kLane <= width; c += 4 * kLane) multiply_columns<4>(matrix + c, width, in, count, out + c);
  for (; c < width; c += kLane) multiply_columns<1>(matrix + c, width, in, count, out + c);
}

EASYFLOW_LANES void outer(float* matrix, std::size_t width, const float* in, std::size_t count, const float* delta) {
  for (std::size_t i = 0; i < count; ++i) {
    if (in[i] == 0) continue;
    auto* row = lanes(matrix + i * width);
    for (std::size_t c = 0; c < width / kLane; ++c) row[c] += lanes(delta)[c] * in[i];
  }
}

EASYFLOW_LANES void project(const float* matrix, std::size_t width, const float* in, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto* row = lanes(matrix + i * width);
    Lane sum = {};
    for (std::size_t c = 0; c < width / kLane; ++c) sum += row[c] * lanes(in)[c];
    out[i] = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
  }
}

EASYFLOW_LANES void adam(float* weights, float* mean, float* square, const float* gradient, std::size_t count,
                         const AdamStep& step) {
  const float rate = step.rate * step.correction1;
  const float beta1 = step.beta1, beta2 = step.beta2, correction2 = step.correction2;
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    const float m = mean[i] = beta1 * mean[i] + (1 - beta1) * g;
    const float v = square[i] = beta2 * square[i] + (1 - beta2) * g * g;
    weights[i] -= rate * m / (std::sqrt(v * correction2) + 1e-8f);
  }
}

EASYFLOW_LANES void gather_bytes(const std::uint8_t* rows, std::size_t stride, std::size_t first, std::size_t second,
                                 const Feature* features, std::size_t count, float* out) {
  gather_byte_part(rows, stride, 0, first, first - kScaleBytes, features, count, out);
  gather_byte_part(rows, stride, first, second, first - kScaleBytes / 2, features, count, out + first);
}

}  // namespace easyflow::nlp
