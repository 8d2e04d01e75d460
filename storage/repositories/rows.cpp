#include "storage/repositories/rows.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/base/ids.hpp"
#include "storage/pg_array.hpp"

namespace easyflow::storage {
namespace {

/// The code unit of the escape \uXXXX at `at`, or -1.
int escaped_unit(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  for (const char c : text.substr(at + 2, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

bool is_high_surrogate(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low_surrogate(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

std::string mend_escapes(std::string_view json) {
  constexpr std::string_view kReplacement = "\\ufffd";
  std::string out;
  out.reserve(json.size());
  for (std::size_t i = 0; i < json.size();) {
    if (json[i] != '\\') {
      out += json[i++];
      continue;
    }
    const int unit = escaped_unit(json, i);
    if (unit < 0) {
      out += json.substr(i, 2);  // another escape, such as a backslash before which "u" means itself
      i += 2;
    } else if (is_high_surrogate(unit) && is_low_surrogate(escaped_unit(json, i + 6))) {
      out += json.substr(i, 12);
      i += 12;
    } else {
      const bool refused = unit == 0 || is_high_surrogate(unit) || is_low_surrogate(unit);
      out += refused ? kReplacement : json.substr(i, 6);
      i += 6;
    }
  }
  return out;
}

bool fits(std::string_view value, char kind) {
  switch (kind) {
    case 't': return parse_rfc3339(value).has_value();
    case 'u': return is_uuid(value);
    default: return value.find('\0') == std::string_view::npos;
  }
}

Error bad_cursor() {
  return Error(ErrorKind::invalid_input, "cursor is not one of this list: leave it out to begin again")
      .with_field("cursor");
}

}  // namespace

std::string text_of(const pqxx::field& field) {
  return field.is_null() ? std::string() : std::string(field.c_str(), field.size());
}

Timestamp time_of(const pqxx::field& field) {
  auto time = parse_rfc3339(std::string_view(field.c_str(), field.size()));
  if (!time) throw std::logic_error("a column holds no timestamp");
  return *time;
}

std::optional<Timestamp> maybe_time_of(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return parse_rfc3339(std::string_view(field.c_str(), field.size()));  // 'infinity' is no time
}

std::vector<std::string> texts_of(const pqxx::field& field) {
  std::vector<std::string> out;
  if (field.is_null()) return out;
  auto parser = field.as_array();
  for (auto [juncture, text] = parser.get_next(); juncture != pqxx::array_parser::done;) {
    if (juncture == pqxx::array_parser::string_value) out.push_back(text);
    std::tie(juncture, text) = parser.get_next();
  }
  return out;
}

std::optional<std::string> unless_empty(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::string text_array(const std::vector<std::string>& texts) {
  PgArray out;
  for (const auto& text : texts) out.add(text);
  return out.take();
}

std::string jsonb_text(std::string_view json) {
  if (json == "{}") return "{}";
  // PostgreSQL reads JSON as text first, so malformed UTF-8 goes before anything else
  std::string mended = mend_escapes(clean_text(json));
  if (nlohmann::json::accept(mended)) return mended;
  return nlohmann::json{{"unreadable", clean_text(json)}}.dump(-1, ' ', false,
                                                               nlohmann::json::error_handler_t::replace);
}

void add_member(std::string& object, std::string_view name, std::string_view value) {
  object.pop_back();
  object += object.size() > 1 ? ",\"" : "\"";
  object.append(name).append("\":").append(value) += '}';
}

int rows_to_ask(const PageRequest& page) { return std::clamp(page.limit, 1, 200) + 1; }

std::string make_cursor(const std::vector<std::string>& values) {
  return hex_bytea(nlohmann::json(values).dump()).substr(2);
}

Result<std::vector<std::optional<std::string>>> read_cursor(const std::string& cursor, std::string_view kinds) {
  std::vector<std::optional<std::string>> values;
  if (cursor.empty()) {
    values.resize(kinds.size());
    return values;
  }
  std::string text;
  try {
    text = parse_bytea("\\x" + cursor);
  } catch (const std::invalid_argument&) {
    return bad_cursor();
  }
  const auto given = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!given.is_array() || given.size() != kinds.size()) return bad_cursor();
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!given[i].is_string() || !fits(given[i].get_ref<const std::string&>(), kinds[i])) return bad_cursor();
    values.emplace_back(given[i].get<std::string>());
  }
  return values;
}

}  // namespace easyflow::storage
