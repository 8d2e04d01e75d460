// docs/openapi.yaml lists the routes of the hub, all of them and no others.
#include <sys/wait.h>

#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>

#include "tests/integration/api/hub_fixture.hpp"

namespace easyflow::test {
namespace {

/// "GET /path" for every operation: paths stand two spaces deep and their methods four.
std::set<std::string> documented() {
  std::ifstream file(EASYFLOW_OPENAPI);
  std::set<std::string> all;
  std::string line;
  std::string path;
  bool in_paths = false;
  while (std::getline(file, line)) {
    if (!line.empty() && line[0] != ' ') in_paths = line == "paths:";
    if (!in_paths) continue;
    if (line.rfind("  /", 0) == 0) path = line.substr(2, line.size() - 3);
    for (std::string method : {"get", "put", "post", "patch", "delete"}) {
      if (line != "    " + method + ":") continue;
      for (char& c : method) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      all.insert(method + " " + path);
    }
  }
  return all;
}

class OpenApiTest : public ApiTest {
 protected:
  /// One finished run of "orders" with an order and a row that could not be read, and one of "products".
  void sync_once(const storage::Integration& integration) {
    sdk::OrderRecord order;
    order.external_id = "13833711";
    order.status = "new";
    order.total = sdk::Money{19'990, "RUB"};
    order.ordered_at = order.source_updated_at = hub().clock.now();
    order.items.push_back({"SKU-1", "55", "Napkins", 2, sdk::Money{9'995, "RUB"}});
    order.items.emplace_back();
    order.raw_json = R"({"id":13833711})";
    sdk::RecordFailure failure;
    failure.external_id = "7";
    failure.reason = "orders[1].price: expected an integer, found a string";
    failure.raw_json = "{}";
    run_stream(integration, "orders", {order}, {failure}, "partial");
    sdk::ProductRecord product;
    product.external_id = "55";
    product.sku = "SKU-1";
    product.title = "Napkins";
    product.barcodes = {"4600000000001"};
    product.source_updated_at = hub().clock.now();
    product.raw_json = "{}";
    run_stream(integration, "products", {product}, {}, "success");
  }
};

TEST_F(OpenApiTest, TheFileListsExactlyTheRoutes) {
  std::set<std::string> served;
  for (const auto& route : hub().router.routes()) {
    bool page =
        route.pattern == "/" || route.pattern.rfind("/log", 0) == 0 || route.pattern.rfind("/conversations", 0) == 0;
    if (!page) served.insert(route.method + " " + route.pattern);
  }
  EXPECT_EQ(served, documented());
}

TEST_F(OpenApiTest, TheHubServesTheFile) {
  std::ifstream file(EASYFLOW_OPENAPI);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto reply = hub().ask("GET", "/api/v1/openapi.yaml");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, text);
}

TEST_F(OpenApiTest, EveryAnswerFitsTheFile) {
  auto chat = connect("telegram", {});
  auto market = connect("wildberries", {"orders", "products"});
  auto conversation = person_writes(chat, "301", "Anna", "hello");
  auto sent = send_json("POST", "/api/v1/conversations/" + conversation + "/messages",
                        R"({"text":"hi","keyboard":[[{"text":"Site","url":"https://shop.example"}]]})");
  ASSERT_EQ(sent.status, 202) << sent.body;
  ASSERT_EQ(send_json("PUT", "/api/v1/automation/intents/order_status", R"({"reply":"We are looking.","tag":"order"})")
                .status,
            200);
  ASSERT_EQ(send_json("PUT", "/api/v1/automation/intents/operator_request", R"({"escalate":true})").status, 200);
  auto other = person_writes(chat, "302", "Boris", "where is it");
  auto done = act_asked(other, "order_status");
  ASSERT_EQ(carry_out(done), "done");
  ASSERT_EQ(send_json("POST", "/api/v1/automation/acts/" + done + "/undo", "").status, 200);
  act_asked(conversation, "operator_request");
  auto broken = delivery(chat);
  broken.quarantine_reason = "update_id: missing";
  broken.quarantine_key = "body:1";
  std::vector<storage::Delivery> deliveries;
  deliveries.push_back(std::move(broken));
  hub().run(hub().inbound.store(std::move(deliveries)));
  sync_once(market);
  auto messages = get("/api/v1/conversations/" + conversation + "/messages").json()["items"];
  for (const auto& message : messages) {
    if (message["direction"] != "inbound") continue;
    const auto target = "/api/v1/messages/" + message["id"].get<std::string>() + "/intent";
    EXPECT_EQ(send_json("PUT", target, R"({"intent":"greeting"})").status, 200);
  }

  auto command = std::string("python3 " EASYFLOW_CHECK_OPENAPI " http://") + hub().host() + " " + token + " 2>&1";
  FILE* script = ::popen(command.c_str(), "r");
  ASSERT_NE(script, nullptr);
  std::string said;
  char part[4096];
  while (auto count = std::fread(part, 1, sizeof part, script)) said.append(part, count);
  auto ended = ::pclose(script);
  EXPECT_TRUE(WIFEXITED(ended) && WEXITSTATUS(ended) == 0) << said;
  EXPECT_NE(said.find(" 0 faults"), std::string::npos) << said;
}

}  // namespace
}  // namespace easyflow::test
