// Reading platforms' JSON without exceptions. Everything here takes untrusted input.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace easyflow::sdk {

/// Parses a document. Error protocol: not JSON (with the byte where it breaks off being JSON), or nested deeper than
/// 64 levels, which copying or printing the value could not survive.
Result<nlohmann::json> parse_json(std::string_view text);

/// JSON text that PostgreSQL's jsonb takes: invalid UTF-8 and the escape \u0000 become U+FFFD. Never throws.
std::string json_text(const nlohmann::json& value);

/// The required member `name` of `object`. T: std::string, std::int64_t, bool.
/// Error protocol: "orders[3].price: expected an integer, found a string" (`where` is "orders[3]").
template <class T>
Result<T> field(const nlohmann::json& object, std::string_view name, std::string_view where = {});

/// As field; a missing or null member is nothing.
template <class T>
Result<std::optional<T>> optional_field(const nlohmann::json& object, std::string_view name,
                                        std::string_view where = {});

/// The required member `name`, which must be an array or an object. The pointer lives as long as `object`.
Result<const nlohmann::json*> array_field(const nlohmann::json& object, std::string_view name,
                                          std::string_view where = {});
Result<const nlohmann::json*> object_field(const nlohmann::json& object, std::string_view name,
                                           std::string_view where = {});

/// Lenient look-ups for what may be missing or of another shape: null then. The pointers live as long as `object`.
const nlohmann::json* find_member(const nlohmann::json& object, const char* name) noexcept;
const nlohmann::json* find_object(const nlohmann::json& object, const char* name) noexcept;
const std::string* find_text(const nlohmann::json& object, const char* name) noexcept;
std::optional<std::int64_t> find_int(const nlohmann::json& object, const char* name) noexcept;

}  // namespace easyflow::sdk
