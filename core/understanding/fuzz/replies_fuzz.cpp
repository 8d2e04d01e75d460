// Whatever a provider answers, and whatever it says about entities: read without a fault.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/understanding/masked_text.hpp"
#include "core/understanding/openai.hpp"
#include "core/understanding/rasa.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace easyflow;
  using namespace easyflow::understanding;
  const std::string body(reinterpret_cast<const char*>(data), size);
  const std::string text = "где мой заказ 66102, пишите на a@b.ru";
  const MaskedText masked(text, body);
  const auto answer = rasa::read_reply(HttpResponse(200, body), masked.text());
  if (answer) {
    if (!is_label(answer->intent) || answer->confidence < 0 || answer->confidence > 1) std::abort();
    for (const auto& entity : answer->entities) {
      const auto place = masked.original(entity.start, entity.end);
      if (place && place->second - place->first != entity.end - entity.start) std::abort();
    }
  }
  const auto reading = openai::read_reply(HttpResponse(200, body), {"thanks", "out_of_scope"});
  if (reading.meaning && reading.meaning->intent != "thanks" && reading.meaning->intent != "out_of_scope") std::abort();
  (void)openai::milder(HttpResponse(400, body));
  return 0;
}
