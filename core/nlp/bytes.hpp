// Numbers in a model file: little-endian, checked against the end. Private to core/nlp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace easyflow::nlp {

static_assert(std::endian::native == std::endian::little, "model files are little-endian");

/// A float that fits into 16 bits (the upper half of its 32), so that files are small and the same everywhere.
inline float to_short_float(float value) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x8000u) & 0xFFFF0000u);
}
/// Of a short float all there is.
inline std::uint16_t upper_half(float value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
}
inline float from_upper_half(std::uint16_t half) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

template <class T>
void put(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}
inline void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}
template <class T>
void put_all(std::string& out, const std::vector<T>& values) {
  static_assert(std::is_arithmetic_v<T>);
  out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}
inline void put_short_floats(std::string& out, const std::vector<float>& values) {
  for (float value : values) put(out, upper_half(value));
}

/// Takes from the front; false when there is not enough, and then nothing is taken.
template <class T>
bool take(std::string_view& bytes, T& value) {
  static_assert(std::is_arithmetic_v<T>);
  if (bytes.size() < sizeof(T)) return false;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return true;
}
inline bool take_text(std::string_view& bytes, std::string& text, std::size_t most) {
  std::uint32_t size = 0;
  if (!take(bytes, size) || size > most || size > bytes.size()) return false;
  text.assign(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return true;
}
template <class T>
bool take_all(std::string_view& bytes, std::vector<T>& values, std::size_t count) {
  static_assert(std::is_arithmetic_v<T>);
  if (count > bytes.size() / sizeof(T)) return false;
  values.resize(count);
  if (count > 0) std::memcpy(values.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
  return true;
}
inline bool take_short_floats(std::string_view& bytes, std::vector<float>& values, std::size_t count) {
  std::vector<std::uint16_t> halves;
  if (!take_all(bytes, halves, count)) return false;
  values.resize(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = from_upper_half(halves[i]);
  return true;
}

}  // namespace easyflow::nlp
