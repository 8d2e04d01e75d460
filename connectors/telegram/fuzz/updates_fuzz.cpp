// Any webhook body must become events or an error; the metadata of events must be JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "connectors/telegram/updates.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto events =
      easyflow::connectors::telegram::decode_update(std::string_view(reinterpret_cast<const char*>(data), size));
  if (events)
    for (const auto& event : *events)
      if (event.dedup_key.empty() || !nlohmann::json::accept(event.metadata_json)) std::abort();
  return 0;
}
