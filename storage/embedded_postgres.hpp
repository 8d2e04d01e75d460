// The private PostgreSQL cluster the hub runs when no DSN is configured.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"

namespace easyflow::storage {

struct EmbeddedOptions {
  std::string data_dir;  ///< the hub's data folder; the cluster lives in <data_dir>/postgres
  std::string bin_dir;   ///< PostgreSQL's programs; empty = found under /usr/lib/postgresql/<newest>/bin or PATH
  std::chrono::seconds start_timeout{60};
  /// Settings put after the built-in ones, for example {"fsync", "off"} for a cluster of tests.
  std::vector<std::pair<std::string, std::string>> extra_settings;
};

/// A cluster on a unix socket only, owned by an unprivileged user (the caller, or `postgres` when the caller is root),
/// with fsync, full_page_writes and synchronous_commit on. Blocking calls: use it at start-up and from the CLI.
/// Access is by peer authentication with a user map: only the hub's OS user and the cluster's own.
class EmbeddedPostgres {
 public:
  explicit EmbeddedPostgres(EmbeddedOptions options);

  /// Creates the cluster when there is none, starts it when it does not run, waits until it answers. Survives stale
  /// pid files and the leftovers of a killed postmaster. Returns true when it had to be started.
  /// Errors: unavailable or invalid_input with a text that says what to do (missing packages, folder not writable,
  /// disk full, wrong owner, cluster of another major version); the tail of the server's log is part of it.
  Result<bool> ensure_running();
  /// Fast shutdown (open transactions are rolled back), waits for the end. False when it did not run.
  Result<bool> stop();
  /// The postmaster's process id when it runs.
  std::optional<int> running_pid() const;

  /// Connection string of the role that owns nothing (`easyflow_app`): for the hub.
  std::string app_dsn() const;
  /// Connection string of the cluster's owner: for migrations and key upkeep only.
  std::string owner_dsn() const;
  /// Connection string of any role and database of the cluster.
  std::string dsn(std::string_view role, std::string_view database) const;

 private:
  EmbeddedOptions options_;
};

}  // namespace easyflow::storage
