#include "storage/database.hpp"

#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <mutex>
#include <random>
#include <system_error>
#include <thread>
#include <typeinfo>

#include "core/base/ids.hpp"
#include "storage/connect.hpp"

namespace easyflow::storage {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;

namespace {

/// The statement that shows the rows of `scope`. Row-level security compares with
/// nullif(current_setting('app.tenant_id', true), '')::uuid. Inlining is safe: a UUID is only hex digits and dashes.
std::string set_scope(const Scope& scope) {
  if (!scope.tenant_id().empty() && !is_uuid(scope.tenant_id())) {
    throw std::invalid_argument("a tenant id must be a UUID");
  }
  return "set local app.tenant_id = '" + scope.tenant_id() + "'";
}

bool starts_with(const std::string& text, std::string_view prefix) { return text.rfind(prefix, 0) == 0; }

constexpr std::chrono::seconds kPlansLast{20};

/// True when the session is over: shutdown, crash, idle limits, connection exceptions. Errors that libpq makes up when
/// the server is gone have no SQLSTATE.
bool session_ended(const pqxx::sql_error& error) {
  const auto& sqlstate = error.sqlstate();
  // libpqxx 6 names some faults of a statement by type alone, without their SQLSTATE
  if (sqlstate.empty()) return typeid(error) == typeid(pqxx::sql_error);
  return starts_with(sqlstate, "57P0") || starts_with(sqlstate, "08") || sqlstate == "25P03";
}

/// What an outsider may read about an SQL fault that means "not now"; empty for faults of the statement itself.
std::string unavailable_text(const std::string& sqlstate) {
  if (sqlstate == "53100") return "the disk of the PostgreSQL server is full: free some space";
  if (sqlstate == "53200") return "the PostgreSQL server is out of memory";
  if (sqlstate == "53300") return "PostgreSQL has no free connection";
  if (starts_with(sqlstate, "53")) return "the PostgreSQL server is out of resources (SQLSTATE " + sqlstate + ")";
  if (sqlstate == "57014") return "a statement took longer than statement_timeout and was cancelled";
  if (sqlstate == "55P03") return "a statement waited longer than lock_timeout for a lock";
  if (starts_with(sqlstate, "58")) return "PostgreSQL met a system error (SQLSTATE " + sqlstate + "): see its log";
  return {};
}

}  // namespace

Tx::Tx(pqxx::connection& connection, std::unordered_set<std::string>& prepared)
    : connection_(connection), prepared_(prepared), work_(connection) {}

void Tx::begin(const Scope& scope) {
  work_.exec(scope.tenant_id().empty() ? std::string("begin") : "begin; " + set_scope(scope));
  open_ = true;
}

Tx::~Tx() {
  if (!open_) return;
  try {
    work_.exec("rollback");
  } catch (const std::exception&) {
    // The server rolls back by itself once the connection is gone.
    abandon(connection_);
  }
}

void Tx::become(const Scope& scope) { work_.exec(set_scope(scope)); }

void Tx::commit() {
  if (!open_) return;
  constexpr const char* in_doubt = "the connection to PostgreSQL broke while committing: the outcome is unknown";
  try {
    // COMMIT of a failed transaction rolls back and reports success; the empty select fails in its place then.
    work_.exec("select; commit");
  } catch (const pqxx::broken_connection&) {
    open_ = false;
    abandon(connection_);
    throw CommitInDoubt(in_doubt);
  } catch (const pqxx::statement_completion_unknown&) {
    open_ = false;
    abandon(connection_);
    throw CommitInDoubt(in_doubt);
  } catch (const pqxx::sql_error& e) {
    if (!session_ended(e)) throw;
    open_ = false;
    abandon(connection_);
    throw CommitInDoubt(in_doubt);
  }
  open_ = false;
}

void Tx::prepare(const Sql& sql) {
  if (prepared_.count(sql.name) > 0) return;
  connection_.prepare(sql.name, sql.text);
  prepared_.insert(sql.name);
}

/// The threads, the queues and the connections behind Database.
///
/// Work is handed to the thread that became idle last, so that under light load few connections are used and they stay
/// warm. A piece waits in its lane's queue only while every thread is busy (or the background lane is full).
class Database::Pool {
 public:
  using Handler = asio::any_completion_handler<void(std::exception_ptr)>;

  Pool(asio::any_io_executor executor, DatabaseOptions options)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        base_threads_(std::max(1, options_.pool_size)),
        max_threads_(base_threads_ + std::max(0, options_.max_overflow)),
        background_limit_(std::max(1, max_threads_ / 2)),
        setup_sql_(setup_sql(options_)) {}

  ~Pool() { close(); }

  const asio::any_io_executor& executor() const { return executor_; }

  /// Runs `job` and posts `done` to `home`.
  void submit(Lane lane, std::optional<Scope> scope, std::function<void(Tx&)> job, asio::any_io_executor home,
              Handler done) {
    auto piece = std::make_unique<Piece>(lane, std::move(scope), std::move(job), std::move(home), std::move(done));
    std::unique_lock lock(mutex_);
    if (closing_) return refuse(std::move(lock), std::move(piece), "the database pool is closing");
    if (waiting() >= options_.queue_limit) {
      return refuse(std::move(lock), std::move(piece), "too much work waits for the database");
    }
    if (lane == Lane::background && background_running_ >= background_limit_) return enqueue(std::move(piece));
    if (!idle_.empty()) {
      Worker& worker = *idle_.back();
      idle_.pop_back();
      hand_out(*piece);
      worker.given = std::move(piece);
      worker.wake.notify_one();
      return;
    }
    if (static_cast<int>(workers_.size()) < max_threads_) {
      try {
        start_worker(piece);
        return;
      } catch (const std::system_error&) {
        if (workers_.empty()) {
          return refuse(std::move(lock), std::move(piece), "the system gives no more threads");
        }
      }
    }
    enqueue(std::move(piece));
  }

  /// Finishes running work, refuses the queue, joins every thread.
  void close() {
    std::deque<std::unique_ptr<Piece>> dropped;
    {
      std::lock_guard lock(mutex_);
      if (closing_) return;
      closing_ = true;
      for (auto& queue : queues_) {
        std::move(queue.begin(), queue.end(), std::back_inserter(dropped));
        queue.clear();
      }
      for (auto& worker : workers_) worker.wake.notify_one();
      tick_.notify_one();
    }
    for (auto& piece : dropped) {
      finish(std::move(piece), std::make_exception_ptr(StorageDown("the database pool is closing")));
    }
    if (timekeeper_.joinable()) timekeeper_.join();
    // closing_ keeps the lists as they are: no worker starts or retires from here on
    for (auto& worker : workers_) worker.thread.join();
    for (auto& worker : retired_) worker.thread.join();
  }

  PoolStats stats() const {
    std::lock_guard lock(mutex_);
    PoolStats now = totals_;
    now.waiting = waiting();
    return now;
  }

 private:
  struct Piece {
    Piece(Lane lane_, std::optional<Scope> scope_, std::function<void(Tx&)> job_, const asio::any_io_executor& home_,
          Handler done_)
        : lane(lane_), scope(std::move(scope_)), job(std::move(job_)), home(home_), done(std::move(done_)) {}
    Lane lane;
    std::optional<Scope> scope;  ///< none: not begun
    std::function<void(Tx&)> job;
    asio::executor_work_guard<asio::any_io_executor> home;  ///< keeps the caller's loop running meanwhile
    Handler done;
    SteadyClock::time_point submitted = SteadyClock::now();
  };

  /// One connection and what is known about it. Used by its worker's thread only.
  struct Session {
    std::unique_ptr<pqxx::connection> connection;
    std::unordered_set<std::string> prepared;
    SteadyClock::time_point opened;
    SteadyClock::time_point used;
    SteadyClock::time_point planned;
  };

  struct Worker {
    std::thread thread;
    std::condition_variable wake;
    std::unique_ptr<Piece> given;
    Session session;
    std::list<Worker>::iterator self;
  };

  /// Scans of whole tables are the last choice: a plan that is made while a table has few rows would keep scanning it
  /// when it has many.
  static std::string setup_sql(const DatabaseOptions& options) {
    const auto ms = [](std::chrono::seconds value) { return std::to_string(std::chrono::milliseconds(value).count()); };
    return "set statement_timeout = " + ms(options.statement_timeout) +
           "; set lock_timeout = " + ms(options.lock_timeout) +
           "; set idle_in_transaction_session_timeout = 60000; set timezone = 'UTC'; set enable_seqscan = off; " +
           options.session_settings;
  }

  std::size_t waiting() const { return queues_[0].size() + queues_[1].size(); }
  std::deque<std::unique_ptr<Piece>>& queue_of(Lane lane) { return queues_[lane == Lane::interactive ? 0 : 1]; }

  void enqueue(std::unique_ptr<Piece> piece) {
    queue_of(piece->lane).push_back(std::move(piece));
    if (!timekeeper_.joinable()) {
      timekeeper_ = std::thread([this] { keep_time(); });
    } else if (waiting() == 1) {
      tick_.notify_one();
    }
  }

  void refuse(std::unique_lock<std::mutex> lock, std::unique_ptr<Piece> piece, const char* why) {
    ++totals_.failures;
    lock.unlock();
    finish(std::move(piece), std::make_exception_ptr(StorageDown(why)));
  }

  /// Counts `piece` as running.
  void hand_out(const Piece& piece) {
    if (piece.lane == Lane::background) ++background_running_;
  }

  std::unique_ptr<Piece> take_next() {
    for (auto lane : {Lane::interactive, Lane::background}) {
      auto& queue = queue_of(lane);
      if (queue.empty() || (lane == Lane::background && background_running_ >= background_limit_)) continue;
      auto piece = std::move(queue.front());
      queue.pop_front();
      hand_out(*piece);
      return piece;
    }
    return nullptr;
  }

  /// Starts a thread whose first work is `piece`, which is left untouched when there is no thread to be had.
  void start_worker(std::unique_ptr<Piece>& piece) {
    for (auto& worker : retired_) worker.thread.join();
    retired_.clear();
    auto self = workers_.emplace(workers_.end());
    self->self = self;
    try {
      self->thread = std::thread([this, self] { work(*self); });  // waits for mutex_, which is held here
    } catch (const std::system_error&) {
      workers_.erase(self);
      throw;
    }
    hand_out(*piece);
    self->given = std::move(piece);
  }

  void work(Worker& self) {
    std::unique_lock lock(mutex_);
    auto piece = std::move(self.given);
    while (piece) {
      ++totals_.busy;
      const std::chrono::duration<double> waited = SteadyClock::now() - piece->submitted;
      totals_.wait_seconds_total += waited.count();
      const bool was_open = self.session.connection != nullptr;
      lock.unlock();

      auto error = waited > options_.acquire_timeout ? waited_too_long() : perform(self.session, *piece);

      const bool is_open = self.session.connection != nullptr;
      lock.lock();
      --totals_.busy;
      if (piece->lane == Lane::background) --background_running_;
      totals_.connections += static_cast<int>(is_open) - static_cast<int>(was_open);
      ++(error ? totals_.failures : totals_.transactions);
      auto next = take_next();
      // Idle before the caller hears of it: what it submits then finds this thread instead of starting another one.
      if (!next) idle_.push_back(&self);
      lock.unlock();
      finish(std::move(piece), std::move(error));
      lock.lock();
      piece = next ? std::move(next) : wait_for_work(self, lock);
    }
    if (self.session.connection) --totals_.connections;
    if (!closing_) retired_.splice(retired_.end(), workers_, self.self);
    lock.unlock();
    self.session.connection.reset();
  }

  /// Waits until work is handed to `self`, which is in idle_. Null when the thread shall end: closing, or idle for long
  /// beyond the base size.
  std::unique_ptr<Piece> wait_for_work(Worker& self, std::unique_lock<std::mutex>& lock) {
    const auto woken = [&] { return self.given != nullptr || closing_; };
    const auto surplus = [&] { return static_cast<int>(workers_.size()) > base_threads_; };
    while (true) {
      if (surplus()) {
        self.wake.wait_for(lock, options_.overflow_idle, woken);
      } else {
        self.wake.wait(lock, woken);
      }
      if (self.given) return std::move(self.given);
      if (!closing_ && !surplus()) continue;
      idle_.erase(std::find(idle_.begin(), idle_.end(), &self));
      return nullptr;
    }
  }

  /// Ends the wait of pieces that no thread took in time.
  void keep_time() {
    std::unique_lock lock(mutex_);
    while (!closing_) {
      auto next = SteadyClock::time_point::max();
      for (const auto& queue : queues_) {
        if (!queue.empty()) next = std::min(next, queue.front()->submitted + options_.acquire_timeout);
      }
      if (next == SteadyClock::time_point::max()) {
        tick_.wait(lock, [&] { return closing_ || waiting() > 0; });
        continue;
      }
      if (SteadyClock::now() < next) {
        tick_.wait_until(lock, next);
        continue;
      }
      for (auto& queue : queues_) {
        while (!queue.empty() && queue.front()->submitted + options_.acquire_timeout <= SteadyClock::now()) {
          auto piece = std::move(queue.front());
          queue.pop_front();
          ++totals_.failures;
          const std::chrono::duration<double> waited = SteadyClock::now() - piece->submitted;
          totals_.wait_seconds_total += waited.count();
          lock.unlock();
          finish(std::move(piece), waited_too_long());
          lock.lock();
        }
      }
    }
  }

  static std::exception_ptr waited_too_long() {
    return std::make_exception_ptr(StorageDown("no database connection became free in time"));
  }

  static std::exception_ptr down(const std::string& why) { return std::make_exception_ptr(StorageDown(why)); }

  void make_ready(Session& session) const {
    const auto now = SteadyClock::now();
    if (session.connection && (!session.connection->is_open() || now - session.opened >= options_.recycle_after)) {
      drop(session);
    }
    // Generic plans are kept until the tables' statistics change. Early ones, made while a table was empty, must not
    // last for the minute that autovacuum takes to see its rows; so the ping throws the plans away as well.
    if (session.connection && (now - session.used >= options_.pre_ping_after || now - session.planned >= kPlansLast)) {
      try {
        pqxx::nontransaction ping(*session.connection);
        ping.exec("discard plans");
        session.planned = now;
      } catch (const pqxx::failure&) {
        drop(session);
      }
    }
    if (!session.connection) {
      session.connection = open_connection(options_.dsn, options_.connect_timeout, setup_sql_);
      session.opened = now;
      session.planned = now;
    }
    session.used = now;
  }

  /// Lets the transaction that won a deadlock finish: repeating at once would often meet it again.
  static void pause(int attempt) {
    thread_local std::minstd_rand random{std::random_device{}()};
    std::uniform_int_distribution<int> milliseconds(5, 25);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random) * attempt));
  }

  static void drop(Session& session) {
    session.connection.reset();
    session.prepared.clear();
  }

  /// Runs the piece, in a transaction if it has a scope, again where that is harmless. Returns what shall come out of
  /// the caller's await.
  std::exception_ptr perform(Session& session, const Piece& piece) const {
    constexpr int max_tries = 3;
    bool reconnected = false;
    for (int attempt = 1;; ++attempt) {
      std::string lost;  // why the session is of no more use
      try {
        make_ready(session);
        Tx tx(*session.connection, session.prepared);
        if (piece.scope) tx.begin(*piece.scope);
        piece.job(tx);
        tx.commit();
        return nullptr;
      } catch (const CommitInDoubt&) {
        drop(session);
        return std::current_exception();
      } catch (const pqxx::statement_completion_unknown&) {
        drop(session);
        return std::make_exception_ptr(CommitInDoubt("PostgreSQL does not know how the statement ended"));
      } catch (const pqxx::transaction_rollback&) {  // deadlock, serialization
        if (attempt >= max_tries) return down("concurrent transactions kept getting in each other's way");
        pause(attempt);
        continue;
      } catch (const pqxx::broken_connection&) {
        lost = "the connection to PostgreSQL broke";
      } catch (const pqxx::feature_not_supported&) {
        // "cached plan must not change result type": a migration ran, so the statements must be prepared afresh
        if (reconnected) return std::current_exception();
        lost = "prepared statements are out of date";
      } catch (const pqxx::sql_error& e) {
        if (!session_ended(e)) {
          const auto text = unavailable_text(e.sqlstate());
          return text.empty() ? std::current_exception() : down(text);
        }
        lost = "PostgreSQL ended the session";
      } catch (...) {
        return std::current_exception();
      }
      drop(session);
      if (reconnected) return down(lost);
      reconnected = true;
    }
  }

  static void finish(std::unique_ptr<Piece> piece, std::exception_ptr error) {
    piece->job = nullptr;  // what it captured must not outlive the await
    auto home = piece->home.get_executor();
    asio::post(home, [piece = std::move(piece), error = std::move(error)]() mutable {
      auto done = std::move(piece->done);
      piece.reset();
      std::move(done)(std::move(error));
    });
  }

  const asio::any_io_executor executor_;
  const DatabaseOptions options_;
  const int base_threads_;
  const int max_threads_;
  const int background_limit_;
  const std::string setup_sql_;

  mutable std::mutex mutex_;
  std::deque<std::unique_ptr<Piece>> queues_[2];
  std::list<Worker> workers_;  ///< running threads
  std::list<Worker> retired_;  ///< ended threads, to be joined
  std::vector<Worker*> idle_;  ///< the last one became idle last
  int background_running_ = 0;
  PoolStats totals_;
  bool closing_ = false;
  std::thread timekeeper_;  ///< started when a piece has to wait for the first time
  std::condition_variable tick_;
};

Database::Database(asio::any_io_executor executor, DatabaseOptions options)
    : pool_(std::make_shared<Pool>(std::move(executor), std::move(options))) {}

Database::~Database() { pool_->close(); }

PoolStats Database::stats() const { return pool_->stats(); }

// Not a coroutine: it builds the awaitable and leaves no temporaries next to a co_await. Posting in both directions,
// instead of spawning a coroutine on the pool, is what makes cancellation harmless: the work simply completes.
Task<> Database::execute(Lane lane, std::optional<Scope> scope, std::function<void(Tx&)> job) {
  auto initiate = [](auto done, std::shared_ptr<Pool> pool, Lane its_lane, std::optional<Scope> its_scope,
                     std::function<void(Tx&)> its_job) {
    asio::any_io_executor home = asio::get_associated_executor(done, pool->executor());
    pool->submit(its_lane, std::move(its_scope), std::move(its_job), std::move(home), Pool::Handler(std::move(done)));
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      initiate, asio::use_awaitable, pool_, lane, std::move(scope), std::move(job));
}

}  // namespace easyflow::storage
