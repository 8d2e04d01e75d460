// Messages that wait for a provider: written with their message, taken once, ended once.
#include "storage/repositories/nlp_requests.hpp"

#include <set>

#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

using namespace std::chrono_literals;
using sdk::EventKind;

/// The first word is the intent; "!" asks for an act. The provider shall read everything.
class WordReader final : public MessageReader {
 public:
  explicit WordReader(std::string model = "words-1") : model_(std::move(model)) {}
  ReadText read(std::string text, Timestamp) const override {
    ReadText out;
    StoredMeaning meaning;
    meaning.intent = text.substr(0, text.find(' '));
    meaning.hundredths = 60;
    meaning.model = model_;
    meaning.details_json = R"({"source":"model","ambiguous":true})";
    meaning.has_action = text.find('!') != std::string::npos;
    meaning.ask_provider = true;
    StoredEntity entity;
    entity.type = "word";
    entity.json = R"({"type":"word"})";
    meaning.entities.push_back(std::move(entity));
    out.meaning = std::move(meaning);
    out.text = std::move(text);
    return out;
  }
  std::string mask(std::string text) const override { return text; }

 private:
  std::string model_;
};

class NlpRequestsTest : public test::RepositoryTest {
 protected:
  void store(const test::Shop& shop, std::vector<sdk::InboundEvent> told) {
    auto one = delivery(shop, std::move(told));
    one.reader = std::make_shared<WordReader>();
    loop.run(inbound.store(std::vector{std::move(one)}));
  }
  void said(const test::Shop& shop, std::string key, std::string text) {
    store(shop, {message(key, "100", key, std::move(text))});
  }
  std::vector<NlpLease> claim(int wanted = 10, std::string node = "n1", std::chrono::milliseconds lease = 60s) {
    return loop.run(requests.claim(std::move(node), wanted, lease));
  }
  static RemoteVerdict verdict(std::string intent = "refund_status", int hundredths = 90) {
    RemoteVerdict out;
    out.intent = std::move(intent);
    out.hundredths = hundredths;
    out.model = "openai:small";
    out.details_json = R"({"source":"openai","confidence_source":"verbal","tokens":{"prompt":7,"completion":2}})";
    return out;
  }
  void action(const test::Shop& shop, std::string intent, double min_confidence, bool enabled = true) {
    IntentAction one;
    one.intent = std::move(intent);
    one.min_confidence = min_confidence;
    one.enabled = enabled;
    one.tag = "t";
    loop.run(nlp.put_action(shop.tenant_id, one));
  }
  std::string waiting(const test::Shop& shop) { return value(shop, "select count(*) from nlp_requests"); }

  NlpRequestRepository requests{db};
};

TEST_F(NlpRequestsTest, ARequestIsWrittenOnceWithItsMessageAndWakesTheHub) {
  pqxx::connection connection(database.app_dsn());
  struct Woken : pqxx::notification_receiver {
    using pqxx::notification_receiver::notification_receiver;
    void operator()(const std::string&, int) override { ++times; }
    int times = 0;
  };
  Woken woken(connection, "nlp_requests"), fence(connection, "fence");
  auto one = delivery(a, {message("1", "100", "1", "order_status !"), message("2", "100", "2", "thanks")});
  one.reader = std::make_shared<WordReader>();
  loop.run(inbound.store(std::vector{one}));
  loop.run(inbound.store(std::vector{one}));
  // notifications come in the order of commits: after this one there are no more of before
  pqxx::nontransaction(connection).exec("notify fence");
  for (int i = 0; i < 100 && fence.times == 0; ++i) connection.await_notification(0, 100'000);
  ASSERT_EQ(fence.times, 1);
  EXPECT_EQ(woken.times, 1);
  EXPECT_EQ(waiting(a), "2");
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "0") << "it waits for the provider";
  EXPECT_EQ(value(a,
                  "select count(*) from messages m join nlp_requests r on r.message_id = m.id and "
                  "r.message_created_at = m.created_at where r.may_act and r.has_action = (m.content like '%!')"),
            "2");
  EXPECT_EQ(waiting(b), "0");
}

TEST_F(NlpRequestsTest, ClaimsAreFairAndExclusive) {
  for (int i = 0; i < 5; ++i) said(a, std::to_string(i), "greeting");
  said(b, "1", "greeting");
  const auto first = claim(2);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_NE(first[0].tenant_id, first[1].tenant_id) << "one with many messages does not keep others waiting";
  EXPECT_EQ(first[0].attempts, 1);
  const auto rest = claim(10, "n2");
  EXPECT_EQ(rest.size(), 4u);
  std::set<std::string> messages;
  for (const auto& lease : first) messages.insert(lease.message_id);
  for (const auto& lease : rest) messages.insert(lease.message_id);
  EXPECT_EQ(messages.size(), 6u);
  EXPECT_TRUE(claim().empty());
}

TEST_F(NlpRequestsTest, WhatADeadNodeHeldComesBack) {
  said(a, "1", "greeting");
  const auto lost = claim(10, "dead", 0ms);
  ASSERT_EQ(lost.size(), 1u);
  const auto again = claim(10, "n2");
  ASSERT_EQ(again.size(), 1u) << "its lease has ended";
  EXPECT_EQ(again[0].attempts, 2);
  EXPECT_EQ(loop.run(requests.release("n1")), 0);
  EXPECT_EQ(loop.run(requests.release("n2")), 1);
  const auto third = claim();
  ASSERT_EQ(third.size(), 1u);
  EXPECT_EQ(loop.run(requests.understood(lost[0], verdict())), Settled::outdated);
  EXPECT_EQ(loop.run(requests.fell_back(again[0], "{}")), Settled::outdated);
  EXPECT_EQ(value(a, "select intent from messages"), "greeting");
  EXPECT_EQ(loop.run(requests.understood(third[0], verdict())), Settled::done);
  EXPECT_EQ(value(a, "select intent from messages"), "refund_status");
}

TEST_F(NlpRequestsTest, TheVerdictTakesThePlaceOfTheMeaningAndKeepsWhatWasSaidBefore) {
  said(a, "1", "greeting to all");
  const auto lease = claim().at(0);
  const auto open = loop.run(requests.open(lease)).value();
  EXPECT_EQ(open.text, "greeting to all");
  EXPECT_EQ(open.entities_json, R"([{"type": "word"}])");
  EXPECT_EQ(loop.run(requests.understood(lease, verdict())), Settled::done);
  EXPECT_EQ(value(a, "select intent || ' ' || confidence || ' ' || nlp_model from messages"),
            "refund_status 0.90 openai:small");
  EXPECT_EQ(value(a, "select entities from messages"), R"([{"type": "word"}])");
  EXPECT_EQ(value(a, "select metadata->'nlp'->>'source' from messages"), "openai");
  EXPECT_EQ(value(a, "select metadata->'nlp'->>'confidence_source' from messages"), "verbal");
  EXPECT_EQ(value(a, "select metadata->'nlp'->'tokens' from messages"), R"({"prompt": 7, "completion": 2})");
  EXPECT_EQ(value(a, "select metadata->'nlp'->'embedded' from messages"),
            R"({"model": "words-1", "intent": "greeting", "ambiguous": true, "confidence": 0.60})");
  EXPECT_EQ(value(a,
                  "select payload->>'intent' || ' ' || (payload->>'chat_id') || ' ' || (payload->>'message_id' = "
                  "subject_id::text) from outbox_events where type = 'message.understood'"),
            "refund_status 100 true");
  EXPECT_EQ(waiting(a), "0");

  EXPECT_EQ(loop.run(requests.understood(lease, verdict("spam"))), Settled::outdated) << "an answer counts once";
  EXPECT_EQ(value(a, "select intent from messages"), "refund_status");
  EXPECT_EQ(value(a, "select count(*) from outbox_events where type = 'message.understood'"), "1");
}

TEST_F(NlpRequestsTest, SubscribersLearnOfChangesOnly) {
  said(a, "1", "greeting");
  EXPECT_EQ(loop.run(requests.understood(claim().at(0), verdict("greeting", 60))), Settled::done);
  EXPECT_EQ(value(a, "select nlp_model from messages"), "openai:small");
  EXPECT_EQ(value(a, "select count(*) from outbox_events where type = 'message.understood'"), "0");
}

TEST_F(NlpRequestsTest, AFallbackLeavesTheMeaningAndSaysWhy) {
  said(a, "1", "greeting");
  EXPECT_EQ(loop.run(requests.fell_back(claim().at(0), R"({"fallback":"no answer in time"})")), Settled::done);
  EXPECT_EQ(value(a, "select intent || ' ' || confidence || ' ' || nlp_model from messages"), "greeting 0.60 words-1");
  EXPECT_EQ(value(a, "select metadata->'nlp' from messages"),
            R"({"source": "model", "fallback": "no answer in time", "ambiguous": true})");
  EXPECT_EQ(waiting(a), "0");
}

TEST_F(NlpRequestsTest, TheActFollowsFromWhatIsBelievedInTheEnd) {
  action(a, "refund_status", 0.9);
  action(a, "spam", 0.5, /*enabled=*/false);
  said(a, "1", "greeting !");
  EXPECT_EQ(loop.run(requests.understood(claim().at(0), verdict("refund_status", 90))), Settled::done);
  EXPECT_EQ(value(a, R"sql(
    select t.intent || ' ' || t.confidence || ' ' || t.state from automatic_acts t
      join messages m on m.id = t.message_id and m.created_at = t.message_created_at
                     and m.conversation_id = t.conversation_id and m.integration_id = t.integration_id)sql"),
            "refund_status 0.90 pending");
  said(a, "2", "greeting !");
  loop.run(requests.understood(claim().at(0), verdict("refund_status", 89)));
  said(a, "3", "greeting !");
  loop.run(requests.understood(claim().at(0), verdict("spam", 99)));
  said(a, "4", "greeting");
  loop.run(requests.fell_back(claim().at(0), "{}"));
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "1");
  said(a, "5", "greeting !");
  loop.run(requests.fell_back(claim().at(0), "{}"));
  EXPECT_EQ(value(a, "select intent || ' ' || confidence from automatic_acts order by created_at desc limit 1"),
            "greeting 0.60");
}

TEST_F(NlpRequestsTest, WhatAPersonSaidStays) {
  action(a, "refund_status", 0.5);
  said(a, "1", "greeting !");
  const auto lease = claim().at(0);
  loop.run(nlp.label_message(a.tenant_id, lease.message_id, "thanks", a.user_id)).value();
  EXPECT_EQ(loop.run(requests.understood(lease, verdict())), Settled::kept);
  said(a, "2", "greeting !");
  const auto second = claim().at(0);
  loop.run(nlp.label_message(a.tenant_id, second.message_id, "thanks", a.user_id)).value();
  EXPECT_EQ(loop.run(requests.fell_back(second, "{}")), Settled::kept);
  said(a, "3", "greeting !");
  const auto third = claim().at(0);
  loop.run(nlp.label_message(a.tenant_id, third.message_id, "thanks", a.user_id)).value();
  EXPECT_EQ(loop.run(requests.open(third)), std::nullopt) << "nobody needs to be asked";
  EXPECT_EQ(value(a, "select string_agg(distinct intent || ' ' || nlp_model, ',') from messages"), "thanks operator");
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "0");
  EXPECT_EQ(waiting(a), "0");
}

TEST_F(NlpRequestsTest, AnEditedTextIsReadAgainAndAnswersToTheOldOneAreLate) {
  action(a, "refund_status", 0.5);
  said(a, "1", "greeting");
  const auto old = claim().at(0);
  store(a, {event(EventKind::message_edited, "e1", "100", "1", "thanks !")});
  EXPECT_EQ(loop.run(requests.understood(old, verdict("spam"))), Settled::outdated);
  EXPECT_EQ(value(a, "select intent from messages"), "thanks");
  EXPECT_EQ(loop.run(requests.open(old)), std::nullopt);
  const auto fresh = claim().at(0);
  EXPECT_EQ(fresh.attempts, 1);
  EXPECT_EQ(loop.run(requests.open(fresh)).value().text, "thanks !");
  loop.run(requests.understood(fresh, verdict()));
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "1") << "the message had not been answered yet";

  store(a, {event(EventKind::message_edited, "e2", "100", "1", "complaint_quality !")});
  loop.run(requests.understood(claim().at(0), verdict()));
  EXPECT_EQ(value(a, "select nlp_model from messages"), "openai:small");
  said(a, "2", "greeting");
  loop.run(requests.fell_back(claim().at(0), "{}"));
  store(a, {event(EventKind::message_edited, "e3", "100", "2", "refund_status !")});
  loop.run(requests.understood(claim().at(0), verdict()));
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "1") << "acts answer new messages";
}

TEST_F(NlpRequestsTest, AMessageAndItsEditInOneBatchAreOneRequest) {
  store(a, {message("1", "100", "1", "greeting !"), event(EventKind::message_edited, "e1", "100", "1", "thanks")});
  EXPECT_EQ(waiting(a), "1");
  EXPECT_EQ(value(a, "select may_act || ' ' || has_action from nlp_requests"), "true false");
  EXPECT_EQ(loop.run(requests.open(claim().at(0))).value().text, "thanks");
}

TEST_F(NlpRequestsTest, APostponedRequestWaits) {
  said(a, "1", "greeting");
  auto lease = claim().at(0);
  loop.run(requests.postpone(lease, 1h));
  EXPECT_TRUE(claim().empty());
  change(a, "update nlp_requests set next_attempt_at = now()");
  lease = claim().at(0);
  EXPECT_EQ(lease.attempts, 2);
  loop.run(requests.postpone(lease, 0ms));
  EXPECT_EQ(claim().size(), 1u);
}

TEST_F(NlpRequestsTest, AMessageThatIsGoneNeedsNoAnswer) {
  said(a, "1", "greeting");
  const auto lease = claim().at(0);
  change(a, "delete from conversations");
  EXPECT_EQ(loop.run(requests.open(lease)), std::nullopt);
  EXPECT_EQ(waiting(a), "0");
}

TEST_F(NlpRequestsTest, ALeaseOfAnotherTenantOpensNothing) {
  said(a, "1", "greeting");
  auto lease = claim().at(0);
  lease.tenant_id = b.tenant_id;
  EXPECT_EQ(loop.run(requests.open(lease)), std::nullopt);
  EXPECT_EQ(loop.run(requests.understood(lease, verdict())), Settled::outdated);
  EXPECT_EQ(value(a, "select intent from messages"), "greeting");
  EXPECT_EQ(waiting(a), "1");
}

TEST_F(NlpRequestsTest, ReadingOlderMessagesAgainLeavesVerdictsAlone) {
  said(a, "1", "greeting");
  loop.run(requests.understood(claim().at(0), verdict()));
  said(a, "2", "greeting");
  auto state = loop.run(rescores.begin(a.tenant_id, "words-2", std::nullopt));
  state = loop.run(rescores.page(a.tenant_id, "words-2", std::make_shared<WordReader>("words-2"), 100)).value();
  EXPECT_TRUE(state.finished_at);
  EXPECT_EQ(value(a, "select nlp_model || ' ' || intent from messages order by created_at, id limit 1"),
            "openai:small refund_status");
  EXPECT_EQ(state.changed, 1);
}

}  // namespace
}  // namespace easyflow::storage
