// The configuration of the hub: read once, checked fully, then a plain struct.
//
// Sources in rising priority: defaults, TOML file, environment, `.env`, flags. Every key is a row of one table in
// config.cpp: reading, the example file, `config show` and the documentation come from it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/secret.hpp"

namespace easyflow {

/// One key as it stands, for `config show`. Secrets and passwords inside connection strings are masked.
struct ConfigEntry {
  std::string key;     ///< "server.port"
  std::string value;   ///< as written, masked; for paths left to the default: the path that is used
  std::string origin;  ///< "default", "file easyflow.toml:12", "environment EASYFLOW_SERVER_PORT", ".env:3", "flag
                       ///< --server.port"
  bool secret = false;
};

/// What the hub runs with. The key of each field is `section.field`; the table in config.cpp holds defaults and limits.
struct Config {
  struct Server {
    std::string address;
    std::uint16_t port = 0;
    std::string public_url;  ///< without slash at its end; empty: platforms cannot reach us, so we poll
    std::size_t max_body = 0;
    std::string log_format;  ///< text, json
    std::string log_level;   ///< debug, info, warn, error
  } server;
  struct Data {
    std::string dir;  ///< absolute
  } data;
  struct Database {
    Secret dsn;        ///< empty: embedded PostgreSQL
    Secret owner_dsn;  ///< the same as `dsn` unless given
    int pool_size = 0;
    int max_overflow = 0;
    std::chrono::seconds acquire_timeout{};
    std::chrono::seconds recycle_after{};
    std::chrono::seconds pre_ping_after{};
    std::chrono::seconds statement_timeout{};
    std::string bin_dir;
  } database;
  struct Keys {
    std::string file;   ///< absolute
    Secret master_key;  ///< not empty: used in place of the file
  } keys;
  struct Sync {
    std::chrono::milliseconds poll_interval{};
    int max_parallel = 0;
    std::chrono::seconds lease{};
  } sync;
  struct Ingest {
    int max_batch = 0;
    int max_wait_queue = 0;
    int parallel = 0;
  } ingest;
  struct Nlp {
    bool enabled = false;
    std::string provider;      ///< embedded (none), rasa, openai
    std::string provider_url;  ///< without slash at its end
    Secret provider_token;     ///< may be empty
    std::string provider_model;
    std::chrono::milliseconds provider_timeout{};
    int provider_parallel = 0;
  } nlp;
  struct Outbound {
    std::chrono::milliseconds poll_interval{};
    int max_parallel = 0;
  } outbound;
  struct Retention {
    int inbound_body_days = 0;
    int outbox_days = 0;
    int sync_log_days = 0;
    int outbound_days = 0;
  } retention;
  struct Platform {
    std::string base_url;  ///< without slash at its end; empty: the hosts of the manifest
  };
  std::map<std::string, Platform> platforms;  ///< by platform id; holds those that are set or known

  std::vector<ConfigEntry> entries;  ///< every key, in the order of the example file
};

/// Where the configuration is read from.
struct ConfigSources {
  std::optional<std::string> file;                 ///< TOML; must exist when given
  std::map<std::string, std::string> environment;  ///< the whole environment: EASYFLOW_*, HOME, XDG_DATA_HOME are used
  std::optional<std::string> dotenv_path;          ///< read when it exists; variables of other programs are skipped
  std::map<std::string, std::string> flags;        ///< by key: {"server.port", "8080"}
  std::vector<std::string> platform_ids;           ///< the platforms there are; empty: any name passes
};

/// The checked configuration. Error invalid_input: ALL faults, one a line, each with key, origin and remedy.
Result<Config> load_config(const ConfigSources& sources);

/// The file to read: `flag` (--config), else EASYFLOW_CONFIG, else the first that exists of ./easyflow.toml,
/// <default data folder>/easyflow.toml, /etc/easyflow/easyflow.toml. Nothing when there is none.
std::optional<std::string> find_config_file(const std::optional<std::string>& flag,
                                            const std::map<std::string, std::string>& environment);

/// Root: /var/lib/easyflow; else $XDG_DATA_HOME/easyflow or $HOME/.local/share/easyflow. Empty without a home.
std::string default_data_dir(const std::map<std::string, std::string>& environment, bool is_root);

/// The environment of this process.
std::map<std::string, std::string> process_environment();

/// The text of config/easyflow.example.toml: every key with its default and what it does.
std::string example_config(const std::vector<std::string>& platform_ids);

/// One row of the table of keys, for help texts and for making flags.
struct ConfigKey {
  std::string key;          ///< "server.port"
  std::string environment;  ///< "EASYFLOW_SERVER_PORT"
  std::string fallback;     ///< the default as written; empty may mean "worked out", see `help`
  std::string help;
  bool secret = false;  ///< neither in the file nor as a flag
};
/// Every key but platforms.<id>.base_url.
std::vector<ConfigKey> config_keys();

/// A libpq connection string or URI with its passwords as ***. Masks everything when it cannot be read.
std::string mask_dsn(std::string_view dsn);

}  // namespace easyflow
