// Reading JSON that others wrote: any part of it may be missing or of another kind.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace easyflow {

/// The text at `name`; empty when there is none, or `object` is no object.
std::string text_member(const nlohmann::json& object, const char* name);

}  // namespace easyflow
