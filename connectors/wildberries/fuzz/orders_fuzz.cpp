// Any reply, at any place of the orders walk, and any cursor must end in a step or an error.
#include <cstddef>
#include <cstdint>
#include <string>

#include "connectors/wildberries/streams.hpp"
#include "connectors/wildberries/tests/fake_wildberries.hpp"

namespace wb = easyflow::connectors::wildberries;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto now = easyflow::from_unix_seconds(1'795'200'000);
  static const auto account = wb::testing::account();
  if (auto walk = wb::read_orders(account, bytes, now)) (void)(*walk)->next(nullptr);
  for (int place = 0; place < 4; ++place) {
    auto walk = wb::read_orders(account, "", now);
    for (int i = 0; i < place; ++i) {
      easyflow::HttpResponse good(200, R"({"next":1,"orders":[{"id":1,"createdAt":"2026-11-18T06:10:05Z"}]})");
      (void)(*walk)->next(nullptr);
      (void)(*walk)->next(&good);
    }
    easyflow::HttpResponse reply(200, bytes);
    (void)(*walk)->next(nullptr);
    (void)(*walk)->next(&reply);
    (void)(*walk)->next(nullptr);
  }
  easyflow::HttpResponse refused(400, bytes);
  auto walk = wb::read_orders(account, "", now);
  (void)(*walk)->next(nullptr);
  (void)(*walk)->next(&refused);
  return 0;
}
