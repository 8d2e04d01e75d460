// Reading what a provider answered. Private to core/understanding.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"

namespace easyflow::understanding {

/// The object in a 2xx response. Errors: those of status_error, protocol (not JSON, no object, over 1 MB).
Result<nlohmann::json> read_object(const std::string& who, const HttpResponse& response);
/// A member, or null when it is not there or `object` is no object.
const nlohmann::json* member(const nlohmann::json& object, const char* name);
/// A probability; nothing when it is none. What rounding brought above 1 counts as 1.
std::optional<double> probability(const nlohmann::json* value);
/// How many code points a UTF-8 text has.
std::size_t code_points(const std::string& text);

}  // namespace easyflow::understanding
