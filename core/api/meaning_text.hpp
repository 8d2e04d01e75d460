// What a message means, in words: for the page and the command line.
#pragma once

#include <string>
#include <vector>

#include "storage/repositories/catalog.hpp"
#include "storage/repositories/conversations.hpp"

namespace easyflow::api {

/// "order_status 93 %", "not sure" when the model rejected its own guess, "thanks, as labelled" when a person said so;
/// empty when nobody has read the message.
std::string intent_text(const storage::Message& message);

/// Something found in a message.
struct Fact {
  std::string kind;   ///< "order number"
  std::string value;  ///< normalized, or as written
  std::string known;  ///< status of the order, or title of the product, that it leads to ("known" without one)
};
/// Those that lead to an order or a product first, then by position. `catalog` holds the rows of ids_named_in(); what
/// it lacks is as if it were unknown.
std::vector<Fact> facts_of(const storage::Message& message, const storage::CatalogRows& catalog);

/// Ids of the orders and products that messages name.
std::vector<std::string> ids_named_in(const std::vector<storage::Message>& messages);

}  // namespace easyflow::api
