// Do the calls of our connectors exist in the platforms' published machine-readable descriptions? The descriptions are
// not part of this project: EASYFLOW_TEST_SPECS names a folder with telegram/*.json (methods and types with their
// fields) and wildberries/*.yaml (OpenAPI).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "connectors/sdk/registry.hpp"
#include "connectors/sdk/tests/walks.hpp"
#include "connectors/telegram/tests/account.hpp"
#include "connectors/wildberries/tests/fake_wildberries.hpp"

namespace easyflow {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

class PublishedSpecs : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("EASYFLOW_TEST_SPECS");
    if (folder == nullptr || *folder == '\0')
      GTEST_SKIP() << "EASYFLOW_TEST_SPECS names no folder with the platforms' published descriptions";
    root_ = folder;
  }

  /// The description that holds `method`s; the newest by name when there are several.
  Json telegram() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(root_ / "telegram"))
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files.empty() ? Json() : Json::parse(text_of(files.back()));
  }

  /// All Wildberries documents one after the other.
  std::string wildberries() const {
    std::string all;
    for (const auto& entry : fs::directory_iterator(root_ / "wildberries"))
      if (entry.path().extension() == ".yaml") all += text_of(entry.path()) + "\n";
    return all;
  }

  fs::path root_;
};

std::vector<std::string> names(const Json& fields) {
  std::vector<std::string> found;
  for (const auto& field : fields) found.push_back(field.at("name").get<std::string>());
  return found;
}

TEST_F(PublishedSpecs, TelegramKnowsEveryMethodAndParameterWeUse) {
  const Json spec = telegram();
  const auto registry = connectors::make_registry();
  const auto& telegram_connector = *registry.find("telegram");
  const auto account = connectors::telegram::testing::account();
  sdk::OutboundMessage message;
  message.chat_id = "77";
  message.text = "hello";
  message.reply_to_message_id = "5";
  message.keyboard = {{sdk::Button()}};
  std::vector<sdk::Request> requests{telegram_connector.sender()->request(account, message)};
  auto collect = [&](auto exchange) { requests.push_back(std::get<sdk::Request>(*exchange->next(nullptr))); };
  collect(telegram_connector.credentials().check(account));
  collect(telegram_connector.webhooks()->register_webhook(account, "https://hub.example/"));
  collect(telegram_connector.webhooks()->remove_webhook(account));
  collect(telegram_connector.poller()->poll(account, R"({"v":1,"offset":1})", std::chrono::seconds(1)));

  const auto kinds = names(spec.at("types").at("Update").at("fields"));
  for (const auto& request : requests) {
    const std::string method = request.http.target.substr(request.http.target.rfind('/') + 1);
    ASSERT_TRUE(spec.at("methods").contains(method)) << method;
    const auto known = names(spec.at("methods").at(method).value("fields", Json::array()));
    const Json parameters = Json::parse(request.http.body);
    for (const auto& [name, value] : parameters.items()) {
      EXPECT_NE(std::find(known.begin(), known.end(), name), known.end()) << method << "." << name;
      if (name != "allowed_updates") continue;
      for (const auto& kind : value) {
        EXPECT_NE(std::find(kinds.begin(), kinds.end(), kind), kinds.end()) << kind;
      }
    }
  }
}

TEST_F(PublishedSpecs, WildberriesKnowsEveryPathWeUse) {
  const std::string spec = wildberries();
  const auto registry = connectors::make_registry();
  const auto& connector = *registry.find("wildberries");
  const auto account = connectors::wildberries::testing::account();
  connectors::wildberries::testing::FakeWildberries fake;
  fake.orders = {{1, 1'795'100'000, "confirm", "waiting"}};
  fake.cards = {{1, "2026-10-01T12:00:00Z"}};
  auto answer = [&](const sdk::Request& request) { return fake.answer(request); };
  auto check = connector.credentials().check(account);
  ASSERT_TRUE(sdk::testing::run(*check, answer));
  for (const auto& stream : connector.manifest().streams) {
    auto walk = *connector.streams()->read(account, stream.name, "", from_unix_seconds(1'795'200'000));
    sdk::testing::all_pages(*walk, answer);
  }
  EXPECT_GE(fake.calls.size(), 6U);
  for (const auto& call : fake.calls) {
    const auto space = call.find(' ');
    const std::string path = "\n  " + call.substr(space + 1) + ":\n";
    const auto at = spec.find(path);
    ASSERT_NE(at, std::string::npos) << call;
    std::string verb = call.substr(0, space);
    for (char& c : verb) c = static_cast<char>(c + ('a' - 'A'));
    // the operations of a path are indented by four; the next path by two
    const auto operation = spec.find("\n    " + verb + ":\n", at);
    const auto next_path = spec.find("\n  /", at + path.size() - 1);
    EXPECT_LT(operation, next_path) << call;
  }
  for (const auto& host : connector.manifest().hosts) EXPECT_NE(spec.find(host.url), std::string::npos) << host.url;
  for (const char* field :
       {"supplierStatus", "wbStatus", "createdAt", "currencyCode", "vendorCode", "updatedAt", "dateFrom"})
    EXPECT_NE(spec.find(field), std::string::npos) << field;
}

}  // namespace
}  // namespace easyflow
