#include "core/api/input.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace easyflow::api {
namespace {

/// The defect of `body` as a request that reads every kind of field.
Error defect_of(const std::string& body) {
  auto fields = Fields::parse(body);
  if (!fields) return fields.error();
  (void)fields->required_text("name", 10);
  (void)fields->text("stream", 50);
  (void)fields->flag("from_start");
  (void)fields->whole_number("interval", 1, 60);
  (void)fields->texts("scopes");
  (void)fields->keyboard("keyboard");
  if (fields->has("credentials")) (void)fields->required_secrets("credentials");
  auto checked = fields->finish();
  return checked ? Error() : checked.error();
}

struct BodyCase {
  const char* body;
  const char* field;
  const char* says;
};

TEST(ApiInput, EveryDefectOfABodyNamesItsField) {
  const std::vector<BodyCase> cases{
      {R"({"name":"x")", "", "byte"},
      {"\xff", "", "byte"},
      {"[]", "", "an object"},
      {"7", "", "an object"},
      {"{}", "name", "required"},
      {"", "name", "required"},
      {R"({"name":null})", "name", "required"},
      {R"({"name":""})", "name", "empty"},
      {R"({"name":7})", "name", "found a number"},
      {R"({"name":["x"]})", "name", "found a list"},
      {R"({"name":"12345678901"})", "name", "at most 10"},
      {R"({"name":"a\u0000b"})", "name", "U+0000"},
      {R"({"nam":"x"})", "nam", "name"},
      {R"({"name":"x","streem":"orders"})", "streem", "stream"},
      {R"({"name":"x","stream":{}})", "stream", "found an object"},
      {R"({"name":"x","from_start":"yes"})", "from_start", "true or false"},
      {R"({"name":"x","from_start":1})", "from_start", "true or false"},
      {R"({"name":"x","interval":0})", "interval", "1 to 60"},
      {R"({"name":"x","interval":61})", "interval", "1 to 60"},
      {R"({"name":"x","interval":1.5})", "interval", "whole number"},
      {R"({"name":"x","interval":18446744073709551615})", "interval", "1 to 60"},
      {R"({"name":"x","interval":-9223372036854775808})", "interval", "1 to 60"},
      {R"({"name":"x","interval":"5"})", "interval", "found a text"},
      {R"({"name":"x","scopes":"read"})", "scopes", "a list of texts"},
      {R"({"name":"x","scopes":["read",1]})", "scopes[1]", "found a number"},
      {R"({"name":"x","credentials":"abc"})", "credentials", "an object of texts"},
      {R"({"name":"x","credentials":{"bot_token":1}})", "credentials.bot_token", "found a number"},
      {R"({"name":"x","keyboard":{}})", "keyboard", "rows of buttons"},
      {R"({"name":"x","keyboard":[{}]})", "keyboard[0]", "a row of buttons"},
      {R"({"name":"x","keyboard":[["yes"]]})", "keyboard[0][0]", "a button"},
      {R"({"name":"x","keyboard":[[{"data":"a"}]]})", "keyboard[0][0].text", "text"},
      {R"({"name":"x","keyboard":[[{"text":"a"}]]})", "keyboard[0][0]", "data"},
      {R"({"name":"x","keyboard":[[{"text":"a","data":"b","url":"c"}]]})", "keyboard[0][0]", "either"},
      {R"({"name":"x","keyboard":[[],[{"text":"a","date":"b"}]]})", "keyboard[1][0].date", "data"},
  };
  for (const auto& wrong : cases) {
    auto defect = defect_of(wrong.body);
    EXPECT_EQ(defect.kind(), ErrorKind::invalid_input) << wrong.body;
    EXPECT_EQ(defect.field(), wrong.field) << wrong.body << ": " << defect.message();
    EXPECT_NE(defect.message().find(wrong.says), std::string::npos) << wrong.body << ": " << defect.message();
  }
}

TEST(ApiInput, AFullBodyIsRead) {
  auto fields = Fields::parse(R"({"name":"при вет","stream":null,"from_start":true,"interval":60,"scopes":["read"],
      "credentials":{"bot_token":"s3cret"},"keyboard":[[{"text":"Да","data":"yes"},{"text":"Web","url":"https://x"}]]})");
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->required_text("name", 20), "при вет");
  EXPECT_EQ(fields->text("stream", 20), "");
  EXPECT_TRUE(fields->flag("from_start"));
  EXPECT_EQ(fields->whole_number("interval", 1, 60), 60);
  EXPECT_EQ(fields->texts("scopes"), std::vector<std::string>{"read"});
  EXPECT_EQ(fields->required_secrets("credentials").at("bot_token").reveal(), "s3cret");
  auto keyboard = fields->keyboard("keyboard");
  ASSERT_EQ(keyboard.size(), 1U);
  ASSERT_EQ(keyboard[0].size(), 2U);
  EXPECT_EQ(keyboard[0][1].url, "https://x");
  EXPECT_TRUE(fields->finish());
}

TEST(ApiInput, ANumberIsReadWithinItsBounds) {
  auto fields = Fields::parse(R"({"a":0.85,"b":1,"c":null,"d":1.01,"e":"1"})");
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->number("a", 0, 1), 0.85);
  EXPECT_EQ(fields->number("b", 0, 1), 1.0);
  EXPECT_EQ(fields->number("c", 0, 1), std::nullopt);
  EXPECT_EQ(fields->number("missing", 0, 1), std::nullopt);
  EXPECT_EQ(fields->number("d", 0, 1), std::nullopt);
  EXPECT_EQ(fields->number("e", 0, 1), std::nullopt);
  const auto checked = fields->finish();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().field(), "d") << "the first defect is told";
  EXPECT_NE(checked.error().message().find("from 0 to 1."), std::string::npos) << checked.error().message();
}

TEST(ApiInput, AWrongCredentialIsNotRepeated) {
  auto fields = Fields::parse(R"({"credentials":{"token":["hunter2hunter2"]}})");
  ASSERT_TRUE(fields);
  (void)fields->required_secrets("credentials");
  auto checked = fields->finish();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message().find("hunter2"), std::string::npos);
}

TEST(ApiInput, JsonNestedBeyondReasonIsRefused) {
  std::string deep(100'000, '[');
  auto fields = Fields::parse(deep);
  ASSERT_FALSE(fields);
  EXPECT_EQ(fields.error().kind(), ErrorKind::invalid_input);
}

TEST(ApiInput, EveryDefectOfAQueryNamesItsParameter) {
  struct QueryCase {
    const char* target;
    const char* field;
  };
  const std::vector<QueryCase> cases{
      {"/x?limit=0", "limit"},       {"/x?limit=201", "limit"},
      {"/x?limit=-1", "limit"},      {"/x?limit=ten", "limit"},
      {"/x?limit=5x", "limit"},      {"/x?limit=99999999999999999999", "limit"},
      {"/x?status=green", "status"}, {"/x?integration=7", "integration"},
      {"/x?limt=5", "limt"},         {"/x?cursor=%00", "cursor"},
  };
  for (const auto& wrong : cases) {
    Query query(HttpRequest("GET", wrong.target));
    (void)query.choice("status", {"running", "failed"});
    (void)query.id("integration");
    (void)query.page();
    auto checked = query.finish();
    ASSERT_FALSE(checked) << wrong.target;
    EXPECT_EQ(checked.error().field(), wrong.field) << wrong.target;
  }
}

TEST(ApiInput, AQueryIsRead) {
  Query query(HttpRequest("GET", "/x?limit=200&cursor=a%2Bb&status=failed&"));
  EXPECT_EQ(query.choice("status", {"running", "failed"}), "failed");
  auto page = query.page();
  EXPECT_EQ(page.limit, 200);
  EXPECT_EQ(page.cursor, "a+b");
  EXPECT_TRUE(query.finish());
}

}  // namespace
}  // namespace easyflow::api
