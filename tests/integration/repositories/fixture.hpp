// Repositories over a database of their own, with two tenants that each connected a messenger and a marketplace.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/base/ids.hpp"
#include "storage/repositories/budgets.hpp"
#include "storage/repositories/catalog.hpp"
#include "storage/repositories/conversations.hpp"
#include "storage/repositories/events.hpp"
#include "storage/repositories/inbound.hpp"
#include "storage/repositories/integrations.hpp"
#include "storage/repositories/keys.hpp"
#include "storage/repositories/nlp.hpp"
#include "storage/repositories/outbound.hpp"
#include "storage/repositories/rescore.hpp"
#include "storage/repositories/sync.hpp"
#include "storage/repositories/upkeep.hpp"
#include "storage/repositories/users.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pg_fixture.hpp"

namespace easyflow::test {

struct Shop {
  std::string tenant_id;
  std::string user_id;
  std::string chat_account;    ///< integration of platform "chat"
  std::string market_account;  ///< integration of platform "market", streams orders and products
};

class RepositoryTest : public testing::Test {
 protected:
  RepositoryTest() : db(loop.executor(), options()) {
    loop.run(integrations.put_platforms({manifest("chat", "messaging"), manifest("market", "ecommerce")}));
    a = open_shop("a@shop.example");
    b = open_shop("b@shop.example");
  }

  static sdk::Manifest manifest(std::string id, std::string type) {
    sdk::Manifest out;
    out.id = id;
    out.name = id;
    out.display_name = id;
    out.type = std::move(type);
    out.region = "global";
    return out;
  }

  storage::DatabaseOptions options() const {
    storage::DatabaseOptions out;
    out.dsn = database.app_dsn();
    out.pool_size = 8;
    out.max_overflow = 0;
    return out;
  }

  Shop open_shop(std::string email) {
    Shop shop;
    storage::User user;
    user.email = std::move(email);
    user.name = "Owner";
    user.role = "owner";
    user = loop.run(users.add(user, "Shop")).value();
    shop.tenant_id = user.tenant_id;
    shop.user_id = user.id;
    shop.chat_account = connect(shop, "chat", {}).id;
    shop.market_account = connect(shop, "market", {"orders", "products"}).id;
    return shop;
  }

  storage::Integration connect(const Shop& shop, std::string platform, std::vector<std::string> streams,
                               std::string account = "default") {
    storage::Integration integration;
    integration.tenant_id = shop.tenant_id;
    integration.user_id = shop.user_id;
    integration.platform_id = std::move(platform);
    integration.account = std::move(account);
    integration.status = "connected";
    integration.webhook_path = new_uuid();
    storage::SealedCredentials credentials;
    credentials.sealed = std::string("\x01\x00sealed", 8);
    credentials.key_id = "dk_1";
    return loop.run(integrations.add(integration, credentials, std::move(streams))).value();
  }

  storage::Delivery delivery(const Shop& shop, std::vector<sdk::InboundEvent> told) {
    storage::Delivery out;
    out.tenant_id = shop.tenant_id;
    out.user_id = shop.user_id;
    out.integration_id = shop.chat_account;
    out.platform_id = "chat";
    out.body_id = new_uuid();
    out.sealed_body = std::string("sealed\0bytes", 12);
    out.received_at = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    out.events = std::move(told);
    return out;
  }

  static sdk::InboundEvent event(sdk::EventKind kind, std::string key, std::string chat, std::string message_id,
                                 std::string text) {
    sdk::InboundEvent out;
    out.dedup_key = std::move(key);
    out.kind = kind;
    out.chat_id = chat;
    out.chat_type = "private";
    out.platform_message_id = std::move(message_id);
    out.sender.platform_user_id = chat;
    out.sender.numeric_id = std::stoll(chat);
    out.sender.username = "user" + chat;
    out.sender.full_name = "Buyer " + chat;
    out.text = std::move(text);
    out.sent_at = from_unix_seconds(1'790'000'000);
    return out;
  }
  static sdk::InboundEvent message(std::string key, std::string chat, std::string message_id, std::string text) {
    return event(sdk::EventKind::message, std::move(key), std::move(chat), std::move(message_id), std::move(text));
  }

  /// One value as the tenant's transaction sees it; "" for NULL or no row.
  std::string value(const Shop& shop, std::string sql) {
    return value_in(storage::Scope::tenant(shop.tenant_id), std::move(sql));
  }
  std::string value_in(storage::Scope scope, std::string sql) {
    auto work = [sql = std::move(sql)](storage::Tx& tx) {
      const auto rows = tx.raw().exec(sql);
      return rows.empty() || rows[0][0].is_null() ? std::string() : std::string(rows[0][0].c_str());
    };
    return loop.run(db.run(storage::Lane::interactive, std::move(scope), std::move(work)));
  }
  void change(const Shop& shop, std::string sql) {
    auto work = [sql = std::move(sql)](storage::Tx& tx) { tx.raw().exec(sql); };
    loop.run(db.run(storage::Lane::interactive, storage::Scope::tenant(shop.tenant_id), std::move(work)));
  }

  std::vector<storage::Conversation> conversations_of(const Shop& shop) {
    return loop.run(conversations.list(shop.tenant_id, "", "", storage::PageRequest(200, ""))).value().items;
  }
  std::vector<storage::Message> messages_of(const Shop& shop, const std::string& conversation_id) {
    return loop.run(conversations.messages(shop.tenant_id, conversation_id, storage::PageRequest(200, "")))
        .value()
        .items;
  }

  TestDatabase database;
  Loop loop;
  storage::Database db;
  storage::UserRepository users{db};
  storage::IntegrationRepository integrations{db};
  storage::InboundRepository inbound{db};
  storage::SyncRepository sync{db};
  storage::OutboundRepository outbound{db};
  storage::BudgetRepository budgets{db};
  storage::ConversationRepository conversations{db};
  storage::CatalogRepository catalog{db};
  storage::EventRepository events{db};
  storage::KeyRepository keys{db};
  storage::UpkeepRepository upkeep{db};
  storage::NlpRepository nlp{db};
  storage::RescoreRepository rescores{db};
  Shop a;
  Shop b;
};

}  // namespace easyflow::test
