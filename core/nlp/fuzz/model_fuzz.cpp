// Any bytes must load as a model or be refused; what loads must answer. The hash is made right, so that the parser
// behind it is reached.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/nlp/model_impl.hpp"

namespace nlp = easyflow::nlp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)nlp::Model::load(bytes);
  const auto model = nlp::Model::load(nlp::seal_model(bytes));
  if (!model) return 0;
  const auto p = (*model)->probabilities("где мой заказ 4411?", {});
  for (float value : p)
    if (!std::isfinite(value)) std::abort();
  return 0;
}
