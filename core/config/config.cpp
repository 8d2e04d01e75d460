#include "core/config/config.hpp"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <variant>

#include "core/base/http_message.hpp"
#include "core/base/nearest.hpp"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

extern char** environ;

namespace easyflow {

namespace {

constexpr std::size_t kMaxFileSize = 1024 * 1024;
constexpr std::size_t kMaxShown = 200;
constexpr std::string_view kPrefix = "EASYFLOW_";
constexpr std::string_view kMasked = "***";

enum class Kind { text, path, number, boolean, duration, size, choice, ip_address, url, dsn, secret, master_key };

using Slot = std::variant<std::string*, Secret*, bool*, int*, std::uint16_t*, std::size_t*, std::chrono::milliseconds*,
                          std::chrono::seconds*>;

/// A key: where it is stored, what it may hold, what it is for.
struct Row {
  std::string_view name;
  Kind kind;
  std::string_view fallback;
  long long least;  ///< number: itself; duration: milliseconds; size: bytes
  long long most;
  std::string_view choices;  ///< "text|json"
  Slot (*slot)(Config&);
  std::string_view help;
};

constexpr long long kSecond = 1000;
constexpr long long kMinute = 60 * kSecond;
constexpr long long kHour = 60 * kMinute;

#define EASYFLOW_SLOT(field) [](Config& c) -> Slot { return &c.field; }

// clang-format off
const Row kRows[] = {
  {"server.address", Kind::ip_address, "127.0.0.1", 0, 0, "", EASYFLOW_SLOT(server.address),
   "IP address the hub listens on; 0.0.0.0 or :: for all (then put a TLS proxy before it)."},
  {"server.port", Kind::number, "8080", 0, 65535, "", EASYFLOW_SLOT(server.port),
   "TCP port; 0 takes any free one."},
  {"server.public_url", Kind::url, "", 0, 0, "", EASYFLOW_SLOT(server.public_url),
   "https:// address under which platforms reach this hub; empty: it asks the platforms instead (polling)."},
  {"server.max_body", Kind::size, "1MB", 1024, 100LL << 20, "", EASYFLOW_SLOT(server.max_body),
   "Largest request body; a larger one is refused unread (413)."},
  {"server.log_format", Kind::choice, "text", 0, 0, "text|json", EASYFLOW_SLOT(server.log_format),
   "text for people, json for log collectors."},
  {"server.log_level", Kind::choice, "info", 0, 0, "debug|info|warn|error", EASYFLOW_SLOT(server.log_level),
   "Lowest level that is written: debug, info, warn, error."},

  {"data.dir", Kind::path, "", 0, 0, "", EASYFLOW_SLOT(data.dir),
   "Folder of key file and embedded database; empty: /var/lib/easyflow for root, else $XDG_DATA_HOME/easyflow or ~/.local/share/easyflow."},

  {"database.dsn", Kind::dsn, "", 0, 0, "", EASYFLOW_SLOT(database.dsn),
   "libpq connection string or URI of a role that owns nothing; empty: the hub runs its own private PostgreSQL. A password belongs into EASYFLOW_DATABASE_DSN or ~/.pgpass."},
  {"database.owner_dsn", Kind::dsn, "", 0, 0, "", EASYFLOW_SLOT(database.owner_dsn),
   "The same for the role that owns the tables, used for migrations only; empty: database.dsn."},
  {"database.pool_size", Kind::number, "20", 1, 500, "", EASYFLOW_SLOT(database.pool_size),
   "Connections kept open once they were needed."},
  {"database.max_overflow", Kind::number, "10", 0, 500, "", EASYFLOW_SLOT(database.max_overflow),
   "Connections opened above that under load and closed afterwards."},
  {"database.acquire_timeout", Kind::duration, "10s", kSecond, 10 * kMinute, "", EASYFLOW_SLOT(database.acquire_timeout),
   "Longest wait for a free connection."},
  {"database.recycle_after", Kind::duration, "1h", kMinute, 24 * kHour, "", EASYFLOW_SLOT(database.recycle_after),
   "Age at which a connection is replaced."},
  {"database.pre_ping_after", Kind::duration, "10s", kSecond, kHour, "", EASYFLOW_SLOT(database.pre_ping_after),
   "A connection idle for longer is tried before it is used."},
  {"database.statement_timeout", Kind::duration, "30s", kSecond, kHour, "", EASYFLOW_SLOT(database.statement_timeout),
   "PostgreSQL ends a statement that takes longer."},
  {"database.bin_dir", Kind::path, "", 0, 0, "", EASYFLOW_SLOT(database.bin_dir),
   "Folder of initdb and postgres for the private PostgreSQL; empty: searched for."},

  {"keys.file", Kind::path, "", 0, 0, "", EASYFLOW_SLOT(keys.file),
   "File of the master keys (mode 0600, back it up); empty: <data.dir>/master.key, made on the first start."},
  {"keys.master_key", Kind::master_key, "", 0, 0, "", EASYFLOW_SLOT(keys.master_key),
   "The master keys themselves in place of the file, one a line as in the file. Only from the environment or .env: EASYFLOW_MASTER_KEY."},

  {"sync.poll_interval", Kind::duration, "10s", 100, kHour, "", EASYFLOW_SLOT(sync.poll_interval),
   "How often due syncs are looked for."},
  {"sync.max_parallel", Kind::number, "4", 1, 1000, "", EASYFLOW_SLOT(sync.max_parallel),
   "Syncs that run at the same time in this process."},
  {"sync.lease", Kind::duration, "60s", 5 * kSecond, kHour, "", EASYFLOW_SLOT(sync.lease),
   "A sync whose process died is taken over after this time."},

  {"ingest.max_batch", Kind::number, "256", 1, 10000, "", EASYFLOW_SLOT(ingest.max_batch),
   "Webhooks that share one transaction at most."},
  {"ingest.max_wait_queue", Kind::number, "10000", 1, 1000000, "", EASYFLOW_SLOT(ingest.max_wait_queue),
   "Webhooks that may wait for their transaction; over it: 503, the platform repeats."},
  {"ingest.parallel", Kind::number, "2", 1, 64, "", EASYFLOW_SLOT(ingest.parallel),
   "Such transactions at the same time."},

  {"nlp.enabled", Kind::boolean, "true", 0, 0, "", EASYFLOW_SLOT(nlp.enabled),
   "Find out what each message means (intent, entities, confidence); false: messages are only stored."},
  {"nlp.provider", Kind::choice, "embedded", 0, 0, "embedded|rasa|openai", EASYFLOW_SLOT(nlp.provider),
   "Who reads messages after the model of the hub itself: rasa, or openai for any service with OpenAI's chat completions; embedded: nobody, no text leaves the hub. Card numbers, phones and e-mail addresses are masked in what is sent."},
  {"nlp.provider_url", Kind::url, "", 0, 0, "", EASYFLOW_SLOT(nlp.provider_url),
   "Where it is: http://127.0.0.1:5005 for Rasa, https://api.openai.com/v1 for OpenAI."},
  {"nlp.provider_token", Kind::secret, "", 0, 0, "", EASYFLOW_SLOT(nlp.provider_token),
   "Its token, if it takes one. Only from the environment or .env: EASYFLOW_NLP_PROVIDER_TOKEN."},
  {"nlp.provider_model", Kind::text, "", 0, 0, "", EASYFLOW_SLOT(nlp.provider_model),
   "Name of the language model to ask for; for openai only."},
  {"nlp.provider_timeout", Kind::duration, "2s", 100, kMinute, "", EASYFLOW_SLOT(nlp.provider_timeout),
   "Longest wait for an answer; after it the meaning found by the hub's own model stays."},
  {"nlp.provider_parallel", Kind::number, "4", 1, 100, "", EASYFLOW_SLOT(nlp.provider_parallel),
   "Questions to the provider at the same time."},

  {"outbound.poll_interval", Kind::duration, "10s", 100, kHour, "", EASYFLOW_SLOT(outbound.poll_interval),
   "How often due messages are looked for; new ones are sent at once."},
  {"outbound.max_parallel", Kind::number, "16", 1, 1000, "", EASYFLOW_SLOT(outbound.max_parallel),
   "Messages that are being sent at the same time."},

  {"retention.inbound_body_days", Kind::number, "30", 1, 36500, "", EASYFLOW_SLOT(retention.inbound_body_days),
   "Days the raw body of a webhook is kept."},
  {"retention.outbox_days", Kind::number, "7", 1, 36500, "", EASYFLOW_SLOT(retention.outbox_days),
   "Days a delivered outbox event is kept."},
  {"retention.sync_log_days", Kind::number, "90", 1, 36500, "", EASYFLOW_SLOT(retention.sync_log_days),
   "Days the log of a sync run is kept."},
  {"retention.outbound_days", Kind::number, "90", 1, 36500, "", EASYFLOW_SLOT(retention.outbound_days),
   "Days a message that was sent or failed stays in the queue's history, and its idempotency key is known."},
};

/// Headings of the example file.
const std::pair<std::string_view, std::string_view> kSections[] = {
  {"server", "The HTTP server: API, webhooks, status page."},
  {"data", "What the hub keeps on disk."},
  {"database", "PostgreSQL."},
  {"keys", "Master keys: they open the keys of the tenants, and so every credential."},
  {"sync", "Pulling orders, products and the like from the platforms."},
  {"ingest", "Taking in webhooks."},
  {"nlp", "What messages mean."},
  {"outbound", "Sending messages."},
  {"retention", "How long things are kept."},
};
// clang-format on

constexpr std::string_view kPlatformHelp =
    "Address that takes the place of the platform's own hosts (the sandbox); empty: the platform itself.";

/// EASYFLOW_* variables that are not keys: the client's address and token, the choice of the file, tests.
bool is_foreign(std::string_view name) {
  return name == "EASYFLOW_CONFIG" || name == "EASYFLOW_TOKEN" || name == "EASYFLOW_URL" ||
         name.starts_with("EASYFLOW_TEST_") || name.starts_with("EASYFLOW_BENCH_");
}

std::string environment_name(const Row& row) {
  if (row.kind == Kind::master_key) return "EASYFLOW_MASTER_KEY";
  std::string name(kPrefix);
  for (char c : row.name)
    name.push_back(c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  return name;
}

/// Neither from the file nor as a flag, never shown.
bool is_secret(const Row& row) { return row.kind == Kind::secret || row.kind == Kind::master_key; }

const Row* find_row(std::string_view name) {
  auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.name == name; });
  return row == std::end(kRows) ? nullptr : row;
}

bool is_platform_id(std::string_view id) {
  return !id.empty() && id.size() <= 50 && id[0] >= 'a' && id[0] <= 'z' &&
         std::all_of(id.begin(), id.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::string base_url_key(std::string_view platform_id) { return "platforms." + std::string(platform_id) + ".base_url"; }

/// "telegram" of "platforms.telegram.base_url"; empty for anything else.
std::string_view platform_of(std::string_view key) {
  constexpr std::string_view kHead = "platforms.";
  constexpr std::string_view kTail = ".base_url";
  if (!key.starts_with(kHead) || !key.ends_with(kTail) || key.size() <= kHead.size() + kTail.size()) return {};
  std::string_view id = key.substr(kHead.size(), key.size() - kHead.size() - kTail.size());
  return is_platform_id(id) ? id : std::string_view();
}

/// Shortened and without control characters: one message stays one line.
std::string printable(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kMaxShown)) out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
  return out + (text.size() > kMaxShown ? "..." : "");
}

std::string in_quotes(std::string_view text) { return "\"" + printable(text) + "\""; }

/// `number` as it would be written for that kind.
std::string in_units(long long number, Kind kind) {
  if (kind == Kind::duration) {
    if (number % kHour == 0) return std::to_string(number / kHour) + "h";
    if (number % kMinute == 0) return std::to_string(number / kMinute) + "m";
    if (number % kSecond == 0) return std::to_string(number / kSecond) + "s";
    return std::to_string(number) + "ms";
  }
  if (kind == Kind::size) {
    if (number % (1 << 20) == 0) return std::to_string(number >> 20) + "MB";
    return std::to_string(number >> 10) + "KB";
  }
  return std::to_string(number);
}

struct Unit {
  std::string_view name;
  long long factor;
};
constexpr Unit kDurationUnits[] = {{"ms", 1}, {"s", kSecond}, {"m", kMinute}, {"h", kHour}};
constexpr Unit kSizeUnits[] = {{"B", 1}, {"KB", 1LL << 10}, {"MB", 1LL << 20}, {"GB", 1LL << 30}};
constexpr Unit kNoUnits[] = {{"", 1}};

/// "30s" as 30000; nothing when it is no whole number with one of the units, or out of all bounds.
template <std::size_t N>
std::optional<long long> parse_with_unit(std::string_view text, const Unit (&units)[N]) {
  long long number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (text != unit.name) continue;
    if (number > std::numeric_limits<long long>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

/// What is wrong with an address the hub calls or is called under; empty when nothing is.
std::string url_fault(const std::string& text) {
  auto parsed = boost::urls::parse_uri(text);
  // not quoted back where it may hold a password
  if (parsed.has_error()) return "is not a URL; write something like https://hub.example.com";
  const boost::urls::url_view& url = *parsed;
  if (url.has_userinfo()) return "holds a user or password; leave it out";
  if (url.has_query() || url.has_fragment()) return "holds '?' or '#'; leave it out";
  std::string host(url.host());
  if (host.empty()) return "names no host";
  if (url.has_port() && (url.port_number() == 0)) return "has no usable port";
  if (url.scheme() == "https") return "";
  bool near = host.find('.') == std::string::npos && host.find(':') == std::string::npos;  // localhost, container names
  if (url.scheme() == "http" && (near || host.starts_with("127.") || host == "[::1]")) return "";
  return "must begin with https:// (http:// only for this machine or a name without dots)";
}

bool is_ip_address(const std::string& text) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, text.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

bool looks_like_dsn(std::string_view text) {
  return text.starts_with("postgresql://") || text.starts_with("postgres://") ||
         text.find('=') != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool is_password(std::string_view name) {
  std::string plain = lower(name);
  return plain == "password" || plain == "sslpassword";
}

std::string mask_uri(std::string_view uri, std::size_t authority) {
  std::string out(uri.substr(0, authority));
  std::string_view rest = uri.substr(authority);
  // passwords may hold anything, also '/' or '?' where they should not: up to the last '@' all is user and password
  std::size_t at = rest.rfind('@');
  if (at != std::string_view::npos) {
    std::size_t colon = rest.find(':');
    if (colon < at) {
      out.append(rest.substr(0, colon + 1)).append(kMasked);
    } else {
      out.append(rest.substr(0, at));
    }
    rest.remove_prefix(at);
  }
  std::size_t query = rest.find('?');
  out.append(rest.substr(0, query));
  if (query == std::string_view::npos) return out;
  rest.remove_prefix(query);
  while (!rest.empty()) {
    out.push_back(rest.front());  // '?' or '&'
    rest.remove_prefix(1);
    std::string_view pair = rest.substr(0, rest.find('&'));
    std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && is_password(url_decode(pair.substr(0, equals)))) {
      out.append(pair.substr(0, equals + 1)).append(kMasked);
    } else {
      out.append(pair);
    }
    rest.remove_prefix(pair.size());
  }
  return out;
}

/// keyword = value pairs as libpq reads them: value bare or in single quotes, backslash escapes. Nothing when
/// malformed.
std::optional<std::string> mask_keywords(std::string_view text) {
  auto skip_blank = [&](std::size_t i) { return std::min(text.find_first_not_of(" \t\r\n\f\v", i), text.size()); };
  std::string out;
  std::size_t i = skip_blank(0);
  while (i < text.size()) {
    std::size_t name_end = std::min(text.find_first_of(" \t\r\n\f\v=", i), text.size());
    std::string_view name = text.substr(i, name_end - i);
    i = skip_blank(name_end);
    if (name.empty() || i == text.size() || text[i] != '=') return std::nullopt;
    i = skip_blank(i + 1);
    std::size_t start = i;
    bool is_quoted = i < text.size() && text[i] == '\'';
    if (is_quoted) ++i;
    for (;; ++i) {
      if (i >= text.size()) {
        if (is_quoted) return std::nullopt;
        break;
      }
      if (text[i] == '\\' && i + 1 < text.size()) {
        ++i;
      } else if (is_quoted ? text[i] == '\''
                           : std::string_view(" \t\r\n\f\v").find(text[i]) != std::string_view::npos) {
        break;
      }
    }
    if (is_quoted) ++i;
    if (!out.empty()) out.push_back(' ');
    out.append(name).append("=").append(is_password(name) ? kMasked : text.substr(start, i - start));
    i = skip_blank(i);
  }
  return out;
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxFileSize + 1, '\0');
  if (!in || !in.read(text.data(), static_cast<std::streamsize>(text.size())).eof()) {
    return Error(ErrorKind::invalid_input, in ? "is larger than 1 MB" : "cannot be read");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

enum class Layer { fallback, file, environment, dotenv, flag };

class Loader {
 public:
  explicit Loader(const ConfigSources& sources) : sources_(sources) {}

  Result<Config> load() {
    for (const Row& row : kRows) set(row, std::string(row.fallback), "default", Layer::fallback);
    for (const std::string& id : sources_.platform_ids) set_platform(id, "", "default");
    if (sources_.file) read_file(*sources_.file);
    for (const auto& [name, value] : sources_.environment) {
      if (name.starts_with(kPrefix)) set_variable(name, value, "environment " + name, Layer::environment);
    }
    if (sources_.dotenv_path) read_dotenv(*sources_.dotenv_path);
    for (const auto& [key, value] : sources_.flags) set_key(key, value, "flag --" + key, Layer::flag);
    if (faults_.empty()) work_out_defaults();
    if (!faults_.empty()) {
      std::string all;
      for (const std::string& fault : faults_) all += (all.empty() ? "" : "\n") + fault;
      return Error(ErrorKind::invalid_input, std::move(all));
    }
    list_entries();
    return std::move(config_);
  }

 private:
  struct Origin {
    std::string shown;  ///< the value, masked
    std::string origin;
  };

  void fault(std::string_view key, const std::string& origin, const std::string& problem) {
    faults_.push_back(printable(key) + " (" + printable(origin) + "): " + problem);
  }

  std::vector<std::string> known_keys(std::string_view unknown) const {
    std::vector<std::string> keys;
    for (const Row& row : kRows) keys.emplace_back(row.name);
    for (const std::string& id : sources_.platform_ids) keys.push_back(base_url_key(id));
    if (unknown.starts_with("platforms.") && sources_.platform_ids.empty()) {
      std::string_view id = unknown.substr(10);
      id = id.substr(0, id.find('.'));
      if (is_platform_id(id)) keys.push_back(base_url_key(id));
    }
    return keys;
  }

  void unknown(std::string_view key, const std::string& origin) {
    auto keys = known_keys(key);
    auto near = nearest(key, keys);
    if (near.empty()) {
      // a key written without its section
      std::string tail = "." + std::string(key.substr(key.rfind('.') + 1));
      for (const std::string& candidate : keys) {
        if (candidate.ends_with(tail)) near.push_back(candidate);
      }
    }
    fault(key, origin,
          near.empty() ? "unknown key; remove it, config/easyflow.example.toml lists the keys there are"
                       : "unknown key; did you mean " + near.front() + "?");
  }

  /// The value of a key under its own name, from the file or a flag.
  void set_key(std::string_view key, const std::string& value, const std::string& origin, Layer layer) {
    if (const Row* row = find_row(key)) return set(*row, value, origin, layer);
    std::string_view id = platform_of(key);
    if (!id.empty() && knows_platform(id)) return set_platform(std::string(id), value, origin);
    unknown(key, origin);
  }

  void set_variable(const std::string& name, const std::string& value, const std::string& origin, Layer layer) {
    if (name == "EASYFLOW_CONFIG" && layer == Layer::dotenv) {
      return fault(name, origin, "the file cannot be chosen here; set it in the environment or use --config");
    }
    if (is_foreign(name)) return;
    std::vector<std::string> names;
    for (const Row& row : kRows) {
      names.push_back(environment_name(row));
      if (names.back() == name) return set(row, value, origin, layer);
    }
    constexpr std::string_view kHead = "EASYFLOW_PLATFORMS_";
    constexpr std::string_view kTail = "_BASE_URL";
    for (const std::string& id : sources_.platform_ids) {
      std::string variable(kHead);
      for (char c : id) variable.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
      names.push_back(variable.append(kTail));
    }
    if (name.starts_with(kHead) && name.ends_with(kTail) && name.size() > kHead.size() + kTail.size()) {
      std::string id = lower(name.substr(kHead.size(), name.size() - kHead.size() - kTail.size()));
      if (is_platform_id(id) && knows_platform(id)) return set_platform(id, value, origin);
    }
    auto near = nearest(name, names);
    fault(name, origin, "unknown variable; " + (near.empty() ? "remove it" : "did you mean " + near.front() + "?"));
  }

  bool knows_platform(std::string_view id) const {
    const auto& ids = sources_.platform_ids;
    return ids.empty() || std::find(ids.begin(), ids.end(), id) != ids.end();
  }

  void set_platform(const std::string& id, std::string url, const std::string& origin) {
    if (!url.empty()) {
      std::string problem = url_fault(url);
      if (!problem.empty()) return fault(base_url_key(id), origin, problem);
    }
    while (url.ends_with('/')) url.pop_back();
    config_.platforms[id].base_url = url;
    origins_[base_url_key(id)] = {url, origin};
  }

  void set(const Row& row, const std::string& value, const std::string& origin, Layer layer) {
    std::string problem = value_fault(row, value, layer);
    if (!problem.empty()) return fault(row.name, origin, problem);
    store(row, value);
    std::string shown = value;
    if (row.kind == Kind::dsn) shown = mask_dsn(value);
    if (is_secret(row) && !value.empty()) shown = kMasked;
    origins_[std::string(row.name)] = {shown, origin};
  }

  /// What is wrong with a value; empty when nothing is.
  static std::string value_fault(const Row& row, const std::string& value, Layer layer) {
    if (value.find('\0') != std::string::npos) return "holds a zero byte";
    switch (row.kind) {
      case Kind::text:
      case Kind::path: return "";
      case Kind::number: return number_fault(row, value, parse_with_unit(value, kNoUnits), "a whole number");
      case Kind::boolean:
        return value == "true" || value == "false" ? "" : in_quotes(value) + " is neither true nor false";
      case Kind::duration:
        if (std::holds_alternative<std::chrono::seconds*>(slot_of(row)) && value.ends_with("ms")) {
          return in_quotes(value) + " is too fine; write whole seconds, like 10s";
        }
        return number_fault(row, value, parse_with_unit(value, kDurationUnits),
                            "a duration with its unit (250ms, 30s, 5m, 1h)");
      case Kind::size:
        return number_fault(row, value, parse_with_unit(value, kSizeUnits), "a size with its unit (512KB, 1MB)");
      case Kind::choice: {
        std::string_view rest = row.choices;
        while (!rest.empty()) {
          std::string_view choice = rest.substr(0, rest.find('|'));
          if (choice == value) return "";
          rest.remove_prefix(std::min(choice.size() + 1, rest.size()));
        }
        std::string choices(row.choices);
        for (std::size_t bar = 0; (bar = choices.find('|', bar)) != std::string::npos;) choices.replace(bar, 1, ", ");
        return in_quotes(value) + " is none of: " + choices;
      }
      case Kind::ip_address:
        return is_ip_address(value) ? "" : in_quotes(value) + " is not an IP address; write one like 127.0.0.1 or ::1";
      case Kind::url: return value.empty() ? "" : url_fault(value);
      case Kind::dsn:
        if (value.empty()) return "";
        if (!looks_like_dsn(value)) {
          return "is not a connection string; write host=... dbname=... user=... or postgresql://user@host/database";
        }
        if (layer == Layer::flag && mask_dsn(value) != value) {
          return "a password on the command line can be seen by every user of this machine; set " +
                 environment_name(row) + " or use ~/.pgpass";
        }
        return "";
      case Kind::secret:
        if (layer == Layer::file)
          return "a token must not stand in this file; remove it and set " + environment_name(row) +
                 " in the environment or .env";
        if (layer == Layer::flag)
          return "a token on the command line can be seen by every user of this machine; set " + environment_name(row) +
                 " in the environment or .env";
        return value.find_first_of("\r\n") == std::string::npos ? "" : "holds a line break";
      case Kind::master_key:
        if (layer == Layer::file) {
          return "a master key must not stand in this file; remove it and set EASYFLOW_MASTER_KEY in the environment "
                 "or .env, or use keys.file";
        }
        if (layer == Layer::flag) {
          return "a master key on the command line can be seen by every user of this machine; set EASYFLOW_MASTER_KEY "
                 "in the environment or .env, or use keys.file";
        }
        return "";
    }
    return "";
  }

  static std::string number_fault(const Row& row, const std::string& value, std::optional<long long> number,
                                  const std::string& expected) {
    std::string range = "from " + in_units(row.least, row.kind) + " to " + in_units(row.most, row.kind);
    if (!number) return in_quotes(value) + " is not " + expected + "; write one " + range;
    if (*number < row.least || *number > row.most) return in_quotes(value) + " is out of range; write a value " + range;
    return "";
  }

  static Slot slot_of(const Row& row) {
    static Config pattern;  // only the type is looked at
    return row.slot(pattern);
  }

  /// `value` has passed value_fault.
  void store(const Row& row, const std::string& value) {
    std::optional<long long> number;
    if (row.kind == Kind::number) number = parse_with_unit(value, kNoUnits);
    if (row.kind == Kind::duration) number = parse_with_unit(value, kDurationUnits);
    if (row.kind == Kind::size) number = parse_with_unit(value, kSizeUnits);
    std::string text = value;
    if (row.kind == Kind::url) {
      while (text.ends_with('/')) text.pop_back();
    }
    std::visit(
        [&](auto* field) {
          using Field = std::remove_pointer_t<decltype(field)>;
          if constexpr (std::is_same_v<Field, std::string>) {
            *field = text;
          } else if constexpr (std::is_same_v<Field, Secret>) {
            *field = Secret(text);
          } else if constexpr (std::is_same_v<Field, bool>) {
            *field = value == "true";
          } else if constexpr (std::is_same_v<Field, std::chrono::seconds>) {
            *field = std::chrono::seconds(number.value() / kSecond);
          } else if constexpr (std::is_same_v<Field, std::chrono::milliseconds>) {
            *field = std::chrono::milliseconds(number.value());
          } else {
            *field = static_cast<Field>(number.value());
          }
        },
        row.slot(config_));
  }

  void read_file(const std::string& path) {
    auto text = read_text(path);
    if (!text) return fault("configuration file", "file " + path, text.error().message() + "; check path and rights");
    toml::parse_result parsed = toml::parse(std::string_view(*text));
    if (!parsed) {
      const toml::parse_error& error = parsed.error();
      return fault("configuration file", "file " + path + ":" + std::to_string(error.source().begin.line),
                   "is not TOML here: " + std::string(error.description()));
    }
    read_table(parsed.table(), "", path);
  }

  void read_table(const toml::table& table, const std::string& prefix, const std::string& path) {
    for (auto&& [name, node] : table) {
      std::string key = prefix + std::string(name.str());
      std::string origin = "file " + path + ":" + std::to_string(node.source().begin.line);
      if (const toml::table* inner = node.as_table()) {
        bool is_section = key == "platforms" || (prefix == "platforms." && knows_platform(name.str())) ||
                          std::any_of(std::begin(kSections), std::end(kSections),
                                      [&](const auto& section) { return section.first == key; });
        if (inner->empty() && !is_section) {
          unknown(key, origin);
        } else {
          read_table(*inner, key + ".", path);
        }
        continue;
      }
      const Row* row = find_row(key);
      bool wants_number = row != nullptr && row->kind == Kind::number;
      bool wants_boolean = row != nullptr && row->kind == Kind::boolean;
      if (row != nullptr && is_secret(*row)) {
        set_key(key, "", origin, Layer::file);
        continue;
      }
      if (auto integer = node.as_integer(); integer != nullptr && wants_number) {
        set_key(key, std::to_string(integer->get()), origin, Layer::file);
      } else if (auto boolean = node.as_boolean(); boolean != nullptr && wants_boolean) {
        set_key(key, boolean->get() ? "true" : "false", origin, Layer::file);
      } else if (auto string = node.as_string(); string != nullptr && !wants_number && !wants_boolean) {
        set_key(key, string->get(), origin, Layer::file);
      } else if (row == nullptr && platform_of(key).empty()) {
        unknown(key, origin);
      } else {
        fault(key, origin,
              wants_number    ? "is not a whole number; write it without quotes, like 8"
              : wants_boolean ? "is neither true nor false; write it without quotes"
                              : "is not a text; put it in quotes");
      }
    }
  }

  /// KEY=value lines: '#' comments, optional "export", value bare, in '...' (as it is) or in "..." (\n \t \" \\).
  void read_dotenv(const std::string& path) {
    std::error_code missing;
    if (!std::filesystem::exists(path, missing)) return;
    auto read = read_text(path);
    if (!read) return fault("environment file", path, read.error().message() + "; check its rights");
    Secret content(*std::move(read));
    std::string_view text = content.reveal();
    for (int number = 1; !text.empty(); ++number) {
      std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      std::string origin = path + ":" + std::to_string(number);
      line = trimmed(line);
      if (line.starts_with("export ")) line = trimmed(line.substr(7));
      if (line.empty() || line.front() == '#' || !line.starts_with(kPrefix)) continue;
      std::size_t equals = line.find('=');
      if (equals == std::string_view::npos) {
        fault(line.substr(0, line.find_first_of(" \t")), origin, "no '=' in this line; write NAME=value");
        continue;
      }
      std::string name(trimmed(line.substr(0, equals)));
      auto value = dotenv_value(trimmed(line.substr(equals + 1)));
      if (!value) {
        fault(name, origin, "the quotes are not closed, or something follows them");
        continue;
      }
      const bool is_secret_variable = std::any_of(std::begin(kRows), std::end(kRows), [&](const Row& row) {
        return is_secret(row) && environment_name(row) == name;
      });
      if (is_secret_variable && others_may_read(path)) {
        fault(name, origin, "other users may read this file; close it: chmod 600 " + path);
        continue;
      }
      set_variable(name, *value, origin, Layer::dotenv);
    }
  }

  static std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
  }

  static std::optional<std::string> dotenv_value(std::string_view text) {
    if (text.empty() || (text.front() != '\'' && text.front() != '"')) {
      std::size_t comment = std::min(text.find(" #"), text.find("\t#"));
      return std::string(trimmed(text.substr(0, comment)));
    }
    char quote = text.front();
    std::string value;
    std::size_t i = 1;
    for (; i < text.size() && text[i] != quote; ++i) {
      char c = text[i];
      if (quote == '"' && c == '\\' && i + 1 < text.size()) {
        c = text[++i];
        if (c == 'n') c = '\n';
        if (c == 't') c = '\t';
      }
      value.push_back(c);
    }
    if (i >= text.size()) return std::nullopt;
    std::string_view rest = trimmed(text.substr(i + 1));
    if (!rest.empty() && rest.front() != '#') return std::nullopt;
    return value;
  }

  static bool others_may_read(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) != 0 || (status.st_mode & 077) != 0;
  }

  /// The values that depend on others, and the rules between keys.
  void work_out_defaults() {
    if (config_.data.dir.empty()) {
      config_.data.dir = default_data_dir(sources_.environment, ::geteuid() == 0);
      if (config_.data.dir.empty()) {
        return fault("data.dir", "default",
                     "this user has no home folder; set data.dir to a folder the hub may write to");
      }
    }
    config_.data.dir = absolute(config_.data.dir);
    if (config_.keys.file.empty()) {
      config_.keys.file = config_.data.dir + "/master.key";
    } else if (!config_.keys.master_key.empty()) {
      fault("keys.file", origins_["keys.file"].origin,
            "keys.master_key is set too (" + origins_["keys.master_key"].origin + "); keep one of them");
    }
    config_.keys.file = absolute(config_.keys.file);
    origins_["data.dir"].shown = config_.data.dir;
    origins_["keys.file"].shown = config_.keys.file;
    if (config_.database.dsn.empty() && !config_.database.owner_dsn.empty()) {
      fault("database.owner_dsn", origins_["database.owner_dsn"].origin,
            "database.dsn is not set; set it too, or leave both out for the private PostgreSQL");
    }
    if (config_.database.owner_dsn.empty()) config_.database.owner_dsn = config_.database.dsn;
    check_nlp();
  }

  void check_nlp() {
    const auto& nlp = config_.nlp;
    if (nlp.provider == "embedded") return;
    const auto& origin = origins_["nlp.provider"].origin;
    if (!nlp.enabled) fault("nlp.provider", origin, "nlp.enabled is false; set it to true, or remove the provider");
    if (nlp.provider_url.empty())
      fault("nlp.provider_url", origins_["nlp.provider_url"].origin,
            nlp.provider + " needs it; write something like " +
                (nlp.provider == "rasa" ? "http://127.0.0.1:5005" : "https://api.openai.com/v1"));
    if (nlp.provider == "openai" && nlp.provider_model.empty())
      fault("nlp.provider_model", origins_["nlp.provider_model"].origin, "openai needs it; write the model's name");
  }

  static std::string absolute(const std::string& path) {
    std::string normal = std::filesystem::absolute(path).lexically_normal().string();
    if (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
    return normal;
  }

  void list_entries() {
    auto add = [&](const std::string& key, bool secret) {
      const Origin& origin = origins_[key];
      config_.entries.push_back({key, origin.shown, origin.origin, secret});
    };
    for (const Row& row : kRows) {
      add(std::string(row.name), is_secret(row) || row.kind == Kind::dsn);
    }
    for (const auto& [id, platform] : config_.platforms) add(base_url_key(id), false);
  }

  const ConfigSources& sources_;
  Config config_;
  std::map<std::string, Origin> origins_;
  std::vector<std::string> faults_;
};

std::string variable(const std::map<std::string, std::string>& environment, const std::string& name) {
  auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

/// `text` as comment lines of at most 100 columns.
void append_comment(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t end = text.size() <= 98 ? text.size() : text.rfind(' ', 98);
    out.append("# ").append(text.substr(0, end)).append("\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

Result<Config> load_config(const ConfigSources& sources) { return Loader(sources).load(); }

std::optional<std::string> find_config_file(const std::optional<std::string>& flag,
                                            const std::map<std::string, std::string>& environment) {
  if (flag) return flag;
  std::string chosen = variable(environment, "EASYFLOW_CONFIG");
  if (!chosen.empty()) return chosen;
  std::string data_dir = default_data_dir(environment, ::geteuid() == 0);
  for (const std::string& folder : {std::string("."), data_dir, std::string("/etc/easyflow")}) {
    std::error_code missing;
    std::string path = folder == "." ? "easyflow.toml" : folder + "/easyflow.toml";
    if (!folder.empty() && std::filesystem::exists(path, missing)) return path;
  }
  return std::nullopt;
}

std::string default_data_dir(const std::map<std::string, std::string>& environment, bool is_root) {
  if (is_root) return "/var/lib/easyflow";
  std::string base = variable(environment, "XDG_DATA_HOME");
  if (base.starts_with('/')) return base + "/easyflow";  // the XDG rules skip a relative one
  std::string home = variable(environment, "HOME");
  return home.starts_with('/') ? home + "/.local/share/easyflow" : std::string();
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text(*entry);
    std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::string example_config(const std::vector<std::string>& platform_ids) {
  std::string out =
      "# Configuration of Easy Flow. Every key with its default: copy what you want to change.\n"
      "#\n"
      "# Read from, in rising priority: this file, the environment, .env, flags. The variable of a key is EASYFLOW_ "
      "and\n"
      "# its name in capitals with '_': server.port is EASYFLOW_SERVER_PORT; as a flag it is --server.port.\n"
      "# Searched as ./easyflow.toml, easyflow.toml in the default data folder, /etc/easyflow/easyflow.toml, unless\n"
      "# --config or EASYFLOW_CONFIG names it. `easyflow config show` prints what holds and from where.\n"
      "# Durations: ms, s, m, h. Sizes: KB (1024 bytes), MB, GB.\n";
  std::string_view section;
  for (const Row& row : kRows) {
    std::size_t dot = row.name.find('.');
    if (row.name.substr(0, dot) != section) {
      section = row.name.substr(0, dot);
      out.append("\n");
      for (const auto& [name, title] : kSections) {
        if (name == section) append_comment(out, title);
      }
      out.append("[").append(section).append("]\n");
    }
    append_comment(out, row.help);
    if (is_secret(row)) continue;
    out.append(row.name.substr(dot + 1)).append(" = ");
    const bool bare = row.kind == Kind::number || row.kind == Kind::boolean;
    out.append(bare ? std::string(row.fallback) : "\"" + std::string(row.fallback) + "\"");
    out.append("\n");
  }
  for (const std::string& id : platform_ids) {
    out.append("\n[platforms.").append(id).append("]\n");
    append_comment(out, kPlatformHelp);
    out.append("base_url = \"\"\n");
  }
  return out;
}

std::vector<ConfigKey> config_keys() {
  std::vector<ConfigKey> keys;
  for (const Row& row : kRows) {
    keys.push_back({std::string(row.name), environment_name(row), std::string(row.fallback), std::string(row.help),
                    is_secret(row)});
  }
  return keys;
}

std::string mask_dsn(std::string_view dsn) {
  std::size_t scheme = dsn.find("://");
  if (dsn.starts_with("postgresql://") || dsn.starts_with("postgres://")) return mask_uri(dsn, scheme + 3);
  return mask_keywords(dsn).value_or(std::string(kMasked));
}

}  // namespace easyflow
