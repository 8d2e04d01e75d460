// What messages mean: reading, rules, examples, labels, models, training.
#include "tests/integration/api/hub_fixture.hpp"

namespace easyflow::test {
namespace {

class NlpApiTest : public ApiTest {
 protected:
  Reply send_csv(const std::string& method, const std::string& target, const std::string& csv) {
    return hub().ask(method, target, bearer(token) + "Content-Type: text/csv\r\n", csv);
  }
  nlohmann::json parsed(const std::string& text) {
    auto reply = send_json("POST", "/api/v1/nlp/parse",
                           nlohmann::json{{"text", text}, {"now", "2026-11-20T12:00:00+03:00"}}.dump());
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json();
  }
  /// A running hub does so on NOTIFY.
  void settings_changed() {
    auto forget = []() -> Task<> {
      hub().readers.forget();
      co_return;
    };
    hub().run(forget());
  }
  /// An inbound message that the model has read as a greeting; returns its id.
  std::string message_of(const std::string& text) {
    auto conversation = person_writes(connect("telegram", {}), "301", "Anna", text);
    auto messages = get("/api/v1/conversations/" + conversation + "/messages").json();
    return messages["items"][0]["id"];
  }
  nlohmann::json only_message() {
    auto conversations = get("/api/v1/conversations").json();
    auto id = conversations["items"][0]["id"].get<std::string>();
    return get("/api/v1/conversations/" + id + "/messages").json()["items"][0];
  }
};

TEST_F(NlpApiTest, ATextIsReadWithTheTenantsSettings) {
  const auto meaning = parsed("Где мой заказ #66102? Жду завтра, +7 916 123-45-67");
  EXPECT_TRUE(meaning["intent"].is_string());
  EXPECT_GE(meaning["confidence"].get<double>(), 0.0);
  EXPECT_LE(meaning["confidence"].get<double>(), 1.0);
  EXPECT_EQ(meaning["model"], nlp::Model::embedded()->version());
  std::map<std::string, std::string> values;
  for (const auto& entity : meaning["entities"]) values[entity["type"]] = entity.value("value", "");
  EXPECT_EQ(values["order_number"], "66102");
  EXPECT_EQ(values["phone"], "+79161234567");
  EXPECT_EQ(values["datetime"], "2026-11-21");

  expect_problem(send_json("POST", "/api/v1/nlp/parse", R"({"text":"x","now":"tomorrow"})"), 400);
  EXPECT_EQ(send_json("POST", "/api/v1/nlp/parse", R"({"text":"x","now":"tomorrow"})").json()["field"], "now");
  EXPECT_EQ(send_json("POST", "/api/v1/nlp/parse", "{}").json()["field"], "text");
  EXPECT_EQ(send_csv("POST", "/api/v1/nlp/parse", "hello").status, 415);
}

TEST_F(NlpApiTest, RulesAreCheckedKeptAndUsed) {
  EXPECT_EQ(get("/api/v1/nlp/rules").json(), nlohmann::json({{"csv", ""}}));
  const std::string csv = "kind,type,pattern,value\nlookup,line,nordic light,nordic_light\n";
  EXPECT_EQ(send_csv("PUT", "/api/v1/nlp/rules", csv).status, 200);
  EXPECT_EQ(get("/api/v1/nlp/rules").json()["csv"], csv);
  settings_changed();
  const auto entities = parsed("is Nordic Light in stock")["entities"];
  ASSERT_EQ(entities.size(), 1u) << entities.dump();
  EXPECT_EQ(entities[0]["type"], "line");
  EXPECT_EQ(entities[0]["value"], "nordic_light");

  auto refused =
      send_json("PUT", "/api/v1/nlp/rules", nlohmann::json{{"csv", "kind,type,pattern,value\nregex,line,(,\n"}}.dump());
  expect_problem(refused, 400);
  EXPECT_EQ(refused.json()["field"], "csv");
  EXPECT_NE(refused.json()["detail"].get<std::string>().find("line 2, pattern"), std::string::npos) << refused.body;
  EXPECT_EQ(get("/api/v1/nlp/rules").json()["csv"], csv) << "what is refused changes nothing";

  EXPECT_EQ(send_json("DELETE", "/api/v1/nlp/rules", "").status, 204);
  EXPECT_EQ(get("/api/v1/nlp/rules").json()["csv"], "");
}

TEST_F(NlpApiTest, ExamplesAreImportedListedAndRemoved) {
  auto imported = send_csv("POST", "/api/v1/nlp/examples",
                           "text,intent,lang\nhello,greeting,en\nпривет,greeting,ru\nhello,thanks,en\n");
  ASSERT_EQ(imported.status, 200) << imported.body;
  EXPECT_EQ(imported.json(), nlohmann::json({{"read", 3}, {"written", 2}}));
  auto items = get("/api/v1/nlp/examples").json()["items"];
  ASSERT_EQ(items.size(), 2u);
  std::string id;
  for (const auto& item : items) {
    EXPECT_EQ(item["source"], "import");
    EXPECT_EQ(item["user_id"], owner.id);
    if (item["text"] == "hello") {
      EXPECT_EQ(item["intent"], "thanks") << "the last label of a text counts";
      id = item["id"];
    }
  }
  auto refused = send_json("POST", "/api/v1/nlp/examples",
                           nlohmann::json{{"csv", "text,intent\nhello,greeting\nbye,Good Bye\n"}}.dump());
  expect_problem(refused, 400);
  EXPECT_NE(refused.json()["detail"].get<std::string>().find("line 3, intent"), std::string::npos) << refused.body;
  EXPECT_EQ(send_csv("POST", "/api/v1/nlp/examples", "text,intent\n").status, 400);

  EXPECT_EQ(send_json("DELETE", "/api/v1/nlp/examples/" + id, "").status, 204);
  EXPECT_EQ(send_json("DELETE", "/api/v1/nlp/examples/" + id, "").status, 404);
  EXPECT_EQ(get("/api/v1/nlp/examples").json()["items"].size(), 1u);
}

TEST_F(NlpApiTest, AnOperatorsLabelIsShownKeptAndTrainedOn) {
  const auto id = message_of("hello there");
  EXPECT_EQ(only_message()["nlp"], nullptr) << "nobody has read it";
  const auto target = "/api/v1/messages/" + id + "/intent";
  auto labelled = send_json("PUT", target, R"({"intent":"greeting"})");
  ASSERT_EQ(labelled.status, 200) << labelled.body;
  EXPECT_EQ(labelled.json()["message_id"], id);
  EXPECT_EQ(send_json("PUT", target, R"({"intent":"greeting"})").status, 200);
  const auto message = only_message();
  EXPECT_EQ(message["intent"], "greeting");
  EXPECT_EQ(message["confidence"], 1.0);
  EXPECT_EQ(message["nlp"]["model"], "operator");
  EXPECT_EQ(message["nlp"]["source"], "operator");
  EXPECT_EQ(message["nlp"]["rejected"], false);
  EXPECT_EQ(message["metadata"]["nlp"]["corrected_by"], owner.id);
  const auto examples = get("/api/v1/nlp/examples").json()["items"];
  ASSERT_EQ(examples.size(), 1u);
  EXPECT_EQ(examples[0]["message_id"], id);
  EXPECT_EQ(examples[0]["user_id"], owner.id);

  auto unknown = send_json("PUT", target, R"({"intent":"greting"})");
  expect_problem(unknown, 400);
  EXPECT_EQ(unknown.json()["field"], "intent");
  EXPECT_NE(unknown.json()["detail"].get<std::string>().find("'greeting'"), std::string::npos) << unknown.body;
  EXPECT_EQ(send_json("PUT", target, R"({"intent":"Greeting!","new":true})").status, 400);
  EXPECT_EQ(send_json("PUT", target, R"({"intent":"small_talk","new":true})").status, 200);
  EXPECT_EQ(send_json("PUT", target, R"({"intent":"small_talk"})").status, 200) << "known by its example now";
  EXPECT_EQ(get("/api/v1/nlp/examples").json()["items"].size(), 1u);

  const auto stranger = token_of(add_user("owner", ""), {});
  EXPECT_EQ(
      hub().ask("PUT", target, bearer(stranger) + "Content-Type: application/json\r\n", R"({"intent":"spam"})").status,
      404);
  const auto reader = token_of(owner, {"read"});
  EXPECT_EQ(
      hub().ask("PUT", target, bearer(reader) + "Content-Type: application/json\r\n", R"({"intent":"spam"})").status,
      403);
  EXPECT_EQ(only_message()["intent"], "small_talk");
}

TEST_F(NlpApiTest, ModelsAreListedAndActivated) {
  const auto shipped = nlp::Model::embedded()->version();
  auto models = get("/api/v1/nlp/models").json()["items"];
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0]["version"], shipped);
  EXPECT_EQ(models[0]["ships"], true);
  EXPECT_EQ(models[0]["active"], true);

  storage::NlpModelRow row;
  row.version = "shop-1";
  row.data_fingerprint = std::string(64, 'a');
  hub().run(hub().nlp.put_model(owner.tenant_id, row, "bytes"));
  models = get("/api/v1/nlp/models").json()["items"];
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0]["version"], "shop-1");
  EXPECT_EQ(models[0]["active"], true);
  EXPECT_EQ(models[1]["active"], false);

  EXPECT_EQ(send_json("POST", "/api/v1/nlp/models/default/activate", "").json()["active"], shipped);
  EXPECT_EQ(get("/api/v1/nlp/models").json()["items"][0]["active"], false);
  EXPECT_EQ(send_json("POST", "/api/v1/nlp/models/shop-1/activate", "").json()["active"], "shop-1");
  EXPECT_EQ(send_json("POST", "/api/v1/nlp/models/shop-2/activate", "").status, 404);
  EXPECT_EQ(get("/api/v1/nlp/models").json()["items"][0]["active"], true);
}

TEST_F(NlpApiTest, AModelIsTrainedInTheBackground) {
  EXPECT_EQ(get("/api/v1/nlp/train").json()["state"], "idle");
  std::string csv = "text,intent\n";
  for (const char* word : {"apple", "pear", "plum", "fig", "kiwi", "lime", "peach", "mango", "lemon", "cherry"})
    for (const char* about : {"a", "one", "my", "that"}) {
      csv += std::string("how much is ") + about + " " + word + ",price_question\n";
      csv += std::string("give ") + about + " " + word + " back to you,return_request\n";
    }
  auto started = send_json("POST", "/api/v1/nlp/train",
                           nlohmann::json{{"csv", csv}, {"base", "none"}, {"name", "fruit"}, {"force", true}}.dump());
  ASSERT_EQ(started.status, 202) << started.body;
  EXPECT_EQ(started.header("Location"), "/api/v1/nlp/train");
  nlohmann::json state;
  for (int tries = 0; tries < 100'000; ++tries) {
    state = get("/api/v1/nlp/train").json();
    if (state["state"] != "running") break;
  }
  ASSERT_EQ(state["state"], "installed") << state.dump();
  EXPECT_EQ(state["result"]["report"]["examples"], 80);
  const auto version = state["result"]["version"].get<std::string>();
  EXPECT_EQ(version.rfind("fruit-", 0), 0u);
  auto models = get("/api/v1/nlp/models").json()["items"];
  EXPECT_EQ(models[0]["version"], version);
  EXPECT_EQ(models[0]["active"], true);
  EXPECT_FALSE(models[0]["metrics"].contains("provenance"));
  settings_changed();
  EXPECT_EQ(parsed("how much is my apple")["model"], version);
  EXPECT_EQ(parsed("how much is my apple")["intent"], "price_question");

  expect_problem(send_json("POST", "/api/v1/nlp/train", R"({"base":"some"})"), 400);
  expect_problem(send_json("POST", "/api/v1/nlp/train", R"({"csv":"text,intent\n,x\n"})"), 400);
  // nothing stored and no CSV: it begins, and says why it can't
  ASSERT_EQ(send_json("POST", "/api/v1/nlp/train", "{}").status, 202);
  for (int tries = 0; tries < 100'000; ++tries) {
    state = get("/api/v1/nlp/train").json();
    if (state["state"] != "running") break;
  }
  EXPECT_EQ(state["state"], "failed");
  EXPECT_NE(state["error"].get<std::string>().find("no examples"), std::string::npos) << state.dump();
}

TEST_F(NlpApiTest, TheReportSaysWhatTheConfidenceIsWorth) {
  auto report = get("/api/v1/nlp/report").json();
  EXPECT_EQ(report["messages"], 0);
  EXPECT_EQ(report["rejected_share"], nullptr);
  EXPECT_EQ(report["calibration"]["examples"], 0);
  EXPECT_EQ(report["calibration"]["error"], nullptr);
  EXPECT_EQ(report["calibration"]["reliable"], false);

  const auto id = message_of("zzz qqq, where does the purple submarine go");
  ASSERT_EQ(send_json("PUT", "/api/v1/messages/" + id + "/intent", R"({"intent":"order_status"})").status, 200);
  report = get("/api/v1/nlp/report").json();
  EXPECT_EQ(report["messages"], 1);
  EXPECT_EQ(report["labelled"], 1);
  EXPECT_EQ(report["intents"][0]["intent"], "order_status");
  EXPECT_EQ(report["models"][0]["model"], "operator");
  EXPECT_EQ(report["calibration"]["labelled"], 1);
  EXPECT_EQ(report["calibration"]["examples"], 1) << "the model that ships was not trained on it";
  EXPECT_TRUE(report["calibration"]["error"].is_number());
  EXPECT_EQ(report["calibration"]["reliable"], false) << "one message proves nothing";
}

}  // namespace
}  // namespace easyflow::test
