#include "core/api/meaning_text.hpp"

#include <gtest/gtest.h>

namespace easyflow::api {
namespace {

TEST(MeaningText, SaysTheIntentAndHowSureItIs) {
  storage::Message message;
  EXPECT_EQ(intent_text(message), "") << "nobody has read it";
  message.intent = "order_status";
  EXPECT_EQ(intent_text(message), "order_status");
  message.confidence = 0.93;
  message.nlp_model = "default-1";
  EXPECT_EQ(intent_text(message), "order_status 93 %");
  message.metadata_json = R"({"nlp":{"rejected":true}})";
  EXPECT_EQ(intent_text(message), "not sure");
  message.nlp_model = "operator";
  EXPECT_EQ(intent_text(message), "order_status, as labelled");
  message.nlp_model = "default-1";
  for (const char* odd : {"", "[]", R"({"nlp":[]})", R"({"nlp":{"rejected":"yes"}})"}) {
    message.metadata_json = odd;
    EXPECT_EQ(intent_text(message), "order_status 93 %") << odd;
  }
}

TEST(MeaningText, TellsFactsAndHowTheirRowsStand) {
  storage::Message message;
  message.entities_json = R"([{"type":"order_number","text":"#66102","value":"66102","order_id":"order-1"},
    {"type":"sku","value":"ab-77","product_id":"product-1"},{"type":"datetime","text":"во вторник"},
    {"type":"order_number","value":"5","order_id":"gone"},{"type":"order_number","value":"6","order_id":"order-2"}])";
  EXPECT_EQ(ids_named_in({message}), (std::vector<std::string>{"order-1", "product-1", "gone", "order-2"}));
  storage::CatalogRows catalog;
  catalog.orders.emplace_back().id = "order-1";
  catalog.orders.back().status = "confirm/waiting";
  catalog.orders.emplace_back().id = "order-2";
  catalog.products.emplace_back().id = "product-1";
  catalog.products.back().title = "Wool jumper";
  std::string told;
  for (const auto& fact : facts_of(message, catalog)) told += fact.kind + '|' + fact.value + '|' + fact.known + '\n';
  EXPECT_EQ(told,
            "order number|66102|confirm/waiting\nsku|ab-77|Wool jumper\norder number|6|known\n"
            "datetime|во вторник|\norder number|5|\n");
}

TEST(MeaningText, OddRowsHaveNoFacts) {
  storage::Message message;
  for (const char* odd : {"", "{}", "[1,[],null,{}]", R"([{"type":1,"value":2,"order_id":3}])"}) {
    message.entities_json = odd;
    EXPECT_TRUE(ids_named_in({message}).empty()) << odd;
    EXPECT_TRUE(facts_of(message, {}).empty()) << odd;
  }
}

}  // namespace
}  // namespace easyflow::api
