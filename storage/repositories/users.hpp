// Tenants, users, API tokens and page sessions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"

namespace easyflow::storage {

struct User {
  std::string id;
  std::string tenant_id;
  std::string email;
  std::string name;
  std::string role;           ///< owner, operator, viewer
  std::string password_hash;  ///< PHC string, empty when the user can't log in to the page
  std::string time_zone;      ///< IANA name; empty in what find_login() gives
};

/// Who is asking: the answer to a token.
struct Principal {
  std::string token_id;
  std::string tenant_id;
  std::string user_id;
  std::string kind;  ///< "api" or "session"
  std::vector<std::string> scopes;

  bool may(std::string_view scope) const;
};

struct ApiToken {
  std::string id;
  std::string name;
  std::string kind;
  std::vector<std::string> scopes;
  Timestamp created_at;
  std::optional<Timestamp> expires_at;
  std::optional<Timestamp> last_used_at;
};

struct TenantName {
  std::string id;
  std::string name;
};

class UserRepository {
 public:
  explicit UserRepository(Database& db) : db_(db) {}

  /// Adds a user; makes the tenant first when it does not exist. Error: conflict (field "email") when it is taken.
  Task<Result<User>> add(User user, std::string tenant_name);
  Task<std::vector<TenantName>> tenants();
  Task<std::vector<User>> list(std::string tenant_id);
  /// IANA name, at most 50 bytes. Hubs read messages by the new zone at once. False when there is no such user.
  Task<bool> set_time_zone(std::string tenant_id, std::string user_id, std::string time_zone);
  /// The active user with this e-mail address, of any tenant.
  Task<std::optional<User>> find_login(std::string email);

  Task<ApiToken> add_token(std::string tenant_id, std::string user_id, ApiToken token, std::string token_hash);
  /// Whose token has this hash; nothing when unknown, expired or its user is inactive.
  Task<std::optional<Principal>> principal(std::string token_hash);
  Task<std::vector<ApiToken>> tokens(std::string tenant_id);
  Task<bool> revoke_token(std::string tenant_id, std::string token_id);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
