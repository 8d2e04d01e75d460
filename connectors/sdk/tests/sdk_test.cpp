#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "connectors/sdk/json_fields.hpp"
#include "connectors/sdk/manifest.hpp"
#include "connectors/sdk/registry.hpp"
#include "connectors/sdk/text.hpp"

namespace easyflow::sdk {
namespace {

using ::testing::HasSubstr;

TEST(JsonFields, NamesThePlaceThatIsWrong) {
  auto order = *parse_json(R"({"id":7,"price":"12","big":18446744073709551615,"half":1.5,"none":null})");
  EXPECT_EQ(*field<std::int64_t>(order, "id", "orders[3]"), 7);
  auto price = field<std::int64_t>(order, "price", "orders[3]");
  ASSERT_FALSE(price);
  EXPECT_EQ(price.error().kind(), ErrorKind::protocol);
  EXPECT_EQ(price.error().message(), "orders[3].price: expected an integer, found a string");
  EXPECT_EQ(field<std::string>(order, "rid", "orders[3]").error().message(), "orders[3].rid: missing");
  EXPECT_FALSE(field<std::int64_t>(order, "big"));
  EXPECT_FALSE(field<std::int64_t>(order, "half"));
  EXPECT_FALSE(*optional_field<std::string>(order, "none"));
  EXPECT_FALSE(*optional_field<std::string>(order, "absent"));
  EXPECT_FALSE(optional_field<std::string>(order, "id"));
}

TEST(JsonFields, RefusesWhatIsNotJsonAndWhatIsNestedTooDeeply) {
  EXPECT_EQ(parse_json("").error().kind(), ErrorKind::protocol);
  EXPECT_THAT(parse_json(R"({"a":)").error().message(), HasSubstr("not JSON at byte"));
  EXPECT_FALSE(parse_json("{} {}"));
  EXPECT_FALSE(parse_json("\"\xC3\""));
  EXPECT_FALSE(parse_json(std::string(100'000, '[')));
  EXPECT_TRUE(parse_json(R"(["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[["])"));
}

TEST(JsonFields, WritesOnlyWhatJsonbTakes) {
  EXPECT_EQ(json_text(*parse_json(R"({"a":"x\u0000y"})")), R"({"a":"x\ufffdy"})");
  EXPECT_EQ(json_text(*parse_json(R"({"a":"\\u0000"})")), R"({"a":"\\u0000"})");
  EXPECT_EQ(json_text(*parse_json(R"({"a":"\\\u0000\u0000"})")), R"({"a":"\\\ufffd\ufffd"})");
}

TEST(Text, CountsUtf16UnitsAndRefusesBrokenUtf8) {
  EXPECT_EQ(utf16_length("заказ"), 5U);
  EXPECT_EQ(utf16_length("👍!"), 3U);
  for (const char* broken : {"\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80"})
    EXPECT_FALSE(utf16_length(broken)) << broken;
}

TEST(Text, ClipsAtACharacter) {
  EXPECT_EQ(clipped("абв", 4), "аб...");
  EXPECT_EQ(clipped("a\nb"), "a b");
  EXPECT_EQ(clipped("ok"), "ok");
}

TEST(MoneyText, IsReadWithoutFloatingPoint) {
  EXPECT_EQ(parse_money("376.99", "RUB")->minor, 37699);
  EXPECT_EQ(parse_money("-5", "RUB")->minor, -500);
  EXPECT_EQ(parse_money("0.5", "USD")->minor, 50);
  EXPECT_EQ(parse_money("12.500", "RUB")->minor, 1250);
  EXPECT_EQ(parse_money("120", "JPY")->minor, 120);
  EXPECT_EQ(parse_money("90071992547409.93", "RUB")->minor, 9007199254740993);
  for (const char* wrong : {"", "-", ".5", "1.", "1e3", "+1", " 1", "1,5", "1.001", "99999999999999999999"})
    EXPECT_EQ(parse_money(wrong, "RUB").error().kind(), ErrorKind::invalid_input) << wrong;
}

constexpr const char* kManifest = R"({
  "id": "shop", "name": "Shop", "display_name": "Shop", "type": "ecommerce", "region": "global",
  "capabilities": ["check"], "credentials": [{"name": "key", "label": "Key", "help": "h"}],
  "streams": [{"name": "orders", "sync_type": "orders", "default_interval_minutes": 5, "overlap_seconds": 0}],
  "budgets": [{"name": "all", "interval_ms": 100, "burst": 2}],
  "hosts": [{"name": "api", "url": "https://shop.example"}],
  "api_version": "1", "status": "alpha", "docs_url": "https://shop.example/docs"})";

TEST(Manifests, AreReadWhole) {
  auto manifest = parse_manifest(kManifest);
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_TRUE(manifest->credentials.at(0).required);
  EXPECT_TRUE(manifest->credentials.at(0).secret);
  EXPECT_EQ(manifest->find_stream("orders")->default_interval, std::chrono::minutes(5));
  EXPECT_EQ(manifest->find_budget("all")->burst, 2);
  EXPECT_EQ(manifest->find_budget("none"), nullptr);
}

TEST(Manifests, NameTheirMistake) {
  auto mistake = [](const nlohmann::json& changes) {
    auto json = nlohmann::json::parse(kManifest);
    json.merge_patch(changes);
    auto manifest = parse_manifest(json.dump());
    return manifest ? std::string() : manifest.error().message();
  };
  EXPECT_EQ(mistake({{"id", nullptr}}), "manifest: id: missing");
  EXPECT_THAT(mistake({{"id", "Big Shop"}}), HasSubstr("manifest: id:"));
  EXPECT_THAT(mistake({{"type", "shop"}}), HasSubstr("manifest: type:"));
  EXPECT_THAT(mistake({{"budgets", {{{"name", "all"}, {"interval_ms", 0}, {"burst", 1}}}}}),
              HasSubstr("manifest: budgets[0].interval_ms:"));
  EXPECT_THAT(mistake({{"hosts", {{{"name", "api"}, {"url", "http://shop.example"}}}}}), HasSubstr("hosts[0].url"));
  EXPECT_THAT(mistake({{"hosts", nlohmann::json::array()}}), HasSubstr("manifest: hosts:"));
  EXPECT_THAT(mistake({{"capabilities", {1}}}), HasSubstr("capabilities[0]"));
  EXPECT_THAT(mistake({{"streams", 3}}), HasSubstr("manifest: streams: expected an array"));
  nlohmann::json key{{"name", "key"}, {"label", "l"}, {"help", "h"}};
  EXPECT_THAT(mistake({{"credentials", nlohmann::json::array({key, key})}}), HasSubstr("twice"));
  EXPECT_FALSE(parse_manifest("[]"));
}

class Silent final : public Connector, public CredentialsChecker {
 public:
  explicit Silent(std::string id) { manifest_.id = std::move(id); }
  const Manifest& manifest() const noexcept override { return manifest_; }
  const CredentialsChecker& credentials() const noexcept override { return *this; }
  std::unique_ptr<Exchange<AccountInfo>> check(const Account&) const override { return nullptr; }

 private:
  Manifest manifest_;
};

TEST(Connectors, AreFoundByIdAndNearIdsAreOffered) {
  Registry registry;
  registry.add(std::make_unique<Silent>("wildberries"));
  registry.add(std::make_unique<Silent>("telegram"));
  EXPECT_EQ(registry.find("telegram")->manifest().id, "telegram");
  EXPECT_TRUE(registry.require("wildberries"));
  auto missing = registry.require("wildberys");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind(), ErrorKind::not_found);
  EXPECT_THAT(missing.error().message(), HasSubstr("Did you mean 'wildberries'?"));
  EXPECT_THAT(registry.require("amazon").error().message(), HasSubstr("'telegram'"));
  EXPECT_THROW(registry.add(std::make_unique<Silent>("telegram")), std::logic_error);
}

TEST(Accounts, GiveEmptyTextsForWhatTheyLack) {
  Account account;
  account.credentials.emplace("key", Secret("k"));
  EXPECT_EQ(account.credential("key"), "k");
  EXPECT_EQ(account.credential("other"), "");
  EXPECT_EQ(account.hub_secret("webhook_secret"), "");
  EXPECT_EQ(account.base_url("api"), "");
}

}  // namespace
}  // namespace easyflow::sdk
