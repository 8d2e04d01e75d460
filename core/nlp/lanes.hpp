// Loops over many floats at once, compiled for AVX2 beside the portable form where the compiler can choose at run time.
// Private to core/nlp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/nlp/grams.hpp"

// Sanitizers run before the choice is made, so they get the portable form alone.
#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) && \
    !__has_feature(undefined_behavior_sanitizer)
#define EASYFLOW_LANES __attribute__((target_clones("arch=haswell", "default")))
#endif
#else
#define EASYFLOW_LANES __attribute__((target_clones("arch=haswell", "default")))
#endif
#endif
#ifndef EASYFLOW_LANES
#define EASYFLOW_LANES
#endif

namespace easyflow::nlp {

/// Widths of rows are multiples of this.
inline constexpr std::size_t kLane = 8;
inline constexpr std::size_t padded(std::size_t width) { return (width + kLane - 1) / kLane * kLane; }

/// out[0..width) = sum of value * matrix[row]; rows are `width` floats.
void gather(const float* matrix, std::size_t width, const Feature* features, std::size_t count, float* out);
/// matrix[row] += value * delta, for every feature.
void scatter(float* matrix, std::size_t width, const Feature* features, std::size_t count, const float* delta);
/// out[0..width) += sum over i of in[i] * matrix[i]
void multiply(const float* matrix, std::size_t width, const float* in, std::size_t count, float* out);
/// matrix[i] += in[i] * delta, for i below count.
void outer(float* matrix, std::size_t width, const float* in, std::size_t count, const float* delta);
/// out[i] = matrix[i] . in, for i below count.
void project(const float* matrix, std::size_t width, const float* in, std::size_t count, float* out);

struct AdamStep {
  float rate = 0.001f;
  float beta1 = 0.9f, beta2 = 0.999f;
  float correction1 = 1, correction2 = 1;  ///< 1 / (1 - beta^t)
};
void adam(float* weights, float* mean, float* square, const float* gradient, std::size_t count, const AdamStep& step);

/// Rows of `first` and `second` bytes, both multiples of kLane: int8 weights of two parts. The last four bytes of the
/// first part are no weights but the upper halves of two floats, the scales of the parts; what comes out for them means
/// nothing. out[0..first+second) = sum of value * scale * weight.
inline constexpr std::size_t kScaleBytes = 4;
void gather_bytes(const std::uint8_t* rows, std::size_t stride, std::size_t first, std::size_t second,
                  const Feature* features, std::size_t count, float* out);

}  // namespace easyflow::nlp
