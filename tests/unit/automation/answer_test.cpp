#include "core/automation/answer.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace easyflow::automation {
namespace {

AnswerValues values(std::string name, std::string order_number) {
  AnswerValues out;
  out.name = std::move(name);
  out.order_number = std::move(order_number);
  return out;
}

TEST(Answer, KnownValuesAreFilledIn) {
  EXPECT_EQ(fill_in("Здравствуйте, {name}! Заказ №{order_number} в пути.", values("Анна", "66102")),
            "Здравствуйте, Анна! Заказ №66102 в пути.");
  EXPECT_EQ(fill_in("{order_number}{order_number}", values("", "7")), "77");
  EXPECT_EQ(fill_in("nothing to fill in", values("Anna", "7")), "nothing to fill in");
}

TEST(Answer, WhatIsNotKnownGoesWithWhatLeadsToIt) {
  struct Case {
    const char* text;
    const char* expected;
  };
  const std::vector<Case> cases{
      {"Здравствуйте, {name}! Заказ №{order_number} в пути.", "Здравствуйте! Заказ в пути."},
      {"Hello {name}! Your order #{order_number} is on its way.", "Hello! Your order is on its way."},
      {"Hello, {name}, your order", "Hello, your order"},
      {"{name}, здравствуйте!", "здравствуйте!"},
      {"Hi!\n{name}: your order", "Hi!\nyour order"},
      {"Your order ({order_number}) is here", "Your order is here"},
      {"Заказ № {order_number}: в пути", "Заказ: в пути"},
      {"{name}", ""},
      {"{name} {order_number}", ""},
  };
  for (const auto& one : cases) EXPECT_EQ(fill_in(one.text, values("", "")), one.expected) << one.text;
}

TEST(Answer, ValuesAreNotReadAgain) {
  EXPECT_EQ(fill_in("Hello, {name}!", values("{order_number}", "secret")), "Hello, {order_number}!");
  EXPECT_EQ(fill_in("Hello, {name}!", values(" An\nna ", "")), "Hello, An na!");
}

TEST(Answer, OtherBracesStay) {
  EXPECT_EQ(fill_in("{}, {Name}, {name", values("Anna", "")), "{}, {Name}, {name");
  EXPECT_EQ(fill_in("{other} {name}", values("Anna", "")), "{other} Anna");
  EXPECT_EQ(unknown_placeholder("Hi {name}, {order_number} {} {A}"), "");
  EXPECT_EQ(unknown_placeholder("Hi {name}, {tracking}"), "{tracking}");
}

TEST(Answer, TheFirstOrderNumberCounts) {
  EXPECT_EQ(
      order_number_in(R"([{"type":"city","value":"Казань"},{"type":"order_number","text":"#66102","value":"66102"},
                               {"type":"order_number","value":"2"}])"),
      "66102");
  EXPECT_EQ(order_number_in(R"([{"type":"order_number","text":"A-1"}])"), "A-1");
  for (const char* odd : {"", "[]", "{}", "null", "[1,null,\"x\"]", R"([{"type":7}])", "not json"})
    EXPECT_EQ(order_number_in(odd), "") << odd;
}

}  // namespace
}  // namespace easyflow::automation
