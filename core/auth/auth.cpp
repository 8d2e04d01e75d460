#include "core/auth/auth.hpp"

#include <cctz/time_zone.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "core/async/blocking.hpp"
#include "core/base/log.hpp"

namespace easyflow::auth {
namespace {

constexpr std::size_t kMaxRemembered = 1000;
constexpr std::chrono::seconds kRememberFor{30};
constexpr std::chrono::minutes kFailureWindow{1};
constexpr std::size_t kMaxFailures = 5;
constexpr std::chrono::hours kSessionLength{12};
constexpr std::size_t kShortestPassword = 10;
constexpr std::size_t kLongestPassword = 1024;
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kTokenLength = 46;  // "ef_" and 256 bits in base64
// a password takes a tenth of a second, so this many waiting ones keep a caller for about two seconds
constexpr int kMaxLogins = 20;
constexpr std::size_t kLongestTimeZone = 50;  // bytes of the column

/// Names of the IANA database, not what else the C library would take: no paths, no "UTC+3".
bool is_time_zone(const std::string& name) {
  cctz::time_zone zone;
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
  });
  return plain && !name.empty() && name.front() != '/' && name.size() <= kLongestTimeZone &&
         cctz::load_time_zone(name, &zone);
}

Error no_such_zone() {
  return Error(ErrorKind::invalid_input,
               "There is no such time zone. Give a name of the IANA database, like Europe/Moscow or Asia/Almaty.")
      .with_field("time_zone");
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool is_email(const std::string& text) {
  auto at = text.find('@');
  bool printable = std::none_of(text.begin(), text.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f;
  });
  return printable && text.size() <= kLongestName && at != std::string::npos && at > 0 && at + 1 < text.size() &&
         text.find('@', at + 1) == std::string::npos;
}

bool is_blank(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t'; });
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Counts from its birth, so that nothing a login waits for lets others slip past the limit.
class Counted {
 public:
  explicit Counted(int& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  int& count_;
};

Error unauthorized(std::string message) { return Error(ErrorKind::unauthorized, std::move(message)); }

}  // namespace

const std::vector<std::string>& all_scopes() {
  static const std::vector<std::string> kAll{"read", "write", "send", "admin"};
  return kAll;
}

std::vector<std::string> scopes_of(const std::string& role) {
  if (role == "owner") return all_scopes();
  if (role == "operator") return {"read", "write", "send"};
  if (role == "viewer") return {"read"};
  return {};
}

struct AuthService::State {
  struct Remembered {
    storage::Principal principal;
    Timestamp until;
  };

  /// How long the owner of this address has to wait after too many failures; zero when the attempt may go on.
  std::chrono::seconds must_wait(const std::string& email, Timestamp now) {
    auto found = attempts.find(email);
    if (found == attempts.end()) return std::chrono::seconds{0};
    auto& times = found->second;
    while (!times.empty() && times.front() + kFailureWindow <= now) times.pop_front();
    if (times.size() < kMaxFailures) return std::chrono::seconds{0};
    return std::chrono::ceil<std::chrono::seconds>(times.front() + kFailureWindow - now);
  }

  /// Counts an attempt as failed before it is tried, so that parallel ones can't slip through together.
  void count_attempt(const std::string& email, Timestamp now) {
    if (attempts.size() >= kMaxRemembered && !attempts.contains(email)) {
      auto oldest = std::min_element(attempts.begin(), attempts.end(), [](const auto& a, const auto& b) {
        auto last = [](const std::deque<Timestamp>& times) { return times.empty() ? Timestamp{} : times.back(); };
        return last(a.second) < last(b.second);
      });
      attempts.erase(oldest);
    }
    attempts[email].push_back(now);
  }

  void remember(const std::string& hash, storage::Principal principal, Timestamp now) {
    if (remembered.size() >= kMaxRemembered) {
      std::erase_if(remembered, [&](const auto& entry) { return entry.second.until <= now; });
      if (remembered.size() >= kMaxRemembered) remembered.clear();
    }
    Remembered entry{std::move(principal), now + kRememberFor};
    remembered.insert_or_assign(hash, std::move(entry));
  }

  std::map<std::string, Remembered> remembered;  // by token hash
  std::map<std::string, std::deque<Timestamp>> attempts;
  std::uint64_t revocations = 0;
  int logins = 0;     // under way
  std::string decoy;  // touched by the hashing thread only
  BlockingThread hashing;
};

AuthService::AuthService(storage::UserRepository& users, const Clock& clock)
    : users_(users), clock_(clock), state_(std::make_unique<State>()) {
  crypto::initialize();
}

AuthService::~AuthService() = default;

Task<Result<storage::User>> AuthService::add_user(NewUser user) {
  auto email = lower(user.email);
  if (!is_email(email))
    co_return Error(ErrorKind::invalid_input, "An e-mail address looks like name@example.com.").with_field("email");
  if (is_blank(user.name) || user.name.size() > kLongestName)
    co_return Error(ErrorKind::invalid_input, "A name has 1 to 255 bytes.").with_field("name");
  if (scopes_of(user.role).empty())
    co_return Error(ErrorKind::invalid_input, "The role must be owner, operator or viewer.").with_field("role");
  auto length = user.password.reveal().size();
  if (length > 0 && (length < kShortestPassword || length > kLongestPassword))
    co_return Error(ErrorKind::invalid_input, "A password has 10 to 1024 characters.").with_field("password");

  storage::User row;
  row.tenant_id = user.tenant_id;
  row.email = email;
  row.name = user.name;
  row.role = user.role;
  if (length > 0) {
    auto hash = std::make_shared<std::string>();
    std::function<void()> work = [hash, password = user.password] { *hash = crypto::hash_password(password); };
    co_await state_->hashing.run(std::move(work));
    row.password_hash = *hash;
  }
  std::string tenant_name = user.name;
  co_return co_await users_.add(std::move(row), std::move(tenant_name));
}

Task<Result<IssuedToken>> AuthService::issue_token(storage::User user, NewToken token) {
  if (is_blank(token.name) || token.name.size() > kLongestName)
    co_return Error(ErrorKind::invalid_input, "A token needs a name of 1 to 255 bytes, to know it by later.")
        .with_field("name");
  auto allowed = scopes_of(user.role);
  for (const auto& scope : token.scopes) {
    if (!contains(allowed, scope))
      co_return Error(ErrorKind::invalid_input,
                      "The role " + user.role + " allows these scopes: " + joined(allowed) + ".")
          .with_field("scopes");
  }
  auto now = clock_.now();
  storage::ApiToken row;
  row.name = token.name;
  row.kind = "api";
  row.scopes = token.scopes.empty() ? allowed : token.scopes;
  row.created_at = now;
  if (token.valid_for) row.expires_at = now + *token.valid_for;
  IssuedToken issued;
  issued.plain = crypto::new_api_token();
  auto hash = crypto::hash_token(issued.plain.reveal());
  issued.token = co_await users_.add_token(user.tenant_id, user.id, std::move(row), std::move(hash));
  co_return issued;
}

Task<Result<storage::Principal>> AuthService::authenticate(std::string token) {
  static constexpr auto kRefusal = "The token is unknown, expired or revoked. Make one with: easyflow token create";
  // what can't be a token costs no query
  if (token.size() != kTokenLength || token.compare(0, 3, "ef_") != 0) co_return unauthorized(kRefusal);
  auto hash = crypto::hash_token(token);
  auto now = clock_.now();
  auto known = state_->remembered.find(hash);
  if (known != state_->remembered.end() && known->second.until > now) co_return known->second.principal;

  auto revocations = state_->revocations;
  auto principal = co_await users_.principal(hash);
  if (!principal) co_return unauthorized(kRefusal);
  // an answer older than a revocation may name the revoked token
  if (revocations == state_->revocations) state_->remember(hash, *principal, now);
  co_return *std::move(principal);
}

Task<Result<IssuedToken>> AuthService::log_in(std::string email, Secret password) {
  auto address = lower(std::move(email));
  auto now = clock_.now();
  auto wait = state_->must_wait(address, now);
  if (wait.count() > 0)
    co_return Error(ErrorKind::rate_limited, "Too many failed logins for this address. Try again in a minute.", wait);
  if (state_->logins >= kMaxLogins)
    co_return Error(ErrorKind::rate_limited, "Too many logins at once. Try again in a few seconds.",
                    std::chrono::seconds{5});
  state_->count_attempt(address, now);
  Counted under_way(state_->logins);

  auto user = co_await users_.find_login(address);
  bool usable = user && !user->password_hash.empty() && password.reveal().size() <= kLongestPassword;
  std::string stored = usable ? user->password_hash : std::string();
  // Unknown users are checked against a decoy, so that the time taken does not tell who exists.
  auto fits = std::make_shared<bool>(false);
  std::function<void()> work = [state = state_.get(), stored, password, fits] {
    if (state->decoy.empty()) state->decoy = crypto::hash_password(Secret(crypto::random_token(32)));
    if (stored.empty())
      (void)crypto::verify_password(state->decoy, Secret("no password fits"));
    else
      *fits = crypto::verify_password(stored, password);
  };
  co_await state_->hashing.run(std::move(work));
  if (!*fits) {
    log::warn("auth.login_failed");
    co_return unauthorized("E-mail address or password is wrong.");
  }

  state_->attempts.erase(address);
  storage::ApiToken row;
  row.name = "page session";
  row.kind = "session";
  row.scopes = scopes_of(user->role);
  row.created_at = now;
  row.expires_at = now + kSessionLength;
  IssuedToken issued;
  issued.plain = crypto::new_api_token();
  auto hash = crypto::hash_token(issued.plain.reveal());
  issued.token = co_await users_.add_token(user->tenant_id, user->id, std::move(row), std::move(hash));
  co_return issued;
}

Task<bool> AuthService::revoke(std::string tenant_id, std::string token_id) {
  bool gone = co_await users_.revoke_token(std::move(tenant_id), token_id);
  if (gone) {
    ++state_->revocations;
    std::erase_if(state_->remembered, [&](const auto& entry) { return entry.second.principal.token_id == token_id; });
  }
  co_return gone;
}

void AuthService::forget_tokens() {
  ++state_->revocations;
  state_->remembered.clear();
}

Task<std::vector<storage::ApiToken>> AuthService::tokens(std::string tenant_id) {
  return users_.tokens(std::move(tenant_id));
}

Task<std::optional<storage::User>> AuthService::find_user(std::string tenant_id, std::string user_id) {
  auto users = co_await users_.list(std::move(tenant_id));
  for (auto& user : users)
    if (user.id == user_id) co_return std::move(user);
  co_return std::nullopt;
}

Task<Result<storage::User>> AuthService::set_time_zone(std::string tenant_id, std::string user_id,
                                                       std::string time_zone) {
  if (!is_time_zone(time_zone)) co_return no_such_zone();
  bool known = co_await users_.set_time_zone(tenant_id, user_id, std::move(time_zone));
  if (!known) co_return Error(ErrorKind::not_found, "There is no such user.");
  auto user = co_await find_user(std::move(tenant_id), std::move(user_id));
  if (!user) co_return Error(ErrorKind::not_found, "There is no such user.");
  co_return std::move(*user);
}

}  // namespace easyflow::auth
