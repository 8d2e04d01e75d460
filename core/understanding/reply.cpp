#include "core/understanding/reply.hpp"

#include <algorithm>

#include "core/understanding/provider.hpp"

namespace easyflow::understanding {
namespace {

constexpr std::size_t kLargestReply = 1024 * 1024;
constexpr double kRounding = 1e-4;

}  // namespace

Result<nlohmann::json> read_object(const std::string& who, const HttpResponse& response) {
  if (response.status < 200 || response.status > 299) return status_error(who, response);
  if (response.body.size() > kLargestReply) return Error(ErrorKind::protocol, who + " answered with over 1 MB.");
  auto object = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Error(ErrorKind::protocol, who + " answered with something that is no JSON object.");
  return object;
}

const nlohmann::json* member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::optional<double> probability(const nlohmann::json* value) {
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const auto number = value->get<double>();
  if (!(number >= 0 && number <= 1 + kRounding)) return std::nullopt;
  return std::min(number, 1.0);
}

std::size_t code_points(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace easyflow::understanding
