// Whatever a user pastes as a token must be decoded or refused; whatever claims it holds must be taken.
#include <cstddef>
#include <cstdint>
#include <string>

#include "connectors/wildberries/api.hpp"
#include "connectors/wildberries/tests/fake_wildberries.hpp"

namespace wb = easyflow::connectors::wildberries;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  (void)wb::decode_token(bytes);
  if (auto claims = wb::decode_token("e30." + wb::testing::base64url(bytes) + ".e30"))
    (void)wb::category_names(claims->categories);
  return 0;
}
