// Reading what a request asks for. Every defect names its field and how to mend it.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/sdk/connector.hpp"
#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/secret.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::api {

/// The members of a JSON request body. Readers return a stand-in for what is missing or of a wrong type; finish() then
/// tells the first defect, also of members nobody asked for.
/// \code
/// auto fields = Fields::parse(request.body);
/// if (!fields) return fields.error();
/// auto name = fields->required_text("name", 255);
/// if (auto checked = fields->finish(); !checked) return checked.error();
/// \endcode
class Fields {
 public:
  /// An empty body counts as an object without members. Error invalid_input: not JSON (with the byte), not an object.
  static Result<Fields> parse(const std::string& body);
  ~Fields();
  Fields(Fields&&) noexcept;
  Fields& operator=(Fields&&) noexcept;

  bool has(const std::string& name);
  std::string required_text(const std::string& name, std::size_t longest);
  std::string text(const std::string& name, std::size_t longest);
  bool flag(const std::string& name);
  std::optional<int> whole_number(const std::string& name, int least, int most);
  std::optional<double> number(const std::string& name, double least, double most);
  std::vector<std::string> texts(const std::string& name);
  /// An object of texts. Their values never appear in an error.
  std::map<std::string, Secret> required_secrets(const std::string& name);
  /// Rows of buttons: [[{"text", "data" or "url"}]].
  std::vector<std::vector<sdk::Button>> keyboard(const std::string& name);

  /// The first defect. Call it after every reader.
  Result<void> finish();

 private:
  explicit Fields(nlohmann::json object);
  const nlohmann::json* find(const std::string& name);
  void fail(const std::string& field, std::string message);
  std::string text_of(const nlohmann::json& value, const std::string& field, std::size_t longest);

  std::unique_ptr<nlohmann::json> object_;
  std::vector<std::string> known_;
  std::optional<Error> defect_;
};

/// The query parameters of a request, read the same way.
class Query {
 public:
  explicit Query(const HttpRequest& request);

  /// "limit" (1..200) and "cursor".
  storage::PageRequest page();
  std::string text(const std::string& name);
  /// One of `allowed`, or empty.
  std::string choice(const std::string& name, const std::vector<std::string>& allowed);
  /// A UUID, or empty.
  std::string id(const std::string& name);
  Result<void> finish();

 private:
  std::vector<std::pair<std::string, std::string>> given_;
  std::vector<std::string> known_;
  std::optional<Error> defect_;
};

}  // namespace easyflow::api
