#include "core/base/json.hpp"

#include <nlohmann/json.hpp>

namespace easyflow {

std::string text_member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace easyflow
