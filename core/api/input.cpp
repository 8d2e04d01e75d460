#include "core/api/input.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "connectors/sdk/json_fields.hpp"
#include "core/base/ids.hpp"
#include "core/base/nearest.hpp"

namespace easyflow::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMostButtons = 100;
constexpr std::size_t kLongestButton = 4096;
constexpr std::size_t kLongestCredential = 16 * 1024;
constexpr std::size_t kLongestNameShown = 60;

Error unknown_name(std::string_view what, const std::string& name, const std::vector<std::string>& known) {
  auto shown = name.substr(0, kLongestNameShown);
  auto message = "Unknown " + std::string(what) + " '" + shown + "'." +
                 (known.empty() ? std::string(" None is known here.") : did_you_mean(shown, known));
  return Error(ErrorKind::invalid_input, std::move(message)).with_field(shown);
}

std::string article(const json& value) {
  switch (value.type()) {
    case json::value_t::null: return "null";
    case json::value_t::object: return "an object";
    case json::value_t::array: return "a list";
    case json::value_t::string: return "a text";
    case json::value_t::boolean: return "true or false";
    default: return "a number";
  }
}

std::string expected(std::string_view wanted, const json& found) {
  return "Expected " + std::string(wanted) + ", found " + article(found) + ".";
}

std::string listed(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

}  // namespace

Fields::Fields(json object) : object_(std::make_unique<json>(std::move(object))) {}
Fields::~Fields() = default;
Fields::Fields(Fields&&) noexcept = default;
Fields& Fields::operator=(Fields&&) noexcept = default;

Result<Fields> Fields::parse(const std::string& body) {
  if (body.empty()) return Fields(json::object());
  auto parsed = sdk::parse_json(body);
  if (!parsed) return Error(ErrorKind::invalid_input, "The body can't be read: " + parsed.error().message() + ".");
  if (!parsed->is_object()) return Error(ErrorKind::invalid_input, "The body: " + expected("an object", *parsed));
  return Fields(*std::move(parsed));
}

void Fields::fail(const std::string& field, std::string message) {
  if (!defect_) defect_ = Error(ErrorKind::invalid_input, std::move(message)).with_field(field);
}

const json* Fields::find(const std::string& name) {
  known_.push_back(name);
  auto found = object_->find(name);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

bool Fields::has(const std::string& name) { return find(name) != nullptr; }

std::string Fields::text_of(const json& value, const std::string& field, std::size_t longest) {
  const auto* text = value.get_ptr<const std::string*>();
  if (text == nullptr) {
    fail(field, expected("a text", value));
    return {};
  }
  if (text->size() > longest)
    fail(field, "Too long: at most " + std::to_string(longest) + " bytes, found " + std::to_string(text->size()) + ".");
  if (text->find('\0') != std::string::npos) fail(field, "A text must not hold the character U+0000.");
  return *text;
}

std::string Fields::required_text(const std::string& name, std::size_t longest) {
  const auto* value = find(name);
  if (value == nullptr) {
    fail(name, "This field is required.");
    return {};
  }
  auto text = text_of(*value, name, longest);
  if (text.empty()) fail(name, "This field must not be empty.");
  return text;
}

std::string Fields::text(const std::string& name, std::size_t longest) {
  const auto* value = find(name);
  return value == nullptr ? std::string() : text_of(*value, name, longest);
}

bool Fields::flag(const std::string& name) {
  const auto* value = find(name);
  if (value == nullptr) return false;
  if (!value->is_boolean()) fail(name, expected("true or false", *value));
  return value->is_boolean() && value->get<bool>();
}

std::optional<int> Fields::whole_number(const std::string& name, int least, int most) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) {
    fail(name, value->is_number() ? "Expected a whole number." : expected("a whole number", *value));
    return std::nullopt;
  }
  // an unsigned value beyond the signed range must not turn negative
  bool huge = value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(most);
  auto number = huge ? std::int64_t{most} + 1 : value->get<std::int64_t>();
  if (number < least || number > most) {
    fail(name, "Expected " + std::to_string(least) + " to " + std::to_string(most) + ".");
    return std::nullopt;
  }
  return static_cast<int>(number);
}

std::optional<double> Fields::number(const std::string& name, double least, double most) {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    fail(name, expected("a number", *value));
    return std::nullopt;
  }
  const auto number = value->get<double>();
  if (!(number >= least && number <= most)) {
    std::ostringstream says;
    says << "Expected a number from " << least << " to " << most << '.';
    fail(name, says.str());
    return std::nullopt;
  }
  return number;
}

std::vector<std::string> Fields::texts(const std::string& name) {
  std::vector<std::string> all;
  const auto* value = find(name);
  if (value == nullptr) return all;
  if (!value->is_array()) {
    fail(name, expected("a list of texts", *value));
    return all;
  }
  for (std::size_t i = 0; i < value->size(); ++i)
    all.push_back(text_of((*value)[i], name + "[" + std::to_string(i) + "]", kLongestCredential));
  return all;
}

std::map<std::string, Secret> Fields::required_secrets(const std::string& name) {
  std::map<std::string, Secret> all;
  const auto* value = find(name);
  if (value == nullptr) {
    fail(name, "This field is required: GET /api/v1/platforms lists the credentials of each platform.");
    return all;
  }
  if (!value->is_object()) {
    fail(name, expected("an object of texts", *value));
    return all;
  }
  for (const auto& [key, item] : value->items()) {
    auto field = name + "." + key.substr(0, kLongestNameShown);
    all.emplace(key, Secret(text_of(item, field, kLongestCredential)));
  }
  return all;
}

std::vector<std::vector<sdk::Button>> Fields::keyboard(const std::string& name) {
  std::vector<std::vector<sdk::Button>> rows;
  const auto* value = find(name);
  if (value == nullptr) return rows;
  if (!value->is_array()) {
    fail(name, expected("a list of rows of buttons", *value));
    return rows;
  }
  std::size_t buttons = 0;
  for (std::size_t r = 0; r < value->size(); ++r) {
    const auto& row = (*value)[r];
    auto row_name = name + "[" + std::to_string(r) + "]";
    if (!row.is_array()) {
      fail(row_name, expected("a row of buttons (a list)", row));
      return rows;
    }
    rows.emplace_back();
    for (std::size_t b = 0; b < row.size(); ++b) {
      auto field = row_name + "[" + std::to_string(b) + "]";
      if (++buttons > kMostButtons) {
        fail(name, "At most " + std::to_string(kMostButtons) + " buttons.");
        return rows;
      }
      if (!row[b].is_object()) {
        fail(field, expected("a button (an object)", row[b]));
        return rows;
      }
      sdk::Button button;
      for (const auto& [key, item] : row[b].items()) {
        std::string* target = key == "text"   ? &button.text
                              : key == "data" ? &button.data
                              : key == "url"  ? &button.url
                                              : nullptr;
        if (target == nullptr) {
          if (!defect_) {
            auto unknown = unknown_name("field", key, {"text", "data", "url"});
            fail(field + "." + key.substr(0, kLongestNameShown), unknown.message());
          }
        } else if (!item.is_null()) {
          *target = text_of(item, field + "." + key, kLongestButton);
        }
      }
      if (button.text.empty()) fail(field + ".text", "A button needs a text.");
      if (button.data.empty() == button.url.empty()) fail(field, "A button has either \"data\" or \"url\".");
      rows.back().push_back(std::move(button));
    }
  }
  return rows;
}

Result<void> Fields::finish() {
  // a misspelt name explains a missing one, so it is told first
  for (const auto& [key, value] : object_->items())
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) return unknown_name("field", key, known_);
  if (defect_) return *defect_;
  return {};
}

Query::Query(const HttpRequest& request) {
  std::string_view rest = request.target;
  auto mark = rest.find('?');
  rest = mark == std::string_view::npos ? std::string_view() : rest.substr(mark + 1);
  while (!rest.empty()) {
    auto pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    auto equals = pair.find('=');
    auto value = equals == std::string_view::npos ? std::string() : url_decode(pair.substr(equals + 1));
    if (!pair.empty()) given_.emplace_back(url_decode(pair.substr(0, equals)), std::move(value));
  }
}

std::string Query::text(const std::string& name) {
  known_.push_back(name);
  for (const auto& [key, value] : given_)
    if (key == name) return value;
  return {};
}

std::string Query::choice(const std::string& name, const std::vector<std::string>& allowed) {
  auto value = text(name);
  if (!value.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end() && !defect_)
    defect_ = Error(ErrorKind::invalid_input, "Expected one of: " + listed(allowed) + ".").with_field(name);
  return value;
}

std::string Query::id(const std::string& name) {
  auto value = text(name);
  if (!value.empty() && !is_uuid(value) && !defect_)
    defect_ = Error(ErrorKind::invalid_input, "Expected an id (a UUID).").with_field(name);
  return value;
}

storage::PageRequest Query::page() {
  storage::PageRequest page;
  auto limit = text("limit");
  if (!limit.empty()) {
    int value = 0;
    auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), value);
    if (error == std::errc() && end == limit.data() + limit.size() && value >= 1 && value <= 200) {
      page.limit = value;
    } else if (!defect_) {
      defect_ = Error(ErrorKind::invalid_input, "Expected a whole number from 1 to 200.").with_field("limit");
    }
  }
  page.cursor = text("cursor");
  if ((page.cursor.size() > 1000 || page.cursor.find('\0') != std::string::npos) && !defect_)
    defect_ = Error(ErrorKind::invalid_input, "Pass the \"next\" of the page before.").with_field("cursor");
  return page;
}

Result<void> Query::finish() {
  for (const auto& [name, value] : given_)
    if (std::find(known_.begin(), known_.end(), name) == known_.end())
      return unknown_name("query parameter", name, known_);
  if (defect_) return *defect_;
  return {};
}

}  // namespace easyflow::api
