// PostgreSQL as the engines see it: a bounded pool of connections, one transaction per piece of work.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/async/task.hpp"
#include "storage/pg_array.hpp"

namespace easyflow::storage {

/// A named statement. The name goes to logs and metrics and names the prepared statement; the text uses $1, $2, ...
struct Sql {
  const char* name;
  const char* text;
};

/// The database can't be reached, or has no free connection in time. Callers answer "unavailable".
class StorageDown : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A commit whose outcome is unknown (the connection broke while committing). Never retried by the pool.
class CommitInDoubt : public StorageDown {
 public:
  using StorageDown::StorageDown;
};

/// Whose rows a transaction may see. Row-level security in the database enforces it.
class Scope {
 public:
  /// The rows of one tenant.
  static Scope tenant(std::string tenant_id) { return Scope(std::move(tenant_id)); }
  /// No tenant's rows: platforms, key states, and the functions of migrations/ made for the hub as a whole.
  static Scope hub() { return Scope({}); }
  const std::string& tenant_id() const noexcept { return tenant_id_; }

 private:
  explicit Scope(std::string tenant_id) : tenant_id_(std::move(tenant_id)) {}
  std::string tenant_id_;
};

/// One transaction on one connection. Lives on a database thread; never leaves the function it was given to.
class Tx {
 public:
  /// Not begun: until begin() each statement commits by itself, under Scope::hub(). `prepared` holds the names of the
  /// statements the connection knows.
  Tx(pqxx::connection& connection, std::unordered_set<std::string>& prepared);
  /// Rolls back unless committed; closes the connection when even that fails.
  ~Tx();
  Tx(const Tx&) = delete;
  Tx& operator=(const Tx&) = delete;

  /// Begins the transaction, in one round trip with the scope. Throws std::invalid_argument when the scope's tenant is
  /// no UUID, pqxx errors otherwise.
  void begin(const Scope& scope);
  bool is_open() const noexcept { return open_; }
  /// Runs `sql`, prepared once per connection. Parameters go as text, a PgBinary as it is; std::optional is NULL when
  /// empty. A text must not hold NUL bytes (PgArray and hex_bytea of pg_array.hpp take care of theirs).
  template <class... Args>
  pqxx::result exec(const Sql& sql, Args&&... args) {
    prepare(sql);
    return work_.exec_prepared(sql.name, parameter(std::forward<Args>(args))...);
  }

  /// Makes the rows of another tenant visible for the rest of the transaction.
  void become(const Scope& scope);
  /// For exec, exec_params, stream_to. BEGIN and COMMIT are sent by Tx itself, so it is not a pqxx::work.
  pqxx::transaction_base& raw() noexcept { return work_; }
  /// Called by Database after the work; a second call does nothing. Throws CommitInDoubt when the outcome is unknown,
  /// pqxx::sql_error when the work swallowed an error and the server would have rolled back silently.
  void commit();

 private:
  void prepare(const Sql& sql);

  // libpqxx 6 takes no string_view
  template <class T>
  static decltype(auto) parameter(T&& value) {
    if constexpr (std::is_same_v<std::decay_t<T>, std::string_view>) {
      return std::string(value);
    } else if constexpr (std::is_same_v<std::decay_t<T>, PgBinary>) {
      return pqxx::binarystring(value.bytes);
    } else {
      return std::forward<T>(value);
    }
  }

  pqxx::connection& connection_;
  std::unordered_set<std::string>& prepared_;
  pqxx::nontransaction work_;
  bool open_ = false;
};

struct DatabaseOptions {
  std::string dsn;                           ///< libpq connection string of the role that owns nothing
  int pool_size = 20;                        ///< connections kept
  int max_overflow = 10;                     ///< more under load, closed when idle
  std::chrono::seconds acquire_timeout{10};  ///< longest wait for a connection, over it: StorageDown
  std::chrono::seconds recycle_after{3600};  ///< a connection older than this is replaced
  std::chrono::seconds pre_ping_after{10};   ///< a connection idle for longer is checked before use
  std::chrono::seconds statement_timeout{30};
  std::chrono::seconds lock_timeout{10};
  std::chrono::seconds connect_timeout{5};
  std::chrono::seconds overflow_idle{30};  ///< a connection beyond pool_size idle for longer is closed
  std::size_t queue_limit = 10000;         ///< pieces waiting; over it: StorageDown at once
  /// Sent once per connection. Statements are prepared and their plans do not depend on the values, so planning once
  /// is enough; JIT never pays for statements this short.
  std::string session_settings = "set plan_cache_mode = force_generic_plan; set jit = off";
};

/// Interactive work (webhooks, API) always finds a thread: background work may use at most half of the pool.
enum class Lane { interactive, background };

struct PoolStats {
  int connections = 0;  ///< open now
  int busy = 0;
  std::size_t waiting = 0;         ///< pieces of work in the queues
  std::uint64_t transactions = 0;  ///< committed since start
  std::uint64_t failures = 0;      ///< pieces of work that ended with an exception
  double wait_seconds_total = 0;   ///< time work spent waiting for a connection
};

/// The pool. Threads (one connection each) start when first needed. Construct it on the I/O thread; `run` may be
/// awaited from any coroutine on the executor; completions come back to that executor.
class Database {
 public:
  Database(boost::asio::any_io_executor executor, DatabaseOptions options);
  /// Finishes running work, drops the queue.
  ~Database();

  /// Runs `work` in one transaction under `scope` and returns what it returned, after COMMIT.
  /// `work` may run again on a new connection (broken connection before commit, deadlock, serialization failure: at
  /// most 3 tries), so it must not change what it captured. Exceptions of `work` roll back and come out of the await.
  /// Throws: StorageDown (CommitInDoubt when the commit's outcome is unknown), pqxx::sql_error for SQL faults.
  template <class F>
  auto run(Lane lane, Scope scope, F work) -> Task<std::invoke_result_t<F&, Tx&>> {
    using R = std::invoke_result_t<F&, Tx&>;
    if constexpr (std::is_void_v<R>) {
      std::function<void(Tx&)> job = std::move(work);
      return execute(lane, std::move(scope), std::move(job));
    } else {
      return run_returning<R>(lane, std::move(scope), std::function<R(Tx&)>(std::move(work)));
    }
  }

  /// The same without BEGIN and COMMIT, for work that is one statement most of the time: their round trips are spared.
  /// What `work` does before it calls Tx::begin is committed at once, so it must be harmless to repeat even after it
  /// has succeeded. It sees no tenant's rows but through functions that set app.tenant_id for their own transaction.
  template <class F>
  auto run_autocommit(Lane lane, F work) -> Task<std::invoke_result_t<F&, Tx&>> {
    using R = std::invoke_result_t<F&, Tx&>;
    return run_returning<R>(lane, std::nullopt, std::function<R(Tx&)>(std::move(work)));
  }

  PoolStats stats() const;

 private:
  template <class R>
  Task<R> run_returning(Lane lane, std::optional<Scope> scope, std::function<R(Tx&)> work) {
    auto slot = std::make_shared<std::optional<R>>();
    std::function<void(Tx&)> job = [slot, work = std::move(work)](Tx& tx) { slot->emplace(work(tx)); };
    co_await execute(lane, std::move(scope), std::move(job));
    co_return std::move(**slot);
  }
  /// Without a scope the transaction is not begun.
  Task<> execute(Lane lane, std::optional<Scope> scope, std::function<void(Tx&)> job);

  class Pool;
  std::shared_ptr<Pool> pool_;
};

/// Calls `on_notify(channel)` on the executor for every NOTIFY on the given channels, over one connection of its own.
/// Reconnects by itself (waiting 1 s to 30 s). Calls on_notify for every channel once whenever it begins to listen
/// (also the first time), as notifications may have been missed before. Notifications of one channel that arrive
/// together are one call. No queries while idle. Stops when destroyed; destroy it on the executor's thread.
class Listener {
 public:
  Listener(boost::asio::any_io_executor executor, std::string dsn, std::vector<std::string> channels,
           std::function<void(const std::string&)> on_notify);
  ~Listener();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace easyflow::storage
