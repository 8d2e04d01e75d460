#include "storage/pg_array.hpp"

#include <gtest/gtest.h>

#include <pqxx/pqxx>
#include <random>
#include <stdexcept>
#include <vector>

#include "tests/support/pg_fixture.hpp"

namespace easyflow::storage {
namespace {

TEST(PgArray, WritesALiteral) {
  PgArray array;
  EXPECT_EQ(array.take(), "{}");
  array.add("a\"b\\c");
  array.add_null();
  array.add("");
  EXPECT_EQ(array.take(), R"({"a\"b\\c",NULL,""})");
  EXPECT_EQ(array.take(), "{}");
}

TEST(PgArray, ReplacesWhatNoTextMayHold) {
  using namespace std::string_view_literals;
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(clean_text("a\0b"sv), "a" + r + "b");
  EXPECT_EQ(clean_text("\xC3\xA9 \xD0\x96 \xE2\x82\xAC \xF0\x9F\x98\x80"sv),
            "\xC3\xA9 \xD0\x96 \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(clean_text("\xC3"sv), r);                  // cut short
  EXPECT_EQ(clean_text("\xC0\x80"sv), r + r);          // overlong
  EXPECT_EQ(clean_text("\xED\xA0\x80"sv), r + r + r);  // surrogate
  EXPECT_EQ(clean_text("\xF4\x90\x80\x80x"sv), r + r + r + r + "x");
}

TEST(PgArray, ReadsHexOnly) {
  EXPECT_EQ(parse_bytea(hex_bytea(std::string("\x00\xff\\\"", 4))), std::string("\x00\xff\\\"", 4));
  EXPECT_EQ(parse_bytea("\\xAb"), "\xab");
  for (const char* wrong : {"", "\\", "ab", "\\xa", "\\xzz"}) EXPECT_THROW(parse_bytea(wrong), std::invalid_argument);
}

TEST(PgArray, RoundTripsThroughTheServer) {
  test::TestDatabase database(test::kNoMigrations);
  pqxx::connection connection(database.app_dsn());
  pqxx::nontransaction session(connection);

  std::vector<std::string> values = {"",           "NULL",     "null",     "{}",         "{a,b}",
                                     ",",          " leading", "tail ",    "\"",         "\\",
                                     "\\\\\"\\\"", "'",        "''; --",   "\n\r\t\v\f", "$1",
                                     "\\x00",      "%s",       "\xD0\x96", "\x01\x7f",   "\xF0\x9F\x98\x80"};
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(random() % 60, ' ');
    for (auto& c : bytes) c = static_cast<char>(random());
    values.push_back(bytes);
  }
  PgArray texts, bytes;
  for (const auto& value : values) {
    texts.add(value);
    bytes.add(hex_bytea(value));
  }
  texts.add_null();
  bytes.add_null();
  const auto rows =
      session.exec_params("select t, b from unnest($1::text[], $2::bytea[]) as u(t, b)", texts.take(), bytes.take());
  ASSERT_EQ(rows.size(), values.size() + 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto row = rows[static_cast<pqxx::result::size_type>(i)];
    EXPECT_EQ(row[0].as<std::string>(), clean_text(values[i])) << i;
    EXPECT_EQ(parse_bytea(row[1].as<std::string>()), values[i]) << i;
  }
  EXPECT_TRUE(rows[rows.size() - 1][0].is_null());
  EXPECT_TRUE(rows[rows.size() - 1][1].is_null());
}

}  // namespace
}  // namespace easyflow::storage
