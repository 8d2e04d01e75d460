#include "storage/connect.hpp"

#include <string_view>

#include "storage/database.hpp"

namespace easyflow::storage {
namespace {

bool is_uri(std::string_view dsn) { return dsn.substr(0, 13) == "postgresql://" || dsn.substr(0, 11) == "postgres://"; }

/// `dsn` with the settings it does not mention itself. A dead peer is noticed after half a minute at the latest.
std::string with_defaults(const std::string& dsn, std::chrono::seconds connect_timeout) {
  const std::pair<const char*, std::string> defaults[] = {
      {"connect_timeout", std::to_string(connect_timeout.count())},
      {"application_name", "easyflow"},
      {"client_encoding", "UTF8"},
      {"keepalives_idle", "15"},
      {"keepalives_interval", "5"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "30000"},
  };
  auto full = dsn;
  bool first_of_uri = is_uri(dsn) && dsn.find('?') == std::string::npos;
  for (const auto& [key, value] : defaults) {
    if (dsn.find(std::string(key) + "=") != std::string::npos) continue;
    if (is_uri(dsn)) {
      full += first_of_uri ? '?' : '&';
      first_of_uri = false;
    } else {
      full += ' ';
    }
    full += std::string(key) + "=" + value;
  }
  return full;
}

}  // namespace

std::string connect_failure(const std::string& libpq_text) {
  auto first_line = libpq_text.substr(0, libpq_text.find('\n'));
  // Faults in the connection string itself are reported with its parts, the password among them.
  for (const char* harmless : {"connection to server", "could not translate host name"}) {
    if (first_line.rfind(harmless, 0) == 0) return first_line;
  }
  return "the connection string is not valid, or the server did not answer as PostgreSQL does";
}

std::unique_ptr<pqxx::connection> open_connection(const std::string& dsn, std::chrono::seconds connect_timeout,
                                                  const std::string& setup_sql) {
  std::unique_ptr<pqxx::connection> connection;
  try {
    connection = std::make_unique<pqxx::connection>(with_defaults(dsn, connect_timeout));
    // terse: DETAIL and CONTEXT quote the values of rows, and error texts reach the log
#if PQXX_VERSION_MAJOR < 7
    // libpqxx 6 reconnects silently, which would run the rest of a transaction outside of any transaction
#include "pqxx/internal/ignore-deprecated-pre.hxx"
    connection->inhibit_reactivation(true);
#include "pqxx/internal/ignore-deprecated-post.hxx"
    connection->set_verbosity(pqxx::connection::terse);
#else
    connection->set_verbosity(pqxx::error_verbosity::terse);
#endif
    if (!setup_sql.empty()) {
      pqxx::nontransaction setup(*connection);
      setup.exec(setup_sql);
    }
  } catch (const pqxx::broken_connection& e) {
    const std::string_view text = e.what();
    if (text.find("too many") != text.npos || text.find("connection slots") != text.npos) {
      throw StorageDown("PostgreSQL has no free connection: raise its max_connections or lower the hub's pool size");
    }
    throw StorageDown("PostgreSQL is out of reach: " + connect_failure(e.what()));
  } catch (const pqxx::failure&) {
    throw StorageDown("PostgreSQL refused the session settings of the hub; check database.session_settings");
  }
  return connection;
}

void abandon(pqxx::connection& connection) noexcept {
#if PQXX_VERSION_MAJOR < 7
  connection.disconnect();
#else
  connection.close();
#endif
}

}  // namespace easyflow::storage
