#include "connectors/wildberries/wildberries.hpp"

#include <nlohmann/json.hpp>

#include "connectors/sdk/json_fields.hpp"
#include "connectors/sdk/text.hpp"
#include "connectors/wildberries/api.hpp"
#include "connectors/wildberries/streams.hpp"

namespace easyflow::connectors {
namespace wildberries {

extern const std::string_view kManifestJson;

namespace {

using Json = nlohmann::json;

const char* token_type(std::int64_t type) noexcept {
  switch (type) {
    case 1: return "basic";
    case 2: return "test";
    case 3: return "personal";
    case 4: return "service";
    default: return "unknown";
  }
}

/// Reads the token, asks who the seller is, then proves the category that matters with one ping of its host.
class Check final : public sdk::Exchange<sdk::AccountInfo> {
 public:
  explicit Check(sdk::Account account) : account_(std::move(account)) {}

  Result<Step> next(const HttpResponse* reply) override {
    if (reply == nullptr) return ask();
    if (step_ == Asked::seller_info) {
      if (auto refused = take_seller(*reply)) return *refused;
      step_ = Asked::ping;
      return ask();
    }
    auto pong = read_reply(account_, *reply, "ping");
    if (!pong) return pong.error();
    if (!pong->is_object()) return Error(ErrorKind::protocol, "Wildberries, ping: expected an object");
    return Step(info_);
  }

 private:
  enum class Asked { seller_info, ping };

  Result<Step> ask() {
    auto claims = decode_token(account_.credential("api_key"));
    if (!claims) return claims.error();
    bool orders = claims->has(kMarketplaceBit);
    if (!orders && !claims->has(kContentBit))
      return Error(ErrorKind::unauthorized,
                   "the token opens neither Marketplace (orders) nor Content (products): create one with both, the "
                   "categories of a token cannot be changed later")
          .with_field("credentials.api_key");
    if (step_ == Asked::seller_info) {
      describe(*claims);
      return Step(get(account_, "common", "/api/v1/seller-info", "seller_info"));
    }
    return Step(get(account_, orders ? "marketplace" : "content", "/ping", "ping"));
  }

  void describe(const TokenClaims& claims) {
    info_ = sdk::AccountInfo();
    test_token_ = claims.test;
    info_.external_id = claims.seller;
    info_.expires_at = claims.expires_at;
    std::string names;
    for (const auto& name : category_names(claims.categories)) names += (names.empty() ? "" : ", ") + name;
    info_.attributes["categories"] = names;
    info_.attributes["token_type"] = token_type(claims.type);
    info_.attributes["read_only"] = claims.has(kReadOnlyBit) ? "true" : "false";
    if (!claims.id.empty()) info_.attributes["token_id"] = claims.id;
    if (!claims.supplier_id.empty()) info_.attributes["supplier_id"] = claims.supplier_id;

    auto warn = [&](std::string text) { info_.warnings.push_back(std::move(text)); };
    if (!claims.has(kMarketplaceBit)) warn("the category Marketplace is missing: orders cannot be read");
    if (!claims.has(kContentBit)) warn("the category Content is missing: products cannot be read");
    if (claims.has(kReadOnlyBit)) warn("the token is read-only: enough for orders and products, not for changes");
    if (claims.test) warn("this is a test token: it works in the Wildberries sandbox only");
    if (claims.type == 1) warn("this is a basic token: Wildberries allows it far fewer requests than a personal one");
    const std::string& expected = account_.credential("supplier_id");
    if (!expected.empty() && !claims.supplier_id.empty() && expected != claims.supplier_id)
      warn("the token belongs to supplier " + claims.supplier_id + ", not to the given supplier id");
  }

  /// Keeps what seller-info tells; the error that ends the check, if any.
  std::optional<Error> take_seller(const HttpResponse& reply) {
    auto seller = read_reply(account_, reply, "seller info");
    if (!seller) {
      // the platform's own sandbox has no such host, so a test token is refused here and proven by the ping alone
      if (test_token_ && reply.status == 401) {
        info_.display_name = "Wildberries sandbox";
        return std::nullopt;
      }
      return seller.error();
    }
    auto sid = sdk::field<std::string>(*seller, "sid", "seller-info");
    if (!sid) return sid.error();
    if (!info_.external_id.empty() && info_.external_id != *sid)
      info_.warnings.emplace_back("Wildberries names another seller account than the token does");
    info_.external_id = sdk::clipped(*sid, 64);
    const std::string* brand = sdk::find_text(*seller, "tradeMark");
    const std::string* name = sdk::find_text(*seller, "name");
    if (brand != nullptr && !brand->empty())
      info_.display_name = sdk::clipped(*brand, 200);
    else
      info_.display_name = name == nullptr ? "Wildberries seller" : sdk::clipped(*name, 200);
    return std::nullopt;
  }

  sdk::Account account_;
  sdk::AccountInfo info_;
  Asked step_ = Asked::seller_info;
  bool test_token_ = false;
};

class Wildberries final : public sdk::Connector, public sdk::CredentialsChecker, public sdk::StreamReader {
 public:
  explicit Wildberries(sdk::Manifest manifest) : manifest_(std::move(manifest)) {}

  const sdk::Manifest& manifest() const noexcept override { return manifest_; }
  const sdk::CredentialsChecker& credentials() const noexcept override { return *this; }
  const sdk::StreamReader* streams() const noexcept override { return this; }

  std::unique_ptr<sdk::Exchange<sdk::AccountInfo>> check(const sdk::Account& account) const override {
    return std::make_unique<Check>(account);
  }

  Result<std::unique_ptr<sdk::StreamWalk>> read(const sdk::Account& account, std::string_view stream,
                                                std::string_view cursor, Timestamp now) const override {
    if (auto claims = decode_token(account.credential("api_key")); !claims) return claims.error();
    if (stream == "orders") return read_orders(account, cursor, now);
    if (stream == "products") return read_products(account, cursor);
    return Error(ErrorKind::invalid_input,
                 "Wildberries has no stream \"" + sdk::clipped(stream, 64) + "\"; it has orders and products")
        .with_field("stream");
  }

 private:
  sdk::Manifest manifest_;
};

}  // namespace
}  // namespace wildberries

std::unique_ptr<sdk::Connector> make_wildberries() {
  // a broken manifest is a broken build: value() throws at start and the tests never let it out
  return std::make_unique<wildberries::Wildberries>(sdk::parse_manifest(wildberries::kManifestJson).value());
}

}  // namespace easyflow::connectors
