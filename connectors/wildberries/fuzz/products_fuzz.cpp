// Any reply and any cursor of the products walk must end in a step or an error.
#include <cstddef>
#include <cstdint>
#include <string>

#include "connectors/wildberries/streams.hpp"
#include "connectors/wildberries/tests/fake_wildberries.hpp"

namespace wb = easyflow::connectors::wildberries;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  static const auto account = wb::testing::account();
  if (auto walk = wb::read_products(account, bytes)) (void)(*walk)->next(nullptr);
  auto walk = wb::read_products(account, "");
  for (int i = 0; i < 2; ++i) {
    easyflow::HttpResponse reply(200, bytes);
    (void)(*walk)->next(nullptr);
    (void)(*walk)->next(&reply);
  }
  return 0;
}
