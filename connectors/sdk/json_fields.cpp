#include "connectors/sdk/json_fields.hpp"

#include <limits>
#include <nlohmann/json.hpp>

namespace easyflow::sdk {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 64;

/// True when brackets outside of strings nest deeper than kDeepest. One pass, before anything is built.
bool too_deep(std::string_view text) noexcept {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

/// Finds the byte where a text stops being JSON; keeps nothing.
class ErrorPosition : public nlohmann::json_sax<Json> {
 public:
  std::size_t position = 0;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) override {
    position = at;
    return false;
  }
};

std::string path(std::string_view where, std::string_view name) {
  std::string text(where);
  if (!text.empty()) text += '.';
  text += name;
  return text;
}

const char* kind_of(const Json& value) noexcept {
  if (value.is_null()) return "null";
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number_integer()) return "an integer out of range";
  if (value.is_number()) return "a number with a fraction";
  if (value.is_array()) return "an array";
  return "an object";
}

Error unexpected(const Json* value, std::string_view name, std::string_view where, const char* expected) {
  std::string text = path(where, name) + ": ";
  if (value == nullptr)
    text += "missing";
  else
    text += std::string("expected ") + expected + ", found " + kind_of(*value);
  return Error(ErrorKind::protocol, std::move(text));
}

const Json* member(const Json& object, std::string_view name) noexcept {
  if (!object.is_object()) return nullptr;
  auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::optional<std::int64_t> as_int(const Json& value) noexcept {
  if (value.is_number_unsigned()) {
    auto number = *value.get_ptr<const Json::number_unsigned_t*>();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return *value.get_ptr<const Json::number_integer_t*>();
  return std::nullopt;
}

Result<std::string> convert(const Json& value, std::string_view name, std::string_view where, std::string*) {
  if (!value.is_string()) return unexpected(&value, name, where, "a string");
  return *value.get_ptr<const std::string*>();
}

Result<std::int64_t> convert(const Json& value, std::string_view name, std::string_view where, std::int64_t*) {
  auto number = as_int(value);
  if (!number) return unexpected(&value, name, where, "an integer");
  return *number;
}

Result<bool> convert(const Json& value, std::string_view name, std::string_view where, bool*) {
  if (!value.is_boolean()) return unexpected(&value, name, where, "a boolean");
  return *value.get_ptr<const bool*>();
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (too_deep(text)) return Error(ErrorKind::protocol, "the JSON is nested deeper than 64 levels");
  Json value = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!value.is_discarded()) return value;
  if (text.empty()) return Error(ErrorKind::protocol, "empty where JSON was expected");
  ErrorPosition finder;
  Json::sax_parse(text.begin(), text.end(), &finder);
  return Error(ErrorKind::protocol, "not JSON at byte " + std::to_string(finder.position));
}

std::string json_text(const Json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  for (std::size_t at = text.find("\\u0000"); at != std::string::npos; at = text.find("\\u0000", at + 1)) {
    std::size_t slashes = 0;  // an odd number before it means that this backslash is itself escaped
    while (slashes < at && text[at - slashes - 1] == '\\') ++slashes;
    if (slashes % 2 == 0) text.replace(at, 6, "\\ufffd");
  }
  return text;
}

template <class T>
Result<T> field(const Json& object, std::string_view name, std::string_view where) {
  const Json* value = member(object, name);
  if (value == nullptr) return unexpected(nullptr, name, where, "");
  return convert(*value, name, where, static_cast<T*>(nullptr));
}

template <class T>
Result<std::optional<T>> optional_field(const Json& object, std::string_view name, std::string_view where) {
  const Json* value = member(object, name);
  if (value == nullptr || value->is_null()) return std::optional<T>();
  auto converted = convert(*value, name, where, static_cast<T*>(nullptr));
  if (!converted) return converted.error();
  return std::optional<T>(*std::move(converted));
}

template Result<std::string> field(const Json&, std::string_view, std::string_view);
template Result<std::int64_t> field(const Json&, std::string_view, std::string_view);
template Result<bool> field(const Json&, std::string_view, std::string_view);
template Result<std::optional<std::string>> optional_field(const Json&, std::string_view, std::string_view);
template Result<std::optional<std::int64_t>> optional_field(const Json&, std::string_view, std::string_view);
template Result<std::optional<bool>> optional_field(const Json&, std::string_view, std::string_view);

Result<const Json*> array_field(const Json& object, std::string_view name, std::string_view where) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_array()) return unexpected(value, name, where, "an array");
  return value;
}

Result<const Json*> object_field(const Json& object, std::string_view name, std::string_view where) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_object()) return unexpected(value, name, where, "an object");
  return value;
}

const Json* find_member(const Json& object, const char* name) noexcept {
  const Json* value = member(object, name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const Json* find_object(const Json& object, const char* name) noexcept {
  const Json* value = member(object, name);
  return value == nullptr || !value->is_object() ? nullptr : value;
}

const std::string* find_text(const Json& object, const char* name) noexcept {
  const Json* value = member(object, name);
  return value == nullptr ? nullptr : value->get_ptr<const std::string*>();
}

std::optional<std::int64_t> find_int(const Json& object, const char* name) noexcept {
  const Json* value = member(object, name);
  return value == nullptr ? std::nullopt : as_int(*value);
}

}  // namespace easyflow::sdk
