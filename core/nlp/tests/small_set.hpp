// A few hand-written examples: enough to train on in milliseconds.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/nlp/dataset.hpp"

namespace easyflow::nlp::testing {

inline std::vector<Example> small_set() {
  const std::vector<std::pair<std::string, std::vector<std::string>>> texts = {
      {"greeting",
       {"привет", "добрый день", "здравствуйте", "hello there", "hi", "доброе утро", "good morning", "hey"}},
      {"order_status",
       {"где мой заказ", "когда придет заказ", "where is my order", "заказ не пришел", "track my order please",
        "статус заказа", "order still not here", "что с моим заказом"}},
      {"refund_status",
       {"верните деньги", "когда вернут деньги", "where is my refund", "деньги не вернулись", "refund not received",
        "возврат денег за куртку", "i want my money back", "жду возврат средств"}},
      {"out_of_scope",
       {"какая завтра погода", "tell me a joke", "кто президент франции", "play some music",
        "сколько будет два плюс два", "what is the capital of peru", "поставь будильник", "who won the match"}},
  };
  std::vector<Example> out;
  for (const auto& [intent, lines] : texts)
    for (const auto& line : lines) {
      Example example;
      example.text = line;
      example.intent = intent;
      out.push_back(std::move(example));
    }
  return out;
}

}  // namespace easyflow::nlp::testing
