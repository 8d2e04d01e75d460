// Canned answers and what is filled into them.
#pragma once

#include <string>
#include <string_view>

namespace easyflow::automation {

/// What the hub knows about whom it answers; empty where it does not.
struct AnswerValues {
  std::string name;
  std::string order_number;
};

/// Fills in {name} and {order_number}. One that is not known goes, and with it what leads to it: "#" or "№", the space
/// and the comma before it; at the beginning of a line the punctuation after it. Values are never read again.
///
///     "Hello, {name}! Order #{order_number} is on its way." without both: "Hello! Order is on its way."
std::string fill_in(std::string_view text, const AnswerValues& values);

/// The first {word} that is none of the above; empty when all are known.
std::string unknown_placeholder(std::string_view text);

/// The first order number among a message's entities, empty without one. Anything may be handed in.
std::string order_number_in(std::string_view entities_json);

}  // namespace easyflow::automation
