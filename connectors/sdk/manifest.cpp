#include "connectors/sdk/manifest.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "connectors/sdk/json_fields.hpp"

namespace easyflow::sdk {
namespace {

using Json = nlohmann::json;

Error wrong(std::string path, const std::string& why) {
  return Error(ErrorKind::protocol, "manifest: " + std::move(path) + ": " + why);
}

Error in_manifest(const Error& error) { return Error(error.kind(), "manifest: " + error.message()); }

bool is_word(std::string_view text) {
  return !text.empty() && text.front() >= 'a' && text.front() <= 'z' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

/// Reads the members of one object and remembers the first thing that is wrong, so that parse_manifest reads as a list.
class Reader {
 public:
  Reader(const Json& object, std::string where, std::optional<Error>& error)
      : object_(object), where_(std::move(where)), error_(error) {}

  std::string text(const char* name) { return take<std::string>(name, {}); }
  std::string word(const char* name) {
    std::string value = text(name);
    if (!error_ && !is_word(value)) fail(name, "must be lower-case letters, digits and underscores");
    return value;
  }
  std::string one_of(const char* name, std::initializer_list<std::string_view> allowed) {
    std::string value = text(name);
    if (!error_ && std::find(allowed.begin(), allowed.end(), value) == allowed.end())
      fail(name, "\"" + value + "\" is not one of the values of this field");
    return value;
  }
  std::int64_t positive(const char* name) {
    auto value = take<std::int64_t>(name, 1);
    if (!error_ && (value < 1 || value > 1'000'000'000)) fail(name, "must be from 1 to 1000000000");
    return value;
  }
  std::int64_t from_zero(const char* name) {
    auto value = take<std::int64_t>(name, 0);
    if (!error_ && (value < 0 || value > 1'000'000'000)) fail(name, "must be from 0 to 1000000000");
    return value;
  }
  bool flag(const char* name, bool fallback) {
    if (error_) return fallback;
    auto value = optional_field<bool>(object_, name, where_);
    if (!value) {
      error_ = in_manifest(value.error());
      return fallback;
    }
    return value->value_or(fallback);
  }
  /// Calls `read(element, "streams[0]")` for each element.
  template <class Read>
  void each(const char* name, Read read) {
    if (error_) return;
    auto array = array_field(object_, name, where_);
    if (!array) {
      error_ = in_manifest(array.error());
      return;
    }
    std::size_t index = 0;
    for (const Json& element : **array) {
      if (error_) return;
      read(element, std::string(name) + "[" + std::to_string(index++) + "]");
    }
  }
  void fail(std::string path, const std::string& why) {
    if (!error_) error_ = wrong(where_.empty() ? std::move(path) : where_ + "." + path, why);
  }

 private:
  template <class T>
  T take(const char* name, T fallback) {
    if (error_) return fallback;
    auto value = field<T>(object_, name, where_);
    if (!value) {
      error_ = in_manifest(value.error());
      return fallback;
    }
    return *std::move(value);
  }

  const Json& object_;
  std::string where_;
  std::optional<Error>& error_;
};

}  // namespace

const StreamSpec* Manifest::find_stream(std::string_view stream) const noexcept {
  for (const auto& spec : streams)
    if (spec.name == stream) return &spec;
  return nullptr;
}

const BudgetSpec* Manifest::find_budget(std::string_view budget) const noexcept {
  for (const auto& spec : budgets)
    if (spec.name == budget) return &spec;
  return nullptr;
}

Result<Manifest> parse_manifest(std::string_view json_text) {
  auto document = parse_json(json_text);
  if (!document) return in_manifest(document.error());
  std::optional<Error> error;
  Reader top(*document, "", error);
  Manifest manifest;
  manifest.id = top.word("id");
  manifest.name = top.text("name");
  manifest.display_name = top.text("display_name");
  manifest.type = top.one_of("type", {"ecommerce", "messaging", "voice", "analytics"});
  manifest.region = top.one_of("region", {"russia", "international", "global"});
  manifest.api_version = top.text("api_version");
  manifest.status = top.one_of("status", {"alpha", "stable"});
  manifest.docs_url = top.text("docs_url");

  std::set<std::string> names;
  auto unique = [&](const std::string& group, const std::string& name, Reader& reader) {
    if (!error && !names.insert(group + "/" + name).second) reader.fail("name", "\"" + name + "\" is there twice");
  };
  top.each("capabilities", [&](const Json& element, const std::string& path) {
    const auto* word = element.get_ptr<const std::string*>();
    if (word == nullptr || !is_word(*word))
      error = wrong(path, "must be lower-case letters, digits and underscores");
    else
      manifest.capabilities.push_back(*word);
  });
  top.each("credentials", [&](const Json& element, const std::string& path) {
    Reader reader(element, path, error);
    CredentialField spec;
    spec.name = reader.word("name");
    spec.label = reader.text("label");
    spec.help = reader.text("help");
    spec.required = reader.flag("required", true);
    spec.secret = reader.flag("secret", true);
    unique("credentials", spec.name, reader);
    manifest.credentials.push_back(std::move(spec));
  });
  top.each("streams", [&](const Json& element, const std::string& path) {
    Reader reader(element, path, error);
    StreamSpec spec;
    spec.name = reader.word("name");
    spec.sync_type = reader.one_of("sync_type", {"full", "incremental", "orders", "products"});
    spec.default_interval = std::chrono::minutes(reader.positive("default_interval_minutes"));
    spec.overlap = std::chrono::seconds(reader.from_zero("overlap_seconds"));
    unique("streams", spec.name, reader);
    manifest.streams.push_back(std::move(spec));
  });
  top.each("budgets", [&](const Json& element, const std::string& path) {
    Reader reader(element, path, error);
    BudgetSpec spec;
    spec.name = reader.word("name");
    spec.interval = std::chrono::milliseconds(reader.positive("interval_ms"));
    spec.burst = static_cast<int>(reader.positive("burst"));
    spec.per_scope = reader.flag("per_scope", false);
    unique("budgets", spec.name, reader);
    manifest.budgets.push_back(std::move(spec));
  });
  top.each("hosts", [&](const Json& element, const std::string& path) {
    Reader reader(element, path, error);
    HostSpec spec;
    spec.name = reader.word("name");
    spec.url = reader.text("url");
    if (spec.url.rfind("https://", 0) != 0 || spec.url.back() == '/')
      reader.fail("url", "must begin with https:// and not end with a slash");
    unique("hosts", spec.name, reader);
    manifest.hosts.push_back(std::move(spec));
  });
  if (error) return *error;
  if (manifest.hosts.empty()) return wrong("hosts", "must name at least one host");
  return manifest;
}

}  // namespace easyflow::sdk
