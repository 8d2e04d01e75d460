// What happens on an intent, over the API.
#include "tests/integration/api/hub_fixture.hpp"

namespace easyflow::test {
namespace {

using nlohmann::json;

class AutomationApiTest : public ApiTest {
 protected:
  static constexpr const char* kIntents = "/api/v1/automation/intents";
  static constexpr const char* kActs = "/api/v1/automation/acts";

  Reply put(const std::string& intent, const json& body) {
    return send_json("PUT", std::string(kIntents) + "/" + intent, body.dump());
  }
  std::string undo_path(const std::string& act) { return std::string(kActs) + "/" + act + "/undo"; }
};

TEST_F(AutomationApiTest, AnActionIsSetShownReplacedAndRemoved) {
  auto set = put("order_status", {{"reply", "Hello, {name}!"},
                                  {"tag", "order"},
                                  {"min_confidence", 0.85},
                                  {"quiet_from", "22:00"},
                                  {"quiet_until", "08:00"}});
  ASSERT_EQ(set.status, 200) << set.body;
  const json expected{{"intent", "order_status"},  {"enabled", true},       {"min_confidence", 0.85},
                      {"reply", "Hello, {name}!"}, {"escalate", false},     {"tag", "order"},
                      {"state", nullptr},          {"quiet_from", "22:00"}, {"quiet_until", "08:00"}};
  EXPECT_EQ(set.json(), expected);
  EXPECT_EQ(get("/api/v1/automation/intents/order_status").json(), expected);
  EXPECT_EQ(get(kIntents).json()["items"], json::array({expected}));

  auto replaced = put("order_status", {{"escalate", true}, {"enabled", false}}).json();
  EXPECT_EQ(replaced["reply"], nullptr) << "what is left out is not done";
  EXPECT_EQ(replaced["enabled"], false);
  EXPECT_DOUBLE_EQ(replaced["min_confidence"].get<double>(), 0.8);
  EXPECT_EQ(get("/api/v1/automation/intents/order_status").json(), replaced);

  EXPECT_EQ(send_json("DELETE", "/api/v1/automation/intents/order_status", "").status, 204);
  for (const auto* method : {"GET", "DELETE"}) {
    auto gone = send_json(method, "/api/v1/automation/intents/order_status", "");
    expect_problem(gone, 404);
    EXPECT_EQ(gone.json()["field"], "intent");
  }
}

TEST_F(AutomationApiTest, WrongInputNamesItsField) {
  struct Case {
    std::string intent;
    json body;
    std::string field;
  };
  const std::vector<Case> cases{
      {"Order%20Status", {{"escalate", true}}, "intent"},
      {"order_status", json::object(), "reply"},
      {"order_status", {{"reply", "Hello, {nmae}!"}}, "reply"},
      {"order_status", {{"reply", std::string(4097, 'x')}}, "reply"},
      {"order_status", {{"reply", 7}}, "reply"},
      {"order_status", {{"escalate", "yes"}}, "escalate"},
      {"order_status", {{"escalate", true}, {"enabled", 1}}, "enabled"},
      {"order_status", {{"escalate", true}, {"min_confidence", 1.5}}, "min_confidence"},
      {"order_status", {{"escalate", true}, {"min_confidence", "high"}}, "min_confidence"},
      {"order_status", {{"tag", std::string(51, 'x')}}, "tag"},
      {"order_status", {{"state", "a\nb"}}, "state"},
      {"order_status", {{"escalate", true}, {"quiet_from", "22:00"}}, "quiet_until"},
      {"order_status", {{"escalate", true}, {"quiet_from", "24:00"}, {"quiet_until", "08:00"}}, "quiet_from"},
      {"order_status", {{"escalate", true}, {"quiet", "22:00-08:00"}}, "quiet"},
  };
  for (const auto& wrong : cases) {
    SCOPED_TRACE(wrong.intent + " " + wrong.body.dump().substr(0, 80));
    auto reply = put(wrong.intent, wrong.body);
    expect_problem(reply, 400);
    EXPECT_EQ(reply.json().value("field", ""), wrong.field) << reply.body;
  }
  EXPECT_TRUE(get(kIntents).json()["items"].empty());
  for (const auto* query : {"?state=lost", "?conversation=7", "?limit=0", "?cursor=nonsense", "?stat=done"})
    expect_problem(get(std::string(kActs) + query), 400);
}

TEST_F(AutomationApiTest, AnActIsSeenInItsConversationAndUndone) {
  put("order_status", {{"reply", "Hello, {name}! We are looking for it."},
                       {"escalate", true},
                       {"tag", "order"},
                       {"state", "tracking"}});
  auto conversation = person_writes(connect("telegram", {}), "701", "Anna", "where is it");
  auto path = "/api/v1/conversations/" + conversation;
  auto before = get(path).json();
  EXPECT_EQ(before["acts"], json::array());
  EXPECT_EQ(before["tags"], json::array());
  EXPECT_EQ(before["state"], "initial");

  auto act = act_asked(conversation, "order_status");
  EXPECT_EQ(get(path).json()["acts"][0]["state"], "pending");
  ASSERT_EQ(carry_out(act), "done");

  auto after = get(path).json();
  EXPECT_EQ(after["status"], "escalated");
  EXPECT_EQ(after["tags"], json::array({"order"}));
  EXPECT_EQ(after["state"], "tracking");
  ASSERT_EQ(after["acts"].size(), 1u);
  EXPECT_EQ(after["acts"][0]["acts"]["reply"], "Hello, Anna! We are looking for it.");
  EXPECT_EQ(after["acts"][0]["outbound_state"], "queued");
  EXPECT_EQ(after["acts"][0]["undo"], nullptr);
  auto messages = get(path + "/messages").json()["items"];
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0]["content"], "Hello, Anna! We are looking for it.");
  EXPECT_EQ(messages[0]["automatic"]["act_id"], act);
  EXPECT_EQ(messages[0]["automatic"]["intent"], "order_status");
  EXPECT_EQ(messages[1]["automatic"], nullptr);
  EXPECT_EQ(get(std::string(kActs) + "?conversation=" + conversation).json()["items"].size(), 1u);
  EXPECT_EQ(get(std::string(kActs) + "?conversation=" + new_uuid()).json()["items"].size(), 0u);

  auto undone = send_json("POST", undo_path(act), "");
  ASSERT_EQ(undone.status, 200) << undone.body;
  EXPECT_EQ(undone.json()["state"], "undone");
  EXPECT_EQ(undone.json()["undone_by"], owner.id);
  EXPECT_EQ(undone.json()["undo"]["restored"], (json{"escalate", "tag", "state", "reply"}));
  EXPECT_EQ(send_json("POST", undo_path(act), "").json(), undone.json()) << "repeating it changes nothing";
  after = get(path).json();
  EXPECT_EQ(after["status"], "active");
  EXPECT_EQ(after["tags"], json::array());
  EXPECT_EQ(after["state"], "initial");
}

TEST_F(AutomationApiTest, WhatWasSkippedCannotBeUndone) {
  auto conversation = person_writes(connect("telegram", {}), "702", "Anna", "where is it");
  auto act = act_asked(conversation, "order_status");
  ASSERT_EQ(carry_out(act), "skipped") << "there is no action";
  auto item = get(std::string(kActs) + "?state=skipped").json()["items"][0];
  EXPECT_NE(item["reason"].get<std::string>().find("no action for \"order_status\""), std::string::npos);
  expect_problem(send_json("POST", undo_path(act), ""), 409);
  auto unknown = send_json("POST", undo_path(new_uuid()), "");
  expect_problem(unknown, 404);
  EXPECT_EQ(unknown.json()["field"], "id");
}

TEST_F(AutomationApiTest, ScopesAndTenantsAreKept) {
  put("order_status", {{"tag", "order"}});
  auto conversation = person_writes(connect("telegram", {}), "703", "Anna", "where is it");
  auto act = act_asked(conversation, "order_status");
  ASSERT_EQ(carry_out(act), "done");

  const auto own = token;
  token = token_of(owner, {"read"});
  EXPECT_EQ(get(kIntents).status, 200);
  EXPECT_EQ(get(kActs).status, 200);
  EXPECT_EQ(put("order_status", {{"tag", "x"}}).status, 403);
  EXPECT_EQ(send_json("DELETE", "/api/v1/automation/intents/order_status", "").status, 403);
  EXPECT_EQ(send_json("POST", undo_path(act), "").status, 403);

  const auto stranger = add_user("owner", "");
  token = token_of(stranger, {});
  EXPECT_TRUE(get(kIntents).json()["items"].empty());
  EXPECT_TRUE(get(kActs).json()["items"].empty());
  expect_problem(send_json("DELETE", "/api/v1/automation/intents/order_status", ""), 404);
  expect_problem(send_json("POST", undo_path(act), ""), 404);

  token = own;
  EXPECT_EQ(get(kIntents).json()["items"].size(), 1u);
  EXPECT_EQ(get(kActs).json()["items"][0]["state"], "done");
}

}  // namespace
}  // namespace easyflow::test
