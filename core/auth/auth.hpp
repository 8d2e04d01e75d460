// Who may do what: users, API tokens, page sessions.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/async/task.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/secret.hpp"
#include "crypto/tokens.hpp"
#include "storage/repositories/users.hpp"

namespace easyflow::auth {

/// What a token may do: "read", "write" (integrations, syncs, conversations), "send" (messages), "admin" (users, keys).
const std::vector<std::string>& all_scopes();
/// The scopes a role allows: owner all, operator all but admin, viewer read. Empty for an unknown role.
std::vector<std::string> scopes_of(const std::string& role);

struct NewUser {
  std::string email;
  std::string name;
  std::string role = "owner";
  std::string tenant_id;  ///< empty: a new tenant
  Secret password;        ///< at least 10 characters; empty: the user can't log in to the page
};

struct NewToken {
  std::string name;
  std::vector<std::string> scopes;  ///< empty = all that the user's role allows
  std::optional<std::chrono::hours> valid_for;
};

/// A token in plain, shown once.
struct IssuedToken {
  storage::ApiToken token;
  Secret plain;
};

/// Thread: the I/O thread; password hashing runs on a thread of its own.
class AuthService {
 public:
  AuthService(storage::UserRepository& users, const Clock& clock);
  ~AuthService();

  /// Errors: invalid_input (fields "email", "name", "role", "password"), conflict (field "email").
  Task<Result<storage::User>> add_user(NewUser user);
  /// Errors: invalid_input (fields "name", "scopes").
  Task<Result<IssuedToken>> issue_token(storage::User user, NewToken token);
  /// Who holds this token. Error unauthorized, the same for every reason. Known tokens are remembered for 30 seconds.
  Task<Result<storage::Principal>> authenticate(std::string token);
  /// A page session of twelve hours. Error unauthorized, equally slow for unknown users and wrong passwords;
  /// rate_limited after 5 failures within a minute for one address (`peer_key` is the e-mail, lower case).
  Task<Result<IssuedToken>> log_in(std::string email, Secret password);
  /// Ends a token or session at once. False when the tenant has no such token.
  Task<bool> revoke(std::string tenant_id, std::string token_id);
  /// Forgets the tokens remembered: somebody else (another node, the command line) has ended one.
  void forget_tokens();
  Task<std::vector<storage::ApiToken>> tokens(std::string tenant_id);
  Task<std::optional<storage::User>> find_user(std::string tenant_id, std::string user_id);
  /// Dates in messages and quiet hours go by the zone of the tenant's owner. Errors: invalid_input (field "time_zone":
  /// this machine knows no such IANA zone), not_found.
  Task<Result<storage::User>> set_time_zone(std::string tenant_id, std::string user_id, std::string time_zone);

 private:
  struct State;
  storage::UserRepository& users_;
  const Clock& clock_;
  std::unique_ptr<State> state_;
};

}  // namespace easyflow::auth
