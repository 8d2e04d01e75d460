#include "core/config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace easyflow {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::vector<std::string> kPlatforms = {"telegram", "wildberries"};

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "easyflow_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    sources_.environment["HOME"] = "/home/seller";
    sources_.platform_ids = kPlatforms;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text, unsigned mode = 0600) {
    std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    std::filesystem::permissions(path, static_cast<std::filesystem::perms>(mode));
    return path;
  }
  void file(const std::string& text) { sources_.file = write("easyflow.toml", text); }
  void dotenv(const std::string& text, unsigned mode = 0600) { sources_.dotenv_path = write(".env", text, mode); }

  Config load() {
    auto config = load_config(sources_);
    if (!config) throw ErrorException(config.error());
    return *std::move(config);
  }
  /// The one line of faults that is expected.
  std::string fault() {
    auto config = load_config(sources_);
    if (config) return "no fault";
    EXPECT_EQ(config.error().kind(), ErrorKind::invalid_input);
    EXPECT_EQ(config.error().message().find('\n'), std::string::npos) << config.error().message();
    return config.error().message();
  }
  static ConfigEntry entry(const Config& config, const std::string& key) {
    auto found =
        std::find_if(config.entries.begin(), config.entries.end(), [&](const auto& e) { return e.key == key; });
    return found == config.entries.end() ? ConfigEntry() : *found;
  }

  std::filesystem::path folder_;
  ConfigSources sources_;
};

TEST_F(ConfigTest, HoldsTheDefaultsWithoutAnySource) {
  Config config = load();
  EXPECT_EQ(config.server.address, "127.0.0.1");
  EXPECT_EQ(config.server.port, 8080);
  EXPECT_EQ(config.server.public_url, "");
  EXPECT_EQ(config.server.max_body, 1024u * 1024);
  EXPECT_EQ(config.server.log_format, "text");
  EXPECT_EQ(config.server.log_level, "info");
  EXPECT_TRUE(config.database.dsn.empty());
  EXPECT_TRUE(config.database.owner_dsn.empty());
  EXPECT_EQ(config.database.pool_size, 20);
  EXPECT_EQ(config.database.max_overflow, 10);
  EXPECT_EQ(config.database.acquire_timeout, std::chrono::seconds(10));
  EXPECT_EQ(config.database.recycle_after, std::chrono::hours(1));
  EXPECT_EQ(config.database.pre_ping_after, std::chrono::seconds(10));
  EXPECT_EQ(config.database.statement_timeout, std::chrono::seconds(30));
  EXPECT_TRUE(config.keys.master_key.empty());
  EXPECT_EQ(config.keys.file, config.data.dir + "/master.key");
  EXPECT_EQ(config.sync.poll_interval, std::chrono::seconds(10));
  EXPECT_EQ(config.sync.max_parallel, 4);
  EXPECT_EQ(config.sync.lease, std::chrono::minutes(1));
  EXPECT_EQ(config.ingest.max_batch, 256);
  EXPECT_EQ(config.ingest.max_wait_queue, 10000);
  EXPECT_EQ(config.ingest.parallel, 2);
  EXPECT_EQ(config.outbound.poll_interval, std::chrono::seconds(10));
  EXPECT_EQ(config.outbound.max_parallel, 16);
  EXPECT_TRUE(config.nlp.enabled);
  EXPECT_EQ(config.nlp.provider, "embedded");
  EXPECT_EQ(config.nlp.provider_url, "");
  EXPECT_TRUE(config.nlp.provider_token.empty());
  EXPECT_EQ(config.nlp.provider_timeout, std::chrono::seconds(2));
  EXPECT_EQ(config.nlp.provider_parallel, 4);
  EXPECT_EQ(config.retention.inbound_body_days, 30);
  EXPECT_EQ(config.retention.outbox_days, 7);
  EXPECT_EQ(config.retention.sync_log_days, 90);
  EXPECT_EQ(config.retention.outbound_days, 90);
  EXPECT_EQ(config.platforms.at("telegram").base_url, "");
  EXPECT_EQ(config.entries.size(), config_keys().size() + kPlatforms.size());
  for (const ConfigEntry& e : config.entries) EXPECT_EQ(e.origin, "default") << e.key;
}

TEST_F(ConfigTest, LaterSourcesWinAndEveryOriginIsKept) {
  file("[server]\nport = 1001\nlog_level = \"debug\"\n\n[database]\npool_size = 1\nmax_overflow = 1\n");
  sources_.environment["EASYFLOW_SERVER_PORT"] = "1002";
  sources_.environment["EASYFLOW_DATABASE_POOL_SIZE"] = "2";
  sources_.environment["EASYFLOW_DATABASE_MAX_OVERFLOW"] = "2";
  dotenv("# comment\n\nEASYFLOW_SERVER_PORT=1003\nexport EASYFLOW_DATABASE_MAX_OVERFLOW = 3\n");
  sources_.flags["server.port"] = "1004";
  Config config = load();
  EXPECT_EQ(config.server.port, 1004);
  EXPECT_EQ(entry(config, "server.port").origin, "flag --server.port");
  EXPECT_EQ(entry(config, "server.port").value, "1004");
  EXPECT_EQ(config.database.max_overflow, 3);
  EXPECT_EQ(entry(config, "database.max_overflow").origin, *sources_.dotenv_path + ":4");
  EXPECT_EQ(config.database.pool_size, 2);
  EXPECT_EQ(entry(config, "database.pool_size").origin, "environment EASYFLOW_DATABASE_POOL_SIZE");
  EXPECT_EQ(config.server.log_level, "debug");
  EXPECT_EQ(entry(config, "server.log_level").origin, "file " + *sources_.file + ":3");
  EXPECT_EQ(entry(config, "server.address").origin, "default");
}

TEST_F(ConfigTest, ReadsUnits) {
  file(R"([server]
max_body = "512KB"
[database]
recycle_after = "90m"
[sync]
poll_interval = "250ms"
lease = "2m"
)");
  Config config = load();
  EXPECT_EQ(config.server.max_body, 512u * 1024);
  EXPECT_EQ(config.database.recycle_after, std::chrono::minutes(90));
  EXPECT_EQ(config.sync.poll_interval, std::chrono::milliseconds(250));
  EXPECT_EQ(config.sync.lease, std::chrono::minutes(2));
}

TEST_F(ConfigTest, ListsAllFaultsTogether) {
  file("[server]\nport = \"8080\"\nprot = 1\n[sync]\nlease = \"60\"\n");
  sources_.environment["EASYFLOW_SERVER_LOG_FORMAT"] = "xml";
  sources_.environment["EASYFLOW_SERVR_PORT"] = "1";
  sources_.flags["sync.max_parallel"] = "many";
  auto config = load_config(sources_);
  ASSERT_FALSE(config);
  const std::string all = config.error().message();
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 5) << all;
  EXPECT_THAT(all, HasSubstr("server.port (file " + *sources_.file + ":2): is not a whole number; write it without"));
  EXPECT_THAT(all, HasSubstr("server.prot (file " + *sources_.file + ":3): unknown key; did you mean server.port?"));
  EXPECT_THAT(all, HasSubstr("sync.lease (file " + *sources_.file + ":5): \"60\" is not a duration with its unit"));
  EXPECT_THAT(all, HasSubstr("(environment EASYFLOW_SERVER_LOG_FORMAT): \"xml\" is none of: text, json"));
  EXPECT_THAT(all, HasSubstr("EASYFLOW_SERVR_PORT (environment EASYFLOW_SERVR_PORT): unknown variable; did you mean "
                             "EASYFLOW_SERVER_PORT?"));
  EXPECT_THAT(all, HasSubstr("sync.max_parallel (flag --sync.max_parallel): \"many\" is not a whole number; write one "
                             "from 1 to 1000"));
}

TEST_F(ConfigTest, RefusesBadValues) {
  const std::vector<std::array<std::string, 3>> cases = {
      {"server.port", "65536", "from 0 to 65535"},
      {"server.port", "-1", "is not a whole number"},
      {"nlp.enabled", "yes", "\"yes\" is neither true nor false"},
      {"nlp.provider", "dialogflow", "is none of: embedded, rasa, openai"},
      {"nlp.provider_url", "http://api.example.com/v1", "must begin with https://"},
      {"nlp.provider_timeout", "2m", "is out of range"},
      {"server.port", "", "is not a whole number"},
      {"server.port", "80 ", "is not a whole number"},
      {"server.port", "99999999999999999999", "is not a whole number"},
      {"server.address", "localhost", "is not an IP address"},
      {"server.address", "", "is not an IP address"},
      {"server.max_body", "1000", "a size with its unit"},
      {"server.max_body", "1TB", "a size with its unit"},
      {"server.max_body", "9999999999999GB", "a size with its unit"},
      {"server.max_body", "1GB", "from 1KB to 100MB"},
      {"server.log_level", "Info", "is none of: debug, info, warn, error"},
      {"database.acquire_timeout", "1500ms", "write whole seconds"},
      {"database.acquire_timeout", "0s", "from 1s to 10m"},
      {"sync.poll_interval", "5", "a duration with its unit"},
      {"sync.poll_interval", "5 s", "a duration with its unit"},
      {"sync.poll_interval", "10ms", "from 100ms to 1h"},
      {"database.pool_size", "0", "from 1 to 500"},
      {"database.dsn", "my database", "is not a connection string"},
      {"server.public_url", "http://hub.example.com", "must begin with https://"},
      {"server.public_url", "ftp://hub.example.com", "must begin with https://"},
      {"server.public_url", "hub.example.com", "is not a URL"},
      {"server.public_url", "https://", "names no host"},
      {"server.public_url", "https://hub.example.com/?a=b", "holds '?'"},
      {"platforms.telegram.base_url", "http://10.0.0.1:9000", "must begin with https://"},
  };
  for (const auto& [key, value, problem] : cases) {
    sources_.flags = {{key, value}};
    std::string text = fault();
    EXPECT_THAT(text, StartsWith(key + " (flag --" + key + "): ")) << value;
    EXPECT_THAT(text, HasSubstr(problem)) << value;
  }
}

TEST_F(ConfigTest, TakesAddressesOfPlatformsAndOfTheHub) {
  sources_.flags["server.public_url"] = "https://hub.example.com/flow/";
  sources_.flags["platforms.telegram.base_url"] = "http://127.0.0.1:9001";
  sources_.environment["EASYFLOW_PLATFORMS_WILDBERRIES_BASE_URL"] = "http://sandbox:9002/";
  Config config = load();
  EXPECT_EQ(config.server.public_url, "https://hub.example.com/flow");
  EXPECT_EQ(config.platforms.at("telegram").base_url, "http://127.0.0.1:9001");
  EXPECT_EQ(config.platforms.at("wildberries").base_url, "http://sandbox:9002");
  EXPECT_EQ(entry(config, "platforms.wildberries.base_url").origin,
            "environment EASYFLOW_PLATFORMS_WILDBERRIES_BASE_URL");
  for (const std::string& url :
       {std::string("http://[::1]:9000"), std::string("http://localhost"), std::string("https://10.0.0.1:9000")}) {
    sources_.flags["platforms.telegram.base_url"] = url;
    EXPECT_EQ(load().platforms.at("telegram").base_url, url);
  }
}

TEST_F(ConfigTest, NamesTheNearestPlatform) {
  file("[platforms.telegarm]\nbase_url = \"http://localhost\"\n");
  EXPECT_THAT(fault(), EndsWith("unknown key; did you mean platforms.telegram.base_url?"));
  file("[platforms.telegram]\nbase_ur = \"http://localhost\"\n");
  EXPECT_THAT(fault(), EndsWith("did you mean platforms.telegram.base_url?"));
  sources_.file.reset();
  sources_.environment["EASYFLOW_PLATFORMS_TELEGARM_BASE_URL"] = "http://localhost";
  EXPECT_THAT(fault(), EndsWith("did you mean EASYFLOW_PLATFORMS_TELEGRAM_BASE_URL?"));
  sources_.platform_ids.clear();
  EXPECT_EQ(load().platforms.at("telegarm").base_url, "http://localhost");
}

TEST_F(ConfigTest, UnknownKeysNameTheNearest) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[databse]\npool_size = 3\n", "did you mean database.pool_size?"},
      {"port = 1\n", "did you mean server.port?"},
      {"[server]\nmax_bdy = \"1MB\"\n", "did you mean server.max_body?"},
      {"[zzzzzzzzzzzzzzzz]\n", "config/easyflow.example.toml lists the keys"},
      {"server = 1\n", "unknown key"},
      {"[server.port]\nx = 1\n", "did you mean server.port?"},
      {"[[server]]\nport = 1\n", "unknown key"},
  };
  for (const auto& [text, problem] : cases) {
    file(text);
    EXPECT_THAT(fault(), HasSubstr(problem)) << text;
  }
  sources_.file.reset();
  sources_.flags["sync.pol_interval"] = "5s";
  EXPECT_EQ(fault(), "sync.pol_interval (flag --sync.pol_interval): unknown key; did you mean sync.poll_interval?");
}

TEST_F(ConfigTest, WrongTypesInTheFile) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[server]\nport = 80.5\n", "is not a whole number"},
      {"[server]\nport = true\n", "is not a whole number"},
      {"[server]\nlog_level = 3\n", "is not a text; put it in quotes"},
      {"[server]\nlog_level = [\"info\"]\n", "is not a text; put it in quotes"},
      {"[sync]\nlease = 60\n", "is not a text; put it in quotes"},
      {"[platforms.telegram]\nbase_url = 5\n", "is not a text; put it in quotes"},
      {"[server\nport = 1\n", "is not TOML here"},
      {"[server]\nport = 1\nport = 2\n", "is not TOML here"},
      {std::string("\xff\xfe junk", 8), "is not TOML here"},
      {std::string("[server]\naddress = \"127.0.0.1\\u0000\"\n"), "zero byte"},
  };
  for (const auto& [text, problem] : cases) {
    file(text);
    EXPECT_THAT(fault(), HasSubstr(problem)) << text;
  }
}

TEST_F(ConfigTest, AFileThatWasNamedMustBeReadable) {
  sources_.file = (folder_ / "none.toml").string();
  EXPECT_THAT(fault(), HasSubstr("none.toml): cannot be read; check path and rights"));
  sources_.file = folder_.string();
  EXPECT_THAT(fault(), HasSubstr("cannot be read"));
  file(std::string(2 * 1024 * 1024, '#'));
  EXPECT_THAT(fault(), HasSubstr("is larger than 1 MB"));
  sources_.file.reset();
  sources_.dotenv_path = (folder_ / "none.env").string();
  EXPECT_EQ(load().server.port, 8080) << "a missing .env is none";
}

TEST_F(ConfigTest, TheMasterKeyComesFromTheEnvironmentOnly) {
  const std::string key = "mk_00112233445566aa QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
  file("[keys]\nmaster_key = \"" + key + "\"\n");
  std::string text = fault();
  EXPECT_THAT(text, HasSubstr("must not stand in this file"));
  EXPECT_THAT(text, Not(HasSubstr("QUFB")));
  file("[keys]\nmaster_key = 5\n");
  EXPECT_THAT(fault(), HasSubstr("must not stand in this file"));
  sources_.file.reset();
  sources_.flags["keys.master_key"] = key;
  text = fault();
  EXPECT_THAT(text, HasSubstr("can be seen by every user"));
  EXPECT_THAT(text, Not(HasSubstr("QUFB")));
  sources_.flags.clear();
  sources_.environment["EASYFLOW_KEYS_MASTER_KEY"] = key;
  text = fault();
  EXPECT_THAT(text, EndsWith("did you mean EASYFLOW_MASTER_KEY?"));
  EXPECT_THAT(text, Not(HasSubstr("QUFB")));
  sources_.environment.erase("EASYFLOW_KEYS_MASTER_KEY");

  sources_.environment["EASYFLOW_MASTER_KEY"] = key;
  Config config = load();
  EXPECT_EQ(config.keys.master_key.reveal(), key);
  EXPECT_EQ(entry(config, "keys.master_key").value, "***");
  EXPECT_TRUE(entry(config, "keys.master_key").secret);
  EXPECT_EQ(entry(config, "keys.master_key").origin, "environment EASYFLOW_MASTER_KEY");
  sources_.flags["keys.file"] = "/keys/master.key";
  EXPECT_THAT(fault(), HasSubstr("keep one of them"));
}

TEST_F(ConfigTest, TheProvidersTokenComesFromTheEnvironmentOnly) {
  file("[nlp]\nprovider_token = \"sk-secret\"\n");
  std::string text = fault();
  EXPECT_THAT(text, HasSubstr("must not stand in this file"));
  EXPECT_THAT(text, HasSubstr("EASYFLOW_NLP_PROVIDER_TOKEN"));
  EXPECT_THAT(text, Not(HasSubstr("sk-secret")));
  sources_.file.reset();
  sources_.flags["nlp.provider_token"] = "sk-secret";
  text = fault();
  EXPECT_THAT(text, HasSubstr("can be seen by every user"));
  EXPECT_THAT(text, Not(HasSubstr("sk-secret")));
  sources_.flags.clear();
  dotenv("EASYFLOW_NLP_PROVIDER_TOKEN=sk-secret\n", 0644);
  EXPECT_THAT(fault(), EndsWith("close it: chmod 600 " + *sources_.dotenv_path));
  dotenv("EASYFLOW_NLP_PROVIDER_TOKEN=sk-secret\n", 0600);
  const Config config = load();
  EXPECT_EQ(config.nlp.provider_token.reveal(), "sk-secret");
  EXPECT_EQ(entry(config, "nlp.provider_token").value, "***");
  EXPECT_TRUE(entry(config, "nlp.provider_token").secret);
}

TEST_F(ConfigTest, AProviderNeedsAnAddressAndALanguageModelAName) {
  sources_.flags["nlp.provider"] = "rasa";
  EXPECT_THAT(fault(), HasSubstr("nlp.provider_url (default): rasa needs it"));
  sources_.flags["nlp.provider_url"] = "http://127.0.0.1:5005/";
  EXPECT_EQ(load().nlp.provider_url, "http://127.0.0.1:5005");
  sources_.flags["nlp.provider"] = "openai";
  EXPECT_THAT(fault(), HasSubstr("nlp.provider_model (default): openai needs it"));
  sources_.flags["nlp.provider_model"] = "small";
  EXPECT_EQ(load().nlp.provider_model, "small");
  sources_.flags["nlp.enabled"] = "false";
  EXPECT_THAT(fault(), HasSubstr("nlp.provider (flag --nlp.provider): nlp.enabled is false"));
}

TEST_F(ConfigTest, ADotenvWithTheMasterKeyMustBePrivate) {
  const std::string text = "EASYFLOW_MASTER_KEY=\"mk_00112233445566aa QUFB old\\nmk_00112233445566bb QkJC active\"\n";
  dotenv(text, 0644);
  EXPECT_THAT(fault(), EndsWith("close it: chmod 600 " + *sources_.dotenv_path));
  dotenv(text, 0600);
  EXPECT_EQ(load().keys.master_key.reveal(), "mk_00112233445566aa QUFB old\nmk_00112233445566bb QkJC active");
}

TEST_F(ConfigTest, ReadsDotenvForms) {
  dotenv(
      "\n  # comment\r\nOTHER_PROGRAM=\"unclosed\nEASYFLOW_SERVER_LOG_FORMAT=json # as the collector wants\r\n"
      "EASYFLOW_DATA_DIR='/srv/a b#c'\nEASYFLOW_KEYS_FILE=\"/srv/\\\"k\\\\\" # note\nEASYFLOW_SERVER_ADDRESS=::1\n");
  Config config = load();
  EXPECT_EQ(config.server.log_format, "json");
  EXPECT_EQ(config.data.dir, "/srv/a b#c");
  EXPECT_EQ(config.keys.file, "/srv/\"k\\");
  EXPECT_EQ(config.server.address, "::1");
  for (const char* wrong : {"EASYFLOW_DATA_DIR='/srv", "EASYFLOW_DATA_DIR=\"/srv\" x"}) {
    dotenv(wrong);
    EXPECT_THAT(fault(), HasSubstr(":1): the quotes are not closed")) << wrong;
  }
  dotenv("EASYFLOW_SERVER_PORT 80\n");
  EXPECT_THAT(fault(), HasSubstr("no '='"));
  dotenv("EASYFLOW_CONFIG=x.toml\n");
  EXPECT_THAT(fault(), HasSubstr("use --config"));
}

TEST_F(ConfigTest, VariablesThatAreNoKeysPass) {
  sources_.environment["EASYFLOW_CONFIG"] = "x.toml";
  sources_.environment["EASYFLOW_TOKEN"] = "ef_x";
  sources_.environment["EASYFLOW_URL"] = "http://localhost:8080";
  sources_.environment["EASYFLOW_TEST_PG"] = "1";
  sources_.environment["EASYFLOW_BENCH_SECONDS"] = "1";
  sources_.environment["PATH"] = "/bin";
  EXPECT_EQ(load().server.port, 8080);
}

TEST_F(ConfigTest, PasswordsOfConnectionStringsAreMasked) {
  sources_.environment["EASYFLOW_DATABASE_DSN"] = "host=db user=hub password=sample2 dbname=easyflow";
  sources_.environment["EASYFLOW_DATABASE_OWNER_DSN"] = "postgresql://owner:sample2@db/easyflow";
  Config config = load();
  EXPECT_EQ(config.database.dsn.reveal(), "host=db user=hub password=sample2 dbname=easyflow");
  EXPECT_EQ(entry(config, "database.dsn").value, "host=db user=hub password=*** dbname=easyflow");
  EXPECT_EQ(entry(config, "database.owner_dsn").value, "postgresql://owner:***@db/easyflow");
  sources_.environment["EASYFLOW_DATABASE_DSN"] = "sample2";
  EXPECT_THAT(fault(), Not(HasSubstr("sample2")));
}

TEST_F(ConfigTest, APasswordInAFlagIsRefused) {
  sources_.flags["database.dsn"] = "postgresql://hub:sample2@db/easyflow";
  std::string text = fault();
  EXPECT_THAT(text, HasSubstr("set EASYFLOW_DATABASE_DSN"));
  EXPECT_THAT(text, Not(HasSubstr("sample2")));
  sources_.flags["database.dsn"] = "postgresql://hub@db/easyflow";
  EXPECT_EQ(load().database.owner_dsn.reveal(), "postgresql://hub@db/easyflow") << "migrations use it too";
}

TEST_F(ConfigTest, AnOwnerWithoutDatabaseIsAFault) {
  sources_.flags["database.owner_dsn"] = "host=db";
  EXPECT_THAT(fault(), HasSubstr("database.dsn is not set"));
}

TEST(MaskDsn, HidesEveryPassword) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"host=/run/postgresql dbname=x", "host=/run/postgresql dbname=x"},
      {"password=a", "password=***"},
      {"PassWord = 'a b\\' c' host=h", "PassWord=*** host=h"},
      {"password=a\\ b host=h", "password=*** host=h"},
      {"sslpassword=a sslkey=/k", "sslpassword=*** sslkey=/k"},
      {"password='unclosed host=h", "***"},
      {"just words", "***"},
      {"postgresql://h/db", "postgresql://h/db"},
      {"postgresql://u@h:5432/db", "postgresql://u@h:5432/db"},
      {"postgres://h1:1,h2:2/db", "postgres://h1:1,h2:2/db"},
      {"postgres://u:p@h:5432/db?sslmode=require", "postgres://u:***@h:5432/db?sslmode=require"},
      {"postgres://u:p@ss/w?rd@h/db", "postgres://u:***@h/db"},
      {"postgres:///db?user=u&password=p&sslmode=require", "postgres:///db?user=u&password=***&sslmode=require"},
      {"postgres:///db?PASSWORD=p", "postgres:///db?PASSWORD=***"},
      {"postgres:///db?pass%77ord=p&sslpassword=q", "postgres:///db?pass%77ord=***&sslpassword=***"},
  };
  for (const auto& [dsn, masked] : cases) EXPECT_EQ(mask_dsn(dsn), masked) << dsn;
}

TEST_F(ConfigTest, PathsAreAbsolute) {
  sources_.flags["data.dir"] = "var/../state/";
  Config config = load();
  EXPECT_EQ(config.data.dir, (std::filesystem::current_path() / "state").string());
  EXPECT_EQ(config.keys.file, config.data.dir + "/master.key");
  EXPECT_EQ(entry(config, "data.dir").value, config.data.dir);
  EXPECT_EQ(entry(config, "keys.file").value, config.keys.file);
}

TEST(DefaultDataDir, FollowsUserAndHome) {
  EXPECT_EQ(default_data_dir({{"HOME", "/root"}}, true), "/var/lib/easyflow");
  EXPECT_EQ(default_data_dir({{"HOME", "/home/a"}}, false), "/home/a/.local/share/easyflow");
  EXPECT_EQ(default_data_dir({{"HOME", "/home/a"}, {"XDG_DATA_HOME", "/data"}}, false), "/data/easyflow");
  EXPECT_EQ(default_data_dir({{"HOME", "/home/a"}, {"XDG_DATA_HOME", "data"}}, false), "/home/a/.local/share/easyflow");
  EXPECT_EQ(default_data_dir({}, false), "");
}

TEST_F(ConfigTest, FindsTheFileInOrder) {
  std::map<std::string, std::string> environment = {{"EASYFLOW_CONFIG", "/b.toml"}};
  EXPECT_EQ(find_config_file("/a.toml", environment), "/a.toml");
  EXPECT_EQ(find_config_file(std::nullopt, environment), "/b.toml");
  std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  write("easyflow.toml", "");
  EXPECT_EQ(find_config_file(std::nullopt, {}), "easyflow.toml");
  std::filesystem::current_path(before);
}

TEST_F(ConfigTest, TheExampleFileIsTheTableOfKeys) {
  std::ifstream in(std::string(EASYFLOW_SOURCE_DIR) + "/config/easyflow.example.toml", std::ios::binary);
  std::string example{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_EQ(example, example_config(kPlatforms)) << "config/easyflow.example.toml has to hold exactly this text";

  Config defaults = load();
  file(example);
  Config config = load();
  ASSERT_EQ(config.entries.size(), defaults.entries.size());
  for (std::size_t i = 0; i < config.entries.size(); ++i) {
    EXPECT_EQ(config.entries[i].key, defaults.entries[i].key);
    EXPECT_EQ(config.entries[i].value, defaults.entries[i].value) << config.entries[i].key;
    if (config.entries[i].secret && config.entries[i].key.rfind("database.", 0) != 0) continue;
    EXPECT_THAT(config.entries[i].origin, StartsWith("file ")) << config.entries[i].key << " is not in the example";
  }
}

TEST(ConfigKeys, EachHasHelpAndAVariable) {
  for (const ConfigKey& key : config_keys()) {
    EXPECT_FALSE(key.help.empty()) << key.key;
    EXPECT_THAT(key.environment, StartsWith("EASYFLOW_"));
    EXPECT_EQ(key.secret, key.key == "keys.master_key" || key.key == "nlp.provider_token");
  }
}

TEST(ProcessEnvironment, HoldsWhatTheProcessHas) {
  ASSERT_EQ(::setenv("EASYFLOW_TEST_VARIABLE", "a=b", 1), 0);
  EXPECT_EQ(process_environment().at("EASYFLOW_TEST_VARIABLE"), "a=b");
  ::unsetenv("EASYFLOW_TEST_VARIABLE");
}

}  // namespace
}  // namespace easyflow
