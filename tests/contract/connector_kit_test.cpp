// What every connector must do, run over all that are registered. A new connector adds its Sample below.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "connectors/sdk/registry.hpp"
#include "connectors/sdk/tests/walks.hpp"
#include "connectors/telegram/tests/account.hpp"
#include "connectors/wildberries/tests/fake_wildberries.hpp"

namespace easyflow {
namespace {

using connectors::wildberries::testing::FakeWildberries;
using sdk::testing::Platform;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kNow = 1'795'200'000;

/// What the kit must know of a connector to exercise it.
struct Sample {
  sdk::Account account;
  Platform platform;  ///< answers its streams, when it has any
  std::function<HttpRequest(const sdk::Account&, std::string)> signed_webhook;  ///< when it receives webhooks
  std::vector<std::string> webhook_bodies;
  std::string chat_id;  ///< when it sends
};

Sample wildberries() {
  Sample sample;
  sample.account = connectors::wildberries::testing::account();
  auto fake = std::make_shared<FakeWildberries>();
  for (std::int64_t i = 1; i <= 1200; ++i) fake->orders.push_back({i, kNow - i % 70 * 86'400, "confirm", "waiting"});
  for (std::int64_t i = 1; i <= 250; ++i) fake->cards.push_back({i, "2026-10-01T12:00:00Z"});
  sample.platform = [fake](const sdk::Request& request) { return fake->answer(request); };
  return sample;
}

Sample telegram() {
  Sample sample;
  sample.account = connectors::telegram::testing::account();
  sample.signed_webhook = [](const sdk::Account& account, std::string body) {
    return HttpRequest("POST", "/", {{"X-Telegram-Bot-Api-Secret-Token", account.hub_secret("webhook_secret")}},
                       std::move(body));
  };
  sample.webhook_bodies = {
      R"({"update_id":7,"message":{"message_id":1,"date":1795200000,"chat":{"id":5,"type":"private"},"text":"hi"}})",
      R"({"update_id":8,"kind_of_the_future":{}})"};
  sample.chat_id = "6000000123456";
  return sample;
}

const Sample* sample_of(const std::string& id) {
  static const std::map<std::string, Sample> samples{{"wildberries", wildberries()}, {"telegram", telegram()}};
  auto found = samples.find(id);
  return found == samples.end() ? nullptr : &found->second;
}

const sdk::Registry& registry() {
  static const sdk::Registry all = connectors::make_registry();
  return all;
}

class ConnectorKit : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_NE(sample_of(GetParam()), nullptr) << "add a Sample for this connector"; }

  const sdk::Connector& connector() const { return *registry().find(GetParam()); }
  const sdk::Manifest& manifest() const { return connector().manifest(); }
  const Sample& sample() const { return *sample_of(GetParam()); }

  void expect_sound(const sdk::Request& request) const {
    const auto& urls = sample().account.base_urls;
    EXPECT_TRUE(std::any_of(urls.begin(), urls.end(), [&](const auto& url) {
      return request.http.target.rfind(url.second + "/", 0) == 0;
    })) << "calls another host than its manifest's";
    EXPECT_FALSE(request.buckets.empty()) << "a call without a budget";
    for (const auto& use : request.buckets) {
      const auto* budget = manifest().find_budget(use.bucket);
      ASSERT_NE(budget, nullptr) << use.bucket;
      EXPECT_EQ(budget->per_scope, !use.scope.empty()) << use.bucket;
    }
    EXPECT_GT(request.timeout.count(), 0);
  }

  void expect_no_secret(const std::string& text) const {
    for (const auto& [name, secret] : sample().account.credentials) EXPECT_THAT(text, Not(HasSubstr(secret.reveal())));
    for (const auto& [name, secret] : sample().account.hub_secrets) EXPECT_THAT(text, Not(HasSubstr(secret.reveal())));
  }

  /// Answers the walk's first request with each kind of failure and checks what the walk makes of it.
  template <class Walk>
  void expect_failures_mapped(const std::function<std::unique_ptr<Walk>()>& start) const {
    struct Case {
      HttpResponse reply;
      ErrorKind kind;
    };
    const std::vector<Case> cases{{HttpResponse(401, "{}"), ErrorKind::unauthorized},
                                  {HttpResponse(401, "<html>"), ErrorKind::unauthorized},
                                  {HttpResponse(429, "{}", {{"Retry-After", "17"}}), ErrorKind::rate_limited},
                                  {HttpResponse(429, "busy"), ErrorKind::rate_limited},
                                  {HttpResponse(500, "{}"), ErrorKind::unavailable},
                                  {HttpResponse(502, "<html>"), ErrorKind::unavailable},
                                  {HttpResponse(200, ""), ErrorKind::protocol},
                                  {HttpResponse(200, "<html>"), ErrorKind::protocol},
                                  {HttpResponse(200, "[]"), ErrorKind::protocol},
                                  {HttpResponse(200, "{}"), ErrorKind::protocol},
                                  {HttpResponse(200, std::string(100'000, '[')), ErrorKind::protocol}};
    for (const auto& c : cases) {
      auto walk = start();
      auto first = walk->next(nullptr);
      ASSERT_TRUE(first) << first.error().message();
      const auto* request = std::get_if<sdk::Request>(&*first);
      ASSERT_NE(request, nullptr);
      expect_sound(*request);
      auto step = walk->next(&c.reply);
      ASSERT_FALSE(step) << c.reply.status << " " << c.reply.body.substr(0, 20);
      EXPECT_EQ(to_string(step.error().kind()), to_string(c.kind))
          << c.reply.status << " " << c.reply.body.substr(0, 20);
      expect_no_secret(step.error().message());
      if (c.kind == ErrorKind::rate_limited) {
        ASSERT_TRUE(step.error().retry_after());
        EXPECT_EQ(step.error().retry_after()->count(), c.reply.headers.contains("Retry-After") ? 17 : 5);
      }
      if (c.kind == ErrorKind::rate_limited || c.kind == ErrorKind::unavailable) {
        auto again = walk->next(nullptr);
        ASSERT_TRUE(again);
        EXPECT_EQ(std::get<sdk::Request>(*again).http.target, request->http.target) << "the request is repeated";
        EXPECT_EQ(std::get<sdk::Request>(*again).http.body, request->http.body);
      }
    }
  }

  static std::set<std::string> ids(const std::vector<sdk::Page>& pages) {
    std::set<std::string> found;
    for (const auto& page : pages)
      for (const auto& record : page.records) found.insert(sdk::testing::id_of(record));
    return found;
  }
};

TEST_P(ConnectorKit, TheManifestSaysWhatTheConnectorCanDo) {
  const auto& m = manifest();
  EXPECT_EQ(m.id, GetParam());
  auto capable = [&](const std::string& word) {
    return std::count(m.capabilities.begin(), m.capabilities.end(), word) == 1;
  };
  EXPECT_TRUE(capable("check"));
  EXPECT_EQ(capable("streams"), connector().streams() != nullptr);
  EXPECT_EQ(capable("webhooks"), connector().webhooks() != nullptr);
  EXPECT_EQ(capable("polling"), connector().poller() != nullptr);
  EXPECT_EQ(capable("send"), connector().sender() != nullptr);
  EXPECT_EQ(m.streams.empty(), connector().streams() == nullptr);
  for (const auto& stream : m.streams) EXPECT_TRUE(capable(stream.name)) << stream.name;
  EXPECT_TRUE(std::any_of(m.credentials.begin(), m.credentials.end(), [](const auto& c) { return c.required; }));
  for (const auto& field : m.credentials) EXPECT_FALSE(field.label.empty() || field.help.empty()) << field.name;
  for (const auto& host : m.hosts) EXPECT_EQ(sample().account.base_urls.count(host.name), 1U) << host.name;
  EXPECT_FALSE(m.api_version.empty());
  EXPECT_THAT(m.docs_url, HasSubstr("https://"));
}

TEST_P(ConnectorKit, ACheckUnderstandsRefusals) {
  expect_failures_mapped<sdk::Exchange<sdk::AccountInfo>>(
      [&] { return connector().credentials().check(sample().account); });
}

TEST_P(ConnectorKit, ACheckWithoutCredentialsAsksNobody) {
  auto nobody = sample().account;
  nobody.credentials.clear();
  auto step = connector().credentials().check(nobody)->next(nullptr);
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().kind(), ErrorKind::unauthorized);
}

TEST_P(ConnectorKit, StreamsUnderstandRefusals) {
  for (const auto& stream : manifest().streams)
    expect_failures_mapped<sdk::StreamWalk>(
        [&] { return *connector().streams()->read(sample().account, stream.name, "", from_unix_seconds(kNow)); });
}

TEST_P(ConnectorKit, StreamsRefuseForeignNamesAndCursors) {
  if (connector().streams() == nullptr) return;
  auto read = [&](std::string_view stream, std::string_view cursor) {
    return connector().streams()->read(sample().account, stream, cursor, from_unix_seconds(kNow));
  };
  EXPECT_EQ(read("no_such_stream", "").error().kind(), ErrorKind::invalid_input);
  for (const auto& stream : manifest().streams)
    for (const char* cursor : {"junk", "[]", "{}", R"({"v":0})", R"({"v":99})"})
      EXPECT_EQ(read(stream.name, cursor).error().kind(), ErrorKind::protocol) << stream.name << " " << cursor;
}

TEST_P(ConnectorKit, StreamsResumeFromEveryCursor) {
  for (const auto& stream : manifest().streams) {
    auto read = [&](std::string_view cursor, std::int64_t now) {
      auto walk = *connector().streams()->read(sample().account, stream.name, cursor, from_unix_seconds(now));
      return sdk::testing::all_pages(*walk, [&](const sdk::Request& request) {
        expect_sound(request);
        return sample().platform(request);
      });
    };
    const auto pages = read("", kNow);
    const auto whole = ids(pages);
    ASSERT_GT(pages.size(), 1U) << "the sample is too small to cut";
    for (std::size_t cut = 1; cut <= pages.size(); ++cut) {
      auto got = ids({pages.begin(), pages.begin() + static_cast<std::ptrdiff_t>(cut)});
      got.merge(ids(read(pages[cut - 1].cursor, kNow + 60)));
      EXPECT_EQ(got, whole) << stream.name << " cut after page " << cut;
    }
    EXPECT_EQ(ids(read("", kNow)), whole) << "the same walk gives the same rows";
  }
}

TEST_P(ConnectorKit, WebhooksAreRefusedUnlessProven) {
  const auto* webhooks = connector().webhooks();
  if (webhooks == nullptr) return;
  const auto& account = sample().account;
  const std::string body = sample().webhook_bodies.at(0);
  EXPECT_TRUE(webhooks->authenticate(account, sample().signed_webhook(account, body)));

  auto expect_refused = [&](const sdk::Account& receiver, const HttpRequest& request) {
    auto proven = webhooks->authenticate(receiver, request);
    ASSERT_FALSE(proven);
    EXPECT_EQ(proven.error().kind(), ErrorKind::unauthorized);
    expect_no_secret(proven.error().message());
  };
  expect_refused(account, HttpRequest("POST", "/", {}, body));
  auto stranger = account;
  stranger.hub_secrets["webhook_secret"] = Secret("another secret");
  expect_refused(account, sample().signed_webhook(stranger, body));
  auto without = account;
  without.hub_secrets.clear();
  expect_refused(without, sample().signed_webhook(account, body));
  expect_refused(without, sample().signed_webhook(without, body));
}

TEST_P(ConnectorKit, WebhookBodiesGiveTheSameKeysEachTime) {
  const auto* webhooks = connector().webhooks();
  if (webhooks == nullptr) return;
  std::set<std::string> keys;
  for (const auto& body : sample().webhook_bodies) {
    auto first = webhooks->decode(body), again = webhooks->decode(body);
    ASSERT_TRUE(first) << first.error().message();
    ASSERT_EQ(first->size(), again->size());
    for (std::size_t i = 0; i < first->size(); ++i) {
      EXPECT_EQ(first->at(i).dedup_key, again->at(i).dedup_key);
      EXPECT_TRUE(keys.insert(first->at(i).dedup_key).second) << "two events with one key";
    }
  }
}

TEST_P(ConnectorKit, JunkBodiesAreQuarantined) {
  const auto* webhooks = connector().webhooks();
  if (webhooks == nullptr) return;
  for (const std::string& junk : {std::string(), std::string("{"), std::string("null"), std::string("[]"),
                                  std::string("\xFF\x00", 2), std::string(1'000'000, '['), std::string(R"({"a":1})")}) {
    auto events = webhooks->decode(junk);
    ASSERT_FALSE(events) << junk.substr(0, 20);
    EXPECT_EQ(events.error().kind(), ErrorKind::protocol);
  }
}

TEST_P(ConnectorKit, WebhookRegistrationUnderstandsRefusals) {
  const auto* webhooks = connector().webhooks();
  if (webhooks == nullptr) return;
  auto refused = [&](int status) {
    auto exchange = webhooks->register_webhook(sample().account, "https://hub.example/hooks/1");
    auto asked = exchange->next(nullptr);
    expect_sound(std::get<sdk::Request>(*asked));
    HttpResponse reply(status, "{}", {{"Retry-After", "17"}});
    return exchange->next(&reply).error();
  };
  EXPECT_EQ(refused(401).kind(), ErrorKind::unauthorized);
  EXPECT_EQ(refused(500).kind(), ErrorKind::unavailable);
  EXPECT_EQ(refused(429).retry_after()->count(), 17);
}

TEST_P(ConnectorKit, PollsUnderstandRefusals) {
  if (connector().poller() == nullptr) return;
  expect_failures_mapped<sdk::Exchange<sdk::PollBatch>>(
      [&] { return connector().poller()->poll(sample().account, "", std::chrono::seconds(1)); });
}

TEST_P(ConnectorKit, SendsEndInKnownStates) {
  const auto* sender = connector().sender();
  if (sender == nullptr) return;
  sdk::OutboundMessage message;
  message.chat_id = sample().chat_id;
  EXPECT_EQ(sender->validate(message).error().field(), "text");
  message.text = "hello";
  ASSERT_TRUE(sender->validate(message));
  auto request = sender->request(sample().account, message);
  expect_sound(request);
  EXPECT_FALSE(request.safe_to_repeat);
  auto state = [&](int status, const char* body) { return sender->outcome(HttpResponse(status, body)).state; };
  EXPECT_EQ(state(500, "{}"), sdk::SendState::unknown);
  EXPECT_EQ(state(502, "<html>"), sdk::SendState::unknown);
  EXPECT_EQ(state(200, "<html>"), sdk::SendState::unknown) << "accepted or not, nobody can tell";
  EXPECT_EQ(state(429, "{}"), sdk::SendState::retry_later);
  EXPECT_EQ(state(401, "{}"), sdk::SendState::failed);
}

std::vector<std::string> registered() {
  std::vector<std::string> ids;
  for (const auto& connector : registry().all()) ids.push_back(connector->manifest().id);
  return ids;
}

INSTANTIATE_TEST_SUITE_P(All, ConnectorKit, ::testing::ValuesIn(registered()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace easyflow
