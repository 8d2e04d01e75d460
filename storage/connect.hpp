// Opening connections: the one place that knows what a hub connection looks like.
#pragma once

#include <chrono>
#include <memory>
#include <pqxx/pqxx>
#include <string>

namespace easyflow::storage {

/// Opens a connection with the hub's time limits and runs `setup_sql` (may be empty) on it. The connection never
/// reconnects by itself: after its first broken_connection it is of no use.
/// Throws StorageDown; its text never holds the connection string.
std::unique_ptr<pqxx::connection> open_connection(const std::string& dsn, std::chrono::seconds connect_timeout,
                                                  const std::string& setup_sql);

/// Closes the socket without asking the server. Never throws.
void abandon(pqxx::connection& connection) noexcept;

/// What kept libpq from connecting, in words fit for an operator: the first line of its text, unless that may quote
/// parts of the connection string.
std::string connect_failure(const std::string& libpq_text);

}  // namespace easyflow::storage
