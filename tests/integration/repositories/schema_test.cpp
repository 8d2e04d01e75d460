// The schema as the repositories need it: every statement fits it, it isolates tenants, and it goes down and up again.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "storage/repositories/nlp_requests.hpp"
#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

using SchemaTest = test::RepositoryTest;

/// The statements of a source file by name: every `constexpr Sql kName{"name", ...}`.
std::map<std::string, std::string> statements_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream buffer;
  buffer << in.rdbuf();
  const std::string source = buffer.str();
  std::map<std::string, std::string> out;
  const std::string start = "constexpr Sql k";
  for (auto at = source.find(start); at != std::string::npos; at = source.find(start, at + 1)) {
    const auto name_from = source.find('"', at) + 1;
    const auto name_to = source.find('"', name_from);
    const auto name = source.substr(name_from, name_to - name_from);
    auto next = source.find('"', name_to + 1);
    std::string text;
    if (source[next - 1] == 'R') {
      const auto from = source.find('(', next) + 1;
      text = source.substr(from, source.find(")sql\"", from) - from);
    } else {
      const auto end = source.find("};", next);
      for (; next < end; next = source.find('"', next)) {
        const auto to = source.find('"', next + 1);
        text += source.substr(next + 1, to - next - 1);
        next = to + 1;
      }
    }
    EXPECT_TRUE(out.emplace(name, text).second) << name << " stands twice in " << file;
  }
  return out;
}

TEST_F(SchemaTest, EveryStatementFitsTheSchema) {
  pqxx::connection connection(database.app_dsn());
  pqxx::nontransaction session(connection);
  std::map<std::string, std::string> all;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(EASYFLOW_SOURCES) + "/storage/repositories")) {
    if (entry.path().extension() != ".cpp") continue;
    for (const auto& [name, text] : statements_of(entry.path())) {
      EXPECT_TRUE(all.emplace(name, text).second) << name << " names two statements";
      EXPECT_NO_THROW(session.exec("prepare \"" + name + "\" as " + text)) << name;
    }
  }
  EXPECT_GT(all.size(), 80u);
}

/// An index that begins with the integration alone would read all of an account's contacts for each message.
TEST_F(SchemaTest, ContactsAreFoundByTheirWholeKeyWhateverTheStatisticsSay) {
  const auto maintain = [&](const char* statement) {
    pqxx::connection connection(database.owner_dsn());
    pqxx::nontransaction(connection).exec(statement);
  };
  const auto plan = [&] {
    auto explain = [this](Tx& tx) {
      std::string out;
      for (const auto& row : tx.raw().exec("explain select id from contacts where integration_id = '" + a.chat_account +
                                           "' and platform_user_id = '5'"))
        out += row[0].as<std::string>() + "\n";
      return out;
    };
    return loop.run(db.run(Lane::interactive, Scope::tenant(a.tenant_id), explain));
  };
  const std::string whole_key = "'::uuid) AND (platform_user_id = '5'::text))\n";
  EXPECT_THAT(plan(), testing::HasSubstr(whole_key)) << "never analyzed";
  maintain("vacuum analyze contacts");
  EXPECT_THAT(plan(), testing::HasSubstr(whole_key)) << "vacuumed while it was empty";
  loop.run(inbound.store({delivery(a, {message("u1", "5", "11", "one")})}));
  maintain("analyze contacts");
  EXPECT_THAT(plan(), testing::HasSubstr(whole_key)) << "analyzed with one row";
}

/// A plan is made while the tables are empty and serves until they are analyzed: the first sync lies between.
TEST_F(SchemaTest, NumbersAreFoundByTheirWholeKeyInTablesThatHaveGrown) {
  auto rows_read = [this](Tx& tx) {
    auto& connection = tx.raw();
    const auto look_up = [&] { return connection.exec("execute look_up('{number-7,none}')").size(); };
    const std::string statistics =
        "select sum(idx_tup_fetch + seq_tup_read)::bigint from pg_stat_xact_user_tables "
        "where relname in ('orders', 'products')";
    const auto fetched = [&] { return connection.exec(statistics)[0][0].as<long long>(); };
    connection.exec("prepare look_up(text[]) as select * from mentioned($1)");
    look_up();
    const auto columns = " select gen_random_uuid(), '" + a.tenant_id + "', '" + a.market_account +
                         "', 'id-' || i, 'number-' || i, now(), '{}'";
    const std::string rows = ", now() from generate_series(1, 500) i";
    connection.exec(
        "insert into orders (id, tenant_id, integration_id, external_id, external_number, source_updated_at, "
        "raw, ordered_at)" +
        columns + rows);
    connection.exec(
        "insert into products (id, tenant_id, integration_id, external_id, sku, source_updated_at, raw, "
        "created_at)" +
        columns + rows);
    const auto before = fetched();
    EXPECT_EQ(look_up(), 2u);
    return fetched() - before;
  };
  EXPECT_LE(loop.run(db.run(Lane::interactive, Scope::tenant(a.tenant_id), rows_read)), 2);
}

TEST_F(SchemaTest, WithoutATenantNoRowIsSeen) {
  loop.run(inbound.store({delivery(a, {message("u1", "5", "11", "one")})}));
  pqxx::connection connection(database.app_dsn());
  pqxx::nontransaction session(connection);
  const auto tables = session.exec(
      "select table_name from information_schema.columns where column_name = 'tenant_id' and table_schema = 'public'");
  EXPECT_GT(tables.size(), 15u);
  for (const auto& row : tables) {
    const auto table = std::string(row[0].c_str());
    // partitions are reached through their table only
    const auto may = session.exec("select has_table_privilege('" + table + "', 'select')")[0][0].as<bool>();
    if (!may) continue;
    EXPECT_EQ(session.exec("select count(*) from " + table)[0][0].as<int>(), 0) << table;
  }
  EXPECT_EQ(session.exec("select count(*) from tenants")[0][0].as<int>(), 0);
}

/// Everything that makes the schema, as sorted lines.
std::vector<std::string> catalog_of(const std::string& dsn) {
  pqxx::connection connection(dsn);
  pqxx::nontransaction session(connection);
  const auto rows = session.exec(R"sql(
    select line from (
      select 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' '
             || a.attnotnull || ' ' || a.attidentity::text || coalesce(pg_get_expr(d.adbin, d.adrelid), '') as line
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
       where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
      union all
      select 'table ' || c.relname || ' ' || c.relkind::text || ' ' || c.relrowsecurity || c.relforcerowsecurity || ' '
             || coalesce(c.relacl::text, '') || coalesce(c.reloptions::text, '')
             || coalesce(pg_get_expr(c.relpartbound, c.oid), '')
        from pg_class c where c.relnamespace = 'public'::regnamespace
      union all
      select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace
      union all
      select indexdef from pg_indexes where schemaname = 'public'
      union all
      select 'policy ' || tablename || ' ' || policyname || roles::text || coalesce(qual, '') || coalesce(with_check, '')
        from pg_policies where schemaname = 'public'
      union all
      select 'function ' || pg_get_functiondef(p.oid) || pg_get_userbyid(p.proowner) || coalesce(p.proacl::text, '')
        from pg_proc p where p.pronamespace = 'public'::regnamespace
      union all
      select 'enum ' || t.typname || ' ' || string_agg(e.enumlabel, ',' order by e.enumsortorder)
        from pg_enum e join pg_type t on t.oid = e.enumtypid group by t.typname
      union all
      select 'schema ' || coalesce(nspacl::text, '') from pg_namespace where nspname = 'public'
    ) lines order by line)sql");
  std::vector<std::string> out;
  for (const auto& row : rows) out.emplace_back(row[0].c_str());
  return out;
}

TEST_F(SchemaTest, AFilledDatabaseGoesDownAndUpAgain) {
  loop.run(inbound.store({delivery(a, {message("u1", "5", "11", "one")})}));
  auto junk = delivery(a, {});
  junk.quarantine_reason = "no JSON";
  junk.quarantine_key = "junk";
  loop.run(inbound.store({junk}));
  const auto lease =
      loop.run(sync.claim(a.tenant_id, a.market_account, "orders", "n", std::chrono::seconds(60))).value();
  const auto run = loop.run(sync.begin(lease, "orders")).value();
  sdk::OrderRecord order;
  order.external_id = "1";
  order.raw_json = "{}";
  order.items.resize(1);
  sdk::ProductRecord product;
  product.external_id = "1";
  product.raw_json = "{}";
  ASSERT_TRUE(loop.run(sync.store_page(lease, run.run_id, {order, product}, {}, "c")));
  sdk::OutboundMessage answer;
  answer.text = "hello";
  ASSERT_TRUE(loop.run(outbound.enqueue(a.tenant_id, conversations_of(a).at(0).id, answer, "k")));
  crypto::MasterKeyInfo master;
  master.id = "mk_1";
  loop.run(keys.put_master_key(master, "active"));
  crypto::WrappedKey key;
  key.id = "dk_1";
  key.tenant_id = a.tenant_id;
  key.master_key_id = "mk_1";
  loop.run(keys.add_tenant_key(key));
  ApiToken token;
  token.kind = "api";
  loop.run(users.add_token(a.tenant_id, a.user_id, token, std::string(64, 'a')));
  loop.run(
      budgets.take(Lane::interactive, a.tenant_id, a.chat_account, R"([{"bucket":"b","interval_ms":1,"burst":1}])"));
  change(
      a,
      "insert into platform_metrics (tenant_id, platform_id, metric_type, metric_value) select current_tenant(), id, "
      "'errors', 1 from platforms limit 1");
  NlpModelRow model;
  model.version = "shop-1";
  model.data_fingerprint = std::string(64, 'a');
  loop.run(nlp.put_model(a.tenant_id, model, "bytes"));
  NlpExample example;
  example.text = "where is it";
  example.intent = "order_status";
  example.source = "import";
  loop.run(nlp.put_examples(a.tenant_id, {example}));
  loop.run(nlp.put_rules(a.tenant_id, "kind,type,pattern,value\n"));
  IntentAction action;
  action.intent = "order_status";
  action.tag = "where";
  loop.run(nlp.put_action(a.tenant_id, action));
  loop.run(rescores.begin(a.tenant_id, "shop-1", std::nullopt));
  PendingAct act;
  act.integration_id = a.chat_account;
  act.conversation_id = conversations_of(a).at(0).id;
  act.message_id = value(a, "select id from messages limit 1");
  act.intent = "order_status";
  auto put_act = [act](Tx& tx) { put_pending_acts(tx, {act}); };
  loop.run(db.run(Lane::interactive, Scope::tenant(a.tenant_id), put_act));
  auto put_request = [id = act.message_id](Tx& tx) { put_nlp_requests(tx, {NlpRequest{id, {}, true, true}}); };
  loop.run(db.run(Lane::interactive, Scope::tenant(a.tenant_id), put_request));

  std::vector<std::string> empty_tables;
  {
    pqxx::connection connection(database.app_dsn());
    pqxx::nontransaction session(connection);
    session.exec("set app.tenant_id = '" + a.tenant_id + "'");
    for (const auto& row :
         session.exec("select relname from pg_class where relnamespace = 'public'::regnamespace and "
                      "relkind in ('r', 'p') and not relispartition and relname <> 'schema_migrations'")) {
      const std::string table = row[0].c_str();
      if (session.exec("select from " + table + " limit 1").empty()) empty_tables.push_back(table);
    }
  }
  EXPECT_TRUE(empty_tables.empty()) << "this test fills every table; not " << empty_tables.front();

  const auto before = catalog_of(database.owner_dsn());
  const int count = static_cast<int>(embedded_migrations().size());
  MigrationRunner runner(database.owner_dsn());
  const auto down = runner.down(count);
  ASSERT_TRUE(down) << down.error().message();
  EXPECT_EQ(static_cast<int>(down->size()), count);
  const auto bare = catalog_of(database.owner_dsn());
  for (const auto& line : bare) {
    EXPECT_TRUE(line.find("schema_migrations") != std::string::npos || line.rfind("schema ", 0) == 0) << line;
  }
  const auto up = runner.up();
  ASSERT_TRUE(up) << up.error().message();
  EXPECT_EQ(catalog_of(database.owner_dsn()), before);
}

}  // namespace
}  // namespace easyflow::storage
