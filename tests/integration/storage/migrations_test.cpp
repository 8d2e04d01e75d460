#include "storage/migrations.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <pqxx/pqxx>
#include <thread>

#include "storage/database.hpp"
#include "tests/support/pg_fixture.hpp"

namespace easyflow::storage {
namespace {

using State = MigrationStatus::State;

const std::vector<Migration>& small_set() {
  static const std::vector<Migration> all{
      {1, "shelves", "create type size as enum ('small', 'large'); create table shelves(id int primary key, s size)",
       "drop table shelves; drop type size", "sum-1"},
      {2, "boxes", "create table boxes(id int primary key, shelf int references shelves); create index on boxes(shelf)",
       "drop table boxes", "sum-2"},
      {3, "labels", "alter table boxes add label text; insert into shelves values (1, 'small')",
       "alter table boxes drop column label; delete from shelves", "sum-3"},
  };
  return all;
}

/// Everything the catalogs say about the schema, one line a fact.
std::vector<std::string> catalog(const std::string& dsn) {
  pqxx::connection connection(dsn);
  pqxx::nontransaction session(connection);
  std::vector<std::string> lines;
  const auto rows = session.exec(R"sql(
    with ours as (select oid from pg_namespace where nspname = 'public')
    select concat_ws(' ', 'column', c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl,
                     pg_get_userbyid(c.relowner), pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
                     a.attnum > 0, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                     a.attgenerated, pg_get_expr(d.adbin, d.adrelid), a.attacl)
    from pg_class c join ours on c.relnamespace = ours.oid
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relname <> 'schema_migrations' and c.relname <> 'schema_migrations_pkey'
    union all
    select 'index ' || indexdef from pg_indexes where schemaname = 'public' and tablename <> 'schema_migrations'
    union all
    select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(k.oid))
    from pg_constraint k join ours on k.connamespace = ours.oid where conrelid::regclass::text <> 'schema_migrations'
    union all
    select concat_ws(' ', 'enum', t.typname, e.enumsortorder, e.enumlabel)
    from pg_type t join ours on t.typnamespace = ours.oid join pg_enum e on e.enumtypid = t.oid
    union all
    select concat_ws(' ', 'function', pg_get_functiondef(p.oid), p.proacl, pg_get_userbyid(p.proowner))
    from pg_proc p join ours on p.pronamespace = ours.oid
    where p.prokind in ('f', 'p') and not exists (select from pg_depend where objid = p.oid and deptype = 'e')
    union all
    select concat_ws(' ', 'policy', tablename, policyname, permissive, roles, cmd, qual, with_check) from pg_policies
    union all
    select concat_ws(' ', 'trigger', pg_get_triggerdef(oid)) from pg_trigger where not tgisinternal
    union all
    select concat_ws(' ', 'extension', extname, extversion) from pg_extension
    order by 1)sql");
  for (const auto& row : rows) lines.push_back(row[0].as<std::string>());
  return lines;
}

class MigrationsTest : public testing::Test {
 protected:
  MigrationsTest() : database_(test::kNoMigrations) {}

  void execute(const std::string& sql) {
    pqxx::connection connection(database_.owner_dsn());
    pqxx::nontransaction(connection).exec(sql);
  }

  std::vector<State> states(MigrationRunner runner) {
    std::vector<State> all;
    const auto status = runner.status();
    EXPECT_TRUE(status) << status.error().message();
    for (const auto& one : *status) all.push_back(one.state);
    return all;
  }

  MigrationRunner runner() { return MigrationRunner(database_.owner_dsn(), small_set()); }

  test::TestDatabase database_;
};

TEST_F(MigrationsTest, GoUpDownAndUpAgainToTheSameSchema) {
  const auto empty = catalog(database_.owner_dsn());
  EXPECT_EQ(*runner().up(), (std::vector<int>{1, 2, 3}));
  const auto full = catalog(database_.owner_dsn());
  EXPECT_EQ(*runner().up(), std::vector<int>{});
  EXPECT_EQ(*runner().down(1), std::vector<int>{3});
  EXPECT_EQ(*runner().down(5), (std::vector<int>{2, 1}));
  EXPECT_EQ(catalog(database_.owner_dsn()), empty);
  EXPECT_EQ(*runner().up(2), (std::vector<int>{1, 2}));
  EXPECT_EQ(states(runner()), (std::vector{State::applied, State::applied, State::pending}));
  EXPECT_EQ(*runner().up(), std::vector<int>{3});
  EXPECT_EQ(catalog(database_.owner_dsn()), full);
}

TEST_F(MigrationsTest, ShowWhenTheyWereApplied) {
  ASSERT_TRUE(runner().up(1));
  const auto status = *runner().status();
  ASSERT_EQ(status.size(), 3U);
  EXPECT_EQ(status[0].name, "shelves");
  EXPECT_EQ(status[0].applied_at.size(), std::string("2026-11-21T09:35:30Z").size());
  EXPECT_EQ(status[1].applied_at, "");
}

TEST_F(MigrationsTest, RefuseADatabaseMadeFromOtherTexts) {
  ASSERT_TRUE(runner().up(2));
  auto changed = small_set();
  changed[1].checksum = "another";
  MigrationRunner drifted(database_.owner_dsn(), changed);
  EXPECT_EQ(states(drifted), (std::vector{State::applied, State::drifted, State::pending}));
  for (const auto& result : {drifted.up(), drifted.down(1)}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind(), ErrorKind::conflict);
    EXPECT_NE(result.error().message().find("0002_boxes"), std::string::npos);
  }
  EXPECT_EQ(states(runner()), (std::vector{State::applied, State::applied, State::pending}));
}

TEST_F(MigrationsTest, RefuseADatabaseNewerThanTheProgram) {
  ASSERT_TRUE(runner().up());
  MigrationRunner older(database_.owner_dsn(), {small_set()[0], small_set()[1]});
  EXPECT_EQ(states(older), (std::vector{State::applied, State::applied, State::unknown}));
  for (const auto& result : {older.up(), older.down(1)}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind(), ErrorKind::conflict);
  }
}

TEST_F(MigrationsTest, AreRolledBackWholeWhenAStatementFails) {
  auto broken = small_set();
  broken[1].up_sql = "create table boxes(id int); insert into shelves values (9, 'small'); selekt 1";
  const auto result = MigrationRunner(database_.owner_dsn(), broken).up();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::internal);
  EXPECT_NE(result.error().message().find("0002_boxes"), std::string::npos);
  EXPECT_NE(result.error().message().find("selekt"), std::string::npos);
  EXPECT_EQ(*runner().up(), (std::vector<int>{2, 3}));
}

TEST_F(MigrationsTest, DoNotQuoteStoredValuesInErrors) {
  auto broken = small_set();
  broken[1].up_sql = "insert into shelves values (424242, 'small'), (424242, 'small')";
  const auto result = MigrationRunner(database_.owner_dsn(), broken).up();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message().find("424242"), std::string::npos) << result.error().message();
}

TEST_F(MigrationsTest, RefuseNonsense) {
  EXPECT_EQ(runner().up(7).error().kind(), ErrorKind::invalid_input);
  EXPECT_EQ(runner().down(0).error().kind(), ErrorKind::invalid_input);
  EXPECT_THROW(MigrationRunner("host=/nowhere", small_set()).up(), StorageDown);
}

TEST_F(MigrationsTest, AreAppliedOnceByTwoRunnersAtATime) {
  std::vector<std::vector<int>> done(4);
  std::vector<std::thread> threads;
  for (auto& mine : done) threads.emplace_back([&] { mine = *runner().up(); });
  for (auto& thread : threads) thread.join();
  std::vector<int> all;
  for (const auto& mine : done) all.insert(all.end(), mine.begin(), mine.end());
  EXPECT_EQ(all, (std::vector<int>{1, 2, 3}));
}

TEST_F(MigrationsTest, OfThisProgramGoUpDownAndUpAgainToTheSameSchema) {
  const auto& embedded = embedded_migrations();
  ASSERT_FALSE(embedded.empty());
  EXPECT_TRUE(std::is_sorted(embedded.begin(), embedded.end(),
                             [](const auto& a, const auto& b) { return a.version < b.version; }));
  const auto empty = catalog(database_.owner_dsn());
  MigrationRunner all(database_.owner_dsn());
  const auto first = all.up();
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->size(), embedded.size());
  const auto full = catalog(database_.owner_dsn());
  EXPECT_GT(full.size(), empty.size());
  for (std::size_t i = 0; i < embedded.size(); ++i) {
    const auto reverted = all.down(1);
    ASSERT_TRUE(reverted) << reverted.error().message();
  }
  EXPECT_EQ(catalog(database_.owner_dsn()), empty);
  const auto again = all.up();
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(catalog(database_.owner_dsn()), full);
}

}  // namespace
}  // namespace easyflow::storage
