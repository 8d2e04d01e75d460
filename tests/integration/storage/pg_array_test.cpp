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

TEST(PgColumn, ArrivesAsWritten) {
  test::TestDatabase database(test::kNoMigrations);
  pqxx::connection connection(database.app_dsn());
  pqxx::nontransaction session(connection);
  const auto binary = [](const PgBinary& array) { return pqxx::binarystring(array.bytes); };

  UuidColumn ids;
  ids.add("01a1fddb-124b-7df1-9072-120e064c90ff");
  ids.add("FFFFFFFF-0000-4000-8000-00000000000A");
  TextColumn texts;
  texts.add(R"(a"b\c, {NULL})");
  texts.add(std::string("bad \0 and \xC3", 11));
  BytesColumn bytes;
  bytes.add(std::string("\x00\xff\\", 3));
  bytes.add_null();
  TimestampColumn times;
  times.add(*parse_rfc3339("2026-11-21T09:35:30.123456Z"));
  times.add(*parse_rfc3339("1969-12-31T23:59:59Z"));
  IntegerColumn integers;
  integers.add(-7);
  integers.add(2147483647);
  BigintColumn bigints;
  bigints.add(-9007199254740993);
  bigints.add_null();
  BooleanColumn booleans;
  booleans.add(true);
  booleans.add(false);
  connection.prepare("read", R"sql(
    select a::text, b, encode(c, 'hex'), to_char(d at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e::text, f::text, g::text
      from unnest($1::uuid[], $2::text[], $3::bytea[], $4::timestamptz[], $5::integer[], $6::bigint[], $7::boolean[])
           as t(a, b, c, d, e, f, g))sql");
  const auto rows = session.exec_prepared("read", binary(ids.take()), binary(texts.take()), binary(bytes.take()),
                                          binary(times.take()), binary(integers.take()), binary(bigints.take()),
                                          binary(booleans.take()));
  ASSERT_EQ(rows.size(), 2u);
  const std::vector<std::string> first{"01a1fddb-124b-7df1-9072-120e064c90ff",
                                       R"(a"b\c, {NULL})",
                                       "00ff5c",
                                       "2026-11-21 09:35:30.123456",
                                       "-7",
                                       "-9007199254740993",
                                       "true"};
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(rows[0][static_cast<int>(i)].c_str(), first[i]);
  EXPECT_EQ(rows[1][0].as<std::string>(), "ffffffff-0000-4000-8000-00000000000a");
  EXPECT_EQ(rows[1][1].as<std::string>(), "bad \xEF\xBF\xBD and \xEF\xBF\xBD");
  EXPECT_TRUE(rows[1][2].is_null());
  EXPECT_EQ(rows[1][3].as<std::string>(), "1969-12-31 23:59:59.000000");
  EXPECT_EQ(rows[1][4].as<std::string>(), "2147483647");
  EXPECT_TRUE(rows[1][5].is_null());
  EXPECT_EQ(rows[1][6].as<std::string>(), "false");

  // taken means empty
  EXPECT_EQ(
      session
          .exec_prepared("read", binary(ids.take()), binary(texts.take()), binary(bytes.take()), binary(times.take()),
                         binary(integers.take()), binary(bigints.take()), binary(booleans.take()))
          .size(),
      0u);
}

TEST(PgColumn, RefusesWhatIsNoUuid) {
  for (const char* wrong : {"", "01a1fddb", "01a1fddb-124b-7df1-9072-120e064c90fg",
                            "01a1fddb_124b-7df1-9072-120e064c90ff", "01a1fddb-124b-7df1-9072-120e064c90ff0"}) {
    UuidColumn ids;
    EXPECT_THROW(ids.add(wrong), std::invalid_argument) << wrong;
  }
}

}  // namespace
}  // namespace easyflow::storage
