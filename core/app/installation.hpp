// One installation of the hub: its data folder, its database, its keys, its name among the nodes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/config/config.hpp"
#include "crypto/vault.hpp"
#include "storage/embedded_postgres.hpp"

namespace easyflow::app {

/// Who opens the installation: the hub holds its folder alone, commands share it with a running hub.
enum class Use { hub, command };

/// Opening starts the embedded PostgreSQL when no DSN is configured. The hub stops it when it ends, a command when it
/// started it itself; neither while somebody else works on the folder, nor after `easyflow db start`.
/// Blocking; for start-up and the CLI.
class Installation {
 public:
  /// Errors: invalid_input (folder), conflict (another hub works on this folder; names its process), and those of
  /// EmbeddedPostgres and MasterKeys.
  static Result<std::unique_ptr<Installation>> open(const Config& config, Use use);
  ~Installation();
  Installation(const Installation&) = delete;
  Installation& operator=(const Installation&) = delete;

  const std::string& data_dir() const noexcept { return data_dir_; }
  /// Stable name of this installation among the nodes of a database; safe to take back its leases at start, because
  /// only one hub at a time holds the folder.
  const std::string& node() const noexcept { return node_; }
  const std::string& app_dsn() const noexcept { return app_dsn_; }
  const std::string& owner_dsn() const noexcept { return owner_dsn_; }
  /// Null with an outside database.
  storage::EmbeddedPostgres* embedded() noexcept { return embedded_ ? &*embedded_ : nullptr; }
  /// The mark of `easyflow db start`: the cluster outlives the hub.
  static std::string keep_running_file(const std::string& data_dir) { return data_dir + "/postgres.keep"; }
  /// The master keys: the key file is made when it is missing and the database is new (`create`).
  Result<crypto::MasterKeys> master_keys(const Config& config, bool create) const;

 private:
  Installation() = default;
  Result<void> prepare_folder();
  Result<void> take_lock(Use use);
  Result<void> read_node();
  Result<void> start_database(const Config& config, Use use);

  std::string data_dir_;
  std::string node_;
  std::string app_dsn_;
  std::string owner_dsn_;
  std::optional<storage::EmbeddedPostgres> embedded_;
  bool stops_postgres_ = false;
  int hub_lock_ = -1;
  int use_lock_ = -1;
};

}  // namespace easyflow::app
