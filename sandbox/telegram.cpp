#include "sandbox/telegram.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "core/base/secret.hpp"

namespace easyflow::sandbox {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kRememberedUpdates = 50'000;
constexpr std::size_t kRememberedMessages = 500;  // of one chat
constexpr seconds kMessageLife{24 * 3600};
constexpr seconds kCallbackLife{150};

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

HttpResponse json_answer(int status, const json& body) {
  HttpResponse response(status, dumped(body));
  response.headers.add("Content-Type", "application/json");
  return response;
}

HttpResponse success(json result) { return json_answer(200, {{"ok", true}, {"result", std::move(result)}}); }

HttpResponse success(json result, std::string_view description) {
  return json_answer(200, {{"ok", true}, {"result", std::move(result)}, {"description", description}});
}

HttpResponse failure(int code, std::string_view description) {
  return json_answer(code, {{"ok", false}, {"error_code", code}, {"description", description}});
}

HttpResponse bad_request(std::string_view what) { return failure(400, "Bad Request: " + std::string(what)); }

HttpResponse too_many(std::int64_t retry_after) {
  auto text = std::to_string(retry_after);
  auto response = json_answer(429, {{"ok", false},
                                    {"error_code", 429},
                                    {"description", "Too Many Requests: retry after " + text},
                                    {"parameters", {{"retry_after", retry_after}}}});
  response.headers.add("Retry-After", text);
  return response;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    std::size_t length = lead < 0x80                   ? 1
                         : lead >= 0xC2 && lead < 0xE0 ? 2
                         : (lead & 0xF0) == 0xE0       ? 3
                         : lead >= 0xF0 && lead < 0xF5 ? 4
                                                       : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    i += length;
  }
  return true;
}

/// Telegram counts text in UTF-16 units.
std::size_t utf16_length(std::string_view text) {
  std::size_t units = 0;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80) units += byte >= 0xF0 ? 2 : 1;
  }
  return units;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

void read_form(std::string_view form, json& params) {
  while (!form.empty()) {
    auto pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), pair.size() + 1));
    auto equals = pair.find('=');
    if (!pair.empty())
      params[url_decode(pair.substr(0, equals))] =
          equals == std::string_view::npos ? "" : url_decode(pair.substr(equals + 1));
  }
}

/// Parameters of query and body as one object. Nothing when the body cannot be read.
std::optional<json> read_params(const HttpRequest& request) {
  auto params = json::object();
  auto mark = request.target.find('?');
  if (mark != std::string::npos) read_form(std::string_view(request.target).substr(mark + 1), params);
  auto type = lower(request.headers.get("Content-Type"));
  if (type.rfind("application/json", 0) == 0) {
    if (is_blank(request.body)) return params;
    auto body = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
    if (!body.is_object()) return std::nullopt;
    params.update(body);
  } else if (type.empty() || type.rfind("application/x-www-form-urlencoded", 0) == 0) {
    read_form(request.body, params);
  } else {
    return std::nullopt;  // file uploads are not part of the stand-in
  }
  for (const auto& [name, value] : params.items())
    if (!is_utf8(name) || (value.is_string() && !is_utf8(value.get_ref<const std::string&>()))) return std::nullopt;
  return params;
}

std::string text_of(const json& params, std::string_view name) {
  auto at = params.find(name);
  return at != params.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::optional<std::int64_t> integer_of(const json& params, std::string_view name) {
  auto at = params.find(name);
  if (at == params.end()) return std::nullopt;
  if (at->is_number_integer()) return at->get<std::int64_t>();
  if (!at->is_string()) return std::nullopt;
  const auto& text = at->get_ref<const std::string&>();
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool flag_of(const json& params, std::string_view name) {
  auto at = params.find(name);
  if (at == params.end()) return false;
  if (at->is_boolean()) return at->get<bool>();
  auto text = lower(text_of(params, name));
  return text == "true" || text == "1" || text == "yes" || text == "y";
}

/// A nested value, plain or as the JSON text that forms carry. null when absent, discarded when unreadable.
json nested_of(const json& params, std::string_view name) {
  auto at = params.find(name);
  if (at == params.end()) return nullptr;
  if (!at->is_string()) return *at;
  return json::parse(at->get_ref<const std::string&>(), nullptr, /*allow_exceptions=*/false);
}

/// Checks an inline keyboard. Empty when it is fine.
std::string keyboard_problem(const json& rows) {
  static constexpr std::array<std::string_view, 10> kActions{"callback_data",
                                                             "url",
                                                             "web_app",
                                                             "copy_text",
                                                             "login_url",
                                                             "pay",
                                                             "callback_game",
                                                             "switch_inline_query",
                                                             "switch_inline_query_current_chat",
                                                             "switch_inline_query_chosen_chat"};
  if (!rows.is_array()) return "field \"inline_keyboard\" must be of type Array";
  std::size_t buttons = 0;
  for (const auto& row : rows) {
    if (!row.is_array()) return "can't parse inline keyboard: inline keyboard row must be an Array";
    for (const auto& button : row) {
      if (!button.is_object()) return "can't parse inline keyboard button: InlineKeyboardButton must be an Object";
      auto text = text_of(button, "text");
      if (is_blank(text)) return "can't parse inline keyboard button: Field \"text\" must be of type String";
      auto actions = std::count_if(kActions.begin(), kActions.end(), [&](auto name) { return button.contains(name); });
      if (actions == 0) return "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard";
      if (actions > 1) return "can't parse inline keyboard button: exactly one action is expected";
      if (button.contains("callback_data")) {
        auto data = text_of(button, "callback_data");
        if (data.empty() || data.size() > 64) return "BUTTON_DATA_INVALID";
      }
      if (button.contains("url")) {
        auto url = text_of(button, "url");
        if (url.rfind("http://", 0) != 0 && url.rfind("https://", 0) != 0 && url.rfind("tg://", 0) != 0)
          return "BUTTON_URL_INVALID";
      }
      ++buttons;
    }
  }
  return buttons > 100 ? "reply markup is too long" : "";
}

/// The stand-in calls nobody outside this machine.
bool is_loopback_url(std::string_view url) {
  auto scheme = url.rfind("http://", 0) == 0 ? 7u : url.rfind("https://", 0) == 0 ? 8u : 0u;
  if (scheme == 0) return false;
  url.remove_prefix(scheme);
  auto authority = url.substr(0, url.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) return false;
  if (authority.rfind("[::1]", 0) == 0) return true;
  auto host = lower(authority.substr(0, authority.find(':')));
  return host == "localhost" ||
         (host.rfind("127.", 0) == 0 && host.find_first_not_of("0123456789.") == std::string::npos);
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 408: return "Request Timeout";
    case 413: return "Payload Too Large";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "";
  }
}

/// At once, then after 1, 2, 4 ... 60 seconds.
seconds retry_wait(int failures) {
  if (failures <= 1) return seconds(0);
  return std::min(seconds(60), seconds(std::int64_t{1} << std::min(failures - 2, 6)));
}

}  // namespace

struct Telegram::Poll {
  explicit Poll(boost::asio::any_io_executor executor) : wake(std::move(executor)) {}
  Signal wake;
  PollEnd end = PollEnd::not_yet;
};

Telegram::Telegram(boost::asio::any_io_executor executor, const Clock& clock, Shop& shop, Faults& faults,
                   std::uint64_t seed, milliseconds react_after)
    : executor_(executor),
      clock_(clock),
      shop_(shop),
      faults_(faults),
      react_after_(react_after),
      dice_(seed + static_cast<std::uint64_t>(to_unix_seconds(clock.now()))),
      bot_id_(7'300'112'233),
      client_(executor),
      tasks_(executor),
      // ten ids a second since 2023-11: a restarted stand-in never repeats an id its consumer has seen
      next_update_(std::max<std::int64_t>(100, (to_unix_seconds(clock.now()) - 1'700'000'000) * 10)),
      next_message_(next_update_ / 2) {
  Dice dice(seed + 20);
  token_ =
      std::to_string(bot_id_) + ":" + dice.text(35, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
  for (const auto& buyer : shop_.buyers()) chats_.try_emplace(buyer.id, buyer);
}

Telegram::~Telegram() = default;

Task<> Telegram::stop() {
  stopping_ = true;
  end_poll(PollEnd::stopping);
  co_await tasks_.close();
}

std::string_view Telegram::method_path(std::string_view path) noexcept {
  if (path.rfind("/bot", 0) != 0) return {};
  auto slash = path.find('/', 4);
  return slash == std::string_view::npos ? std::string_view() : path.substr(slash);
}

Task<HttpResponse> Telegram::handle(HttpRequest request) {
  auto method = std::string(method_path(request.path()));
  if (method.empty()) co_return failure(404, "Not Found");
  auto path = request.path();
  auto token = url_decode(path.substr(4, path.size() - 4 - method.size()));
  if (token.find(':') == std::string::npos || token.front() == '0' || token.size() > 80)
    co_return failure(401, "Unauthorized: invalid token specified");
  if (!equal_constant_time(token, token_)) co_return failure(401, "Unauthorized");
  method = lower(method.substr(1));
  auto params = read_params(request);
  if (!params) co_return bad_request("can't parse request parameters: JSON object or form in UTF-8 expected");

  HttpResponse response;
  if (method == "getupdates") {
    response = co_await get_updates(std::move(*params));
  } else {
    response = call(method, *params);
  }
  ++answered_[method + " " + std::to_string(response.status)];
  co_return response;
}

Task<HttpResponse> Telegram::fail(HttpRequest request, Fault fault) {
  if (fault.kind == FaultKind::status_429 || fault.kind == FaultKind::status_429_global)
    co_return too_many(fault.retry_after.count());
  if (fault.kind == FaultKind::malformed || fault.processed) {
    auto response = co_await handle(std::move(request));
    if (fault.kind == FaultKind::malformed) {
      response.body.resize(response.body.size() / 2);
      co_return response;
    }
  }
  co_return failure(500, "Internal Server Error");
}

HttpResponse Telegram::call(const std::string& method, const Json& params) {
  if (method == "getme") {
    auto me = bot_json();
    me["can_join_groups"] = true;
    me["can_read_all_group_messages"] = false;
    me["supports_inline_queries"] = false;
    me["can_connect_to_business"] = false;
    me["has_main_web_app"] = false;
    return success(std::move(me));
  }
  if (method == "setwebhook") return set_webhook(params);
  if (method == "deletewebhook") return delete_webhook(params);
  if (method == "getwebhookinfo") return webhook_info();
  if (method == "sendmessage") return send_message(params);
  if (method == "answercallbackquery") return answer_callback(params);
  if (method == "sendchataction") return send_chat_action(params);
  if (method == "editmessagetext") return edit_text(params);
  if (method == "deletemessage") return delete_message(params);
  return failure(404, "Not Found: method not found");
}

// Updates -------------------------------------------------------------------------------------------------------------

Task<HttpResponse> Telegram::get_updates(Json params) {
  if (webhook_)
    co_return failure(
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first");
  end_poll(PollEnd::other_poll);
  set_allowed(params);
  auto offset = integer_of(params, "offset").value_or(0);
  auto limit = static_cast<std::size_t>(std::clamp<std::int64_t>(integer_of(params, "limit").value_or(100), 1, 100));
  auto timeout = seconds(std::clamp<std::int64_t>(integer_of(params, "timeout").value_or(0), 0, 50));
  if (offset > 0) confirm_before(offset);
  if (offset < 0) {
    auto keep = static_cast<std::size_t>(std::min<std::int64_t>(-offset, 1'000'000));
    if (pending_.size() > keep) confirm_before(*std::prev(pending_.end(), static_cast<std::ptrdiff_t>(keep)));
  }

  auto poll = std::make_shared<Poll>(executor_);
  poll_ = poll;
  ++polls_;
  auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (poll->end == PollEnd::other_poll)
      co_return failure(
          409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running");
    if (poll->end == PollEnd::set_webhook) co_return failure(409, "Conflict: terminated by setWebhook request");
    drop_expired();
    auto list = Json::array();
    for (auto id : pending_) {
      if (list.size() == limit) break;
      auto& update = updates_.at(id);
      ++update.deliveries;
      Json entry{{"update_id", id}};
      entry[update.kind] = Json::parse(update.object);
      list.push_back(std::move(entry));
    }
    auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (!list.empty() || left.count() <= 0 || poll->end == PollEnd::stopping || stopping_)
      co_return success(std::move(list));
    co_await poll->wake.wait(left);
  }
}

void Telegram::end_poll(PollEnd reason) {
  if (!poll_) return;
  poll_->end = reason;
  poll_->wake.notify();
  poll_.reset();
}

void Telegram::confirm_before(std::int64_t offset) {
  while (!pending_.empty() && *pending_.begin() < offset) {
    updates_.at(*pending_.begin()).confirmed = true;
    pending_.erase(pending_.begin());
  }
}

void Telegram::drop_pending() {
  for (auto id : pending_) updates_.at(id).expired = true;
  pending_.clear();
}

void Telegram::drop_expired() {
  auto now = clock_.now();
  for (auto at = pending_.begin(); at != pending_.end();) {
    auto& update = updates_.at(*at);
    update.expired = now > update.expires;
    at = update.expired ? pending_.erase(at) : std::next(at);
  }
}

void Telegram::forget_old() {
  while (updates_.size() > kRememberedUpdates && !pending_.contains(updates_.begin()->first))
    updates_.erase(updates_.begin());
}

void Telegram::set_allowed(const Json& params) {
  auto list = nested_of(params, "allowed_updates");
  if (!list.is_array()) return;  // left out: what was said before holds
  allowed_.clear();
  for (const auto& kind : list)
    if (kind.is_string()) allowed_.insert(kind.get<std::string>());
  allowed_is_default_ = allowed_.empty();
}

std::int64_t Telegram::enqueue(std::string kind, const Chat& chat, std::int64_t message_id, const Json& object,
                               seconds life) {
  if (!allowed_is_default_ && !allowed_.contains(kind)) return 0;
  Update update;
  update.id = next_update_++;
  update.kind = std::move(kind);
  update.chat_id = chat.buyer.id;
  update.message_id = message_id;
  update.object = dumped(object);
  update.expires = clock_.now() + life;
  auto id = update.id;
  const auto& stored = updates_.emplace(id, std::move(update)).first->second;
  pending_.insert(id);
  forget_old();
  if (poll_) poll_->wake.notify();
  if (webhook_) {
    queues_[queue_name(stored)].entries.push_back({id, false});
    pump();
  }
  return id;
}

HttpResponse Telegram::set_webhook(const Json& params) {
  auto url = text_of(params, "url");
  if (url.empty()) return delete_webhook(params);
  Webhook wanted;
  wanted.url = url;
  wanted.secret = text_of(params, "secret_token");
  wanted.ip_address = "127.0.0.1";
  if (params.contains("certificate")) return bad_request("the stand-in does not take certificates");
  if (!is_loopback_url(url))
    return bad_request(
        "bad webhook: the stand-in delivers only to http or https URLs of this machine (localhost, 127.x.x.x, [::1])");
  static constexpr std::string_view kSecretAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  if (wanted.secret.size() > 256) return bad_request("secret token is too long");
  if (wanted.secret.find_first_not_of(kSecretAlphabet) != std::string::npos)
    return bad_request("secret token contains unallowed characters");
  wanted.max_connections =
      static_cast<int>(std::clamp<std::int64_t>(integer_of(params, "max_connections").value_or(40), 1, 100));

  auto allowed_before = allowed_;
  set_allowed(params);
  if (flag_of(params, "drop_pending_updates")) drop_pending();
  if (webhook_ && webhook_->url == wanted.url && webhook_->secret == wanted.secret &&
      webhook_->max_connections == wanted.max_connections && allowed_before == allowed_)
    return success(true, "Webhook is already set");
  auto now = clock_.now();
  if (webhook_changed_ && now >= *webhook_changed_ && now < *webhook_changed_ + seconds(1)) {
    allowed_ = std::move(allowed_before);
    allowed_is_default_ = allowed_.empty();
    return too_many(1);
  }
  webhook_changed_ = now;
  end_poll(PollEnd::set_webhook);
  webhook_ = std::move(wanted);
  last_error_at_.reset();
  last_error_.clear();
  fill_queues();
  return success(true, "Webhook was set");
}

HttpResponse Telegram::delete_webhook(const Json& params) {
  if (flag_of(params, "drop_pending_updates")) drop_pending();
  if (!webhook_) return success(true, "Webhook is already deleted");
  webhook_.reset();
  ++generation_;
  queues_.clear();
  return success(true, "Webhook was deleted");
}

HttpResponse Telegram::webhook_info() const {
  Json info{{"url", webhook_ ? webhook_->url : ""},
            {"has_custom_certificate", false},
            {"pending_update_count", pending_.size()}};
  if (webhook_) {
    info["max_connections"] = webhook_->max_connections;
    info["ip_address"] = webhook_->ip_address;
  }
  if (last_error_at_) {
    info["last_error_date"] = to_unix_seconds(*last_error_at_);
    info["last_error_message"] = last_error_;
  }
  if (!allowed_is_default_) info["allowed_updates"] = allowed_;
  return success(std::move(info));
}

// Delivery by webhook -------------------------------------------------------------------------------------------------

std::string Telegram::queue_name(const Update& update) const {
  // messages and their edits share a queue; the other kinds may overtake them
  bool is_message = update.kind == "message" || update.kind == "edited_message";
  return (is_message ? "message" : update.kind) + " " + std::to_string(update.chat_id);
}

void Telegram::fill_queues() {
  ++generation_;
  queues_.clear();
  for (auto id : pending_) queues_[queue_name(updates_.at(id))].entries.push_back({id, false});
  pump();
}

void Telegram::pump() {
  if (!webhook_ || stopping_) return;
  for (auto& [name, queue] : queues_) {
    if (connections_ >= webhook_->max_connections) return;
    if (queue.busy || queue.entries.empty()) continue;
    queue.busy = true;
    ++connections_;
    tasks_.spawn("sandbox.telegram.deliver", deliver(name, generation_));
  }
}

const Telegram::Queue::Entry* Telegram::front_of(Queue& queue) {
  auto now = clock_.now();
  while (!queue.entries.empty()) {
    if (queue.entries.size() > 1 && faults_.reorders()) std::swap(queue.entries[0], queue.entries[1]);
    const auto& entry = queue.entries.front();
    auto at = updates_.find(entry.id);
    bool wanted = at != updates_.end() && (entry.again || pending_.contains(entry.id));
    if (wanted && !entry.again && now > at->second.expires) {
      at->second.expired = true;
      pending_.erase(entry.id);
      wanted = false;
    }
    if (wanted) return &entry;
    queue.entries.pop_front();
  }
  return nullptr;
}

Task<> Telegram::deliver(std::string queue_name, std::uint64_t generation) {
  bool is_current = generation == generation_ && webhook_.has_value();
  const auto* front = is_current ? front_of(queues_[queue_name]) : nullptr;
  if (front == nullptr) {
    --connections_;
    if (is_current) queues_[queue_name].busy = false;
    pump();  // the connection is free for another queue
    co_return;
  }
  auto entry = *front;
  const auto& update = updates_.at(entry.id);
  HttpRequest request("POST", webhook_->url);
  request.headers.add("Content-Type", "application/json");
  if (!webhook_->secret.empty()) request.headers.add("X-Telegram-Bot-Api-Secret-Token", webhook_->secret);
  request.body = "{\"update_id\":" + std::to_string(entry.id) + ",\n\"" + update.kind + "\":" + update.object + "}";
  auto result = co_await client_.fetch(std::move(request), seconds(60), /*safe_to_repeat=*/false);
  --connections_;

  bool accepted = result.response && result.response->status >= 200 && result.response->status < 300;
  auto known = updates_.find(entry.id);
  if (known != updates_.end()) {
    ++known->second.deliveries;
    if (accepted) {
      known->second.confirmed = true;
      pending_.erase(entry.id);
    }
  }
  if (accepted && !result.response->body.empty()) {
    // the answer may carry a method call, whose result nobody hears
    auto body = Json::parse(result.response->body, nullptr, /*allow_exceptions=*/false);
    auto method = body.is_object() ? lower(text_of(body, "method")) : std::string();
    if (!method.empty() && method.rfind("get", 0) != 0 && method.find("webhook") == std::string::npos)
      (void)call(method, body);
  }
  if (generation != generation_) {
    pump();
    co_return;
  }

  auto& queue = queues_[queue_name];
  if (accepted) {
    queue.failures = 0;
    if (!queue.entries.empty() && queue.entries.front().id == entry.id) queue.entries.pop_front();
    if (!entry.again && faults_.duplicates()) queue.entries.push_front({entry.id, true});
    queue.busy = false;
    pump();
    co_return;
  }

  last_error_at_ = clock_.now();
  seconds wait = retry_wait(++queue.failures);
  if (result.response) {
    last_error_ = "Wrong response from the webhook: " + std::to_string(result.response->status) + " " +
                  std::string(reason_phrase(result.response->status));
    auto asked = std::string(result.response->headers.get("Retry-After"));
    int value = -1;
    std::from_chars(asked.data(), asked.data() + asked.size(), value);
    if (value >= 0) wait = seconds(std::min(value, 3600));
  } else if (result.error && result.error->kind() == ErrorKind::timeout) {
    last_error_ = "Read timeout expired";
  } else {
    last_error_ = result.may_have_arrived ? "Connection closed" : "Connection refused";
  }
  pump();  // the free connection may serve another queue meanwhile
  if (wait.count() > 0) co_await sleep_for(wait);
  if (generation != generation_) co_return;
  queues_[queue_name].busy = false;
  pump();
}

int Telegram::redeliver(int count) {
  if (!webhook_) return 0;
  std::vector<std::int64_t> ids;
  for (auto at = updates_.rbegin(); at != updates_.rend() && static_cast<int>(ids.size()) < count; ++at)
    if (at->second.confirmed) ids.push_back(at->first);
  for (auto at = ids.rbegin(); at != ids.rend(); ++at)
    queues_[queue_name(updates_.at(*at))].entries.push_back({*at, true});
  pump();
  return static_cast<int>(ids.size());
}

void Telegram::retry_now() {
  if (webhook_) fill_queues();
}

// What the bot does ---------------------------------------------------------------------------------------------------

std::variant<Telegram::Chat*, HttpResponse> Telegram::reachable_chat(const Json& params) {
  if (!params.contains("chat_id") || params["chat_id"] == "") return bad_request("chat_id is empty");
  auto id = integer_of(params, "chat_id");
  auto at = id ? chats_.find(*id) : chats_.end();
  if (at == chats_.end()) return bad_request("chat not found");
  if (!at->second.started) return failure(403, "Forbidden: bot can't initiate conversation with a user");
  if (at->second.blocked) return failure(403, "Forbidden: bot was blocked by the user");
  return &at->second;
}

std::optional<HttpResponse> Telegram::flood(Chat& chat) {
  auto now = clock_.now();
  if (!chat.sends.take(now)) return too_many(chat.sends.seconds_to_next());
  if (!all_sends_.take(now)) return too_many(all_sends_.seconds_to_next());
  return std::nullopt;
}

HttpResponse Telegram::send_message(const Json& params) {
  auto text = text_of(params, "text");
  if (is_blank(text)) return bad_request("message text is empty");
  if (utf16_length(text) > 4096) return bad_request("message is too long");
  auto mode = lower(text_of(params, "parse_mode"));
  if (!mode.empty() && mode != "html" && mode != "markdown" && mode != "markdownv2")
    return bad_request("unsupported parse_mode");
  auto markup = nested_of(params, "reply_markup");
  if (!markup.is_null() && !markup.is_object()) return bad_request("object expected as reply markup");
  bool has_keyboard = markup.is_object() && markup.contains("inline_keyboard");
  if (has_keyboard) {
    auto problem = keyboard_problem(markup["inline_keyboard"]);
    if (!problem.empty()) return bad_request(problem);
  }
  auto found = reachable_chat(params);
  if (auto* refusal = std::get_if<HttpResponse>(&found)) return std::move(*refusal);
  auto& chat = *std::get<Chat*>(found);

  auto reply = nested_of(params, "reply_parameters");
  auto reply_to = reply.is_object() ? integer_of(reply, "message_id") : integer_of(params, "reply_to_message_id");
  bool optional_reply = reply.is_object() && flag_of(reply, "allow_sending_without_reply");
  if (reply_to && !chat.messages.contains(*reply_to)) {
    if (!optional_reply) return bad_request("message to be replied not found");
    reply_to.reset();
  }
  if (auto wait = flood(chat)) return std::move(*wait);

  Json message{{"message_id", next_message_++},
               {"from", bot_json()},
               {"chat", chat_json(chat.buyer)},
               {"date", to_unix_seconds(clock_.now())},
               {"text", text}};
  if (reply_to) {
    message["reply_to_message"] = chat.messages.at(*reply_to);
    message["reply_to_message"].erase("reply_to_message");
  }
  if (has_keyboard) message["reply_markup"] = {{"inline_keyboard", markup["inline_keyboard"]}};
  message = remember(chat, std::move(message));
  sent_.push_back({{"chat_id", chat.buyer.id}, {"message_id", message["message_id"]}, {"text", text}});
  if (sent_.size() > kRememberedUpdates) sent_.pop_front();

  if (react_after_.count() > 0) {
    std::vector<std::string> choices;
    if (has_keyboard)
      for (const auto& row : markup["inline_keyboard"])
        for (const auto& button : row)
          if (button.contains("callback_data")) choices.push_back(button["callback_data"].get<std::string>());
    if (!choices.empty() && dice_.chance(0.7)) {
      auto wait = react_after_ * dice_.between(1, 4);
      tasks_.spawn("sandbox.buyer.press",
                   press_later(chat.buyer.id, message["message_id"].get<std::int64_t>(), dice_.pick(choices), wait));
    } else if (dice_.chance(0.35)) {
      auto wait = react_after_ * dice_.between(2, 4);
      tasks_.spawn("sandbox.buyer.answer", write_later(chat.buyer.id, shop_.reply_of(chat.buyer), wait));
    }
  }
  return success(std::move(message));
}

HttpResponse Telegram::answer_callback(const Json& params) {
  auto at = callbacks_.find(text_of(params, "callback_query_id"));
  if (at == callbacks_.end() || clock_.now() > at->second + kCallbackLife)
    return bad_request("query is too old and response timeout expired or query ID is invalid");
  if (utf16_length(text_of(params, "text")) > 200) return bad_request("MESSAGE_TOO_LONG");
  return success(true);
}

HttpResponse Telegram::send_chat_action(const Json& params) {
  static constexpr std::array<std::string_view, 11> kActions{
      "typing",          "upload_photo",   "record_video",  "upload_video",      "record_voice",     "upload_voice",
      "upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note"};
  auto found = reachable_chat(params);
  if (auto* refusal = std::get_if<HttpResponse>(&found)) return std::move(*refusal);
  if (std::find(kActions.begin(), kActions.end(), text_of(params, "action")) == kActions.end())
    return bad_request("wrong parameter action in request");
  return success(true);
}

HttpResponse Telegram::edit_text(const Json& params) {
  auto text = text_of(params, "text");
  if (is_blank(text)) return bad_request("message text is empty");
  if (utf16_length(text) > 4096) return bad_request("message is too long");
  auto found = reachable_chat(params);
  if (auto* refusal = std::get_if<HttpResponse>(&found)) return std::move(*refusal);
  auto& chat = *std::get<Chat*>(found);
  auto at = chat.messages.find(integer_of(params, "message_id").value_or(0));
  if (at == chat.messages.end()) return bad_request("message to edit not found");
  if (at->second["from"]["id"] != bot_id_) return bad_request("message can't be edited");
  auto markup = nested_of(params, "reply_markup");
  auto edited = at->second;
  edited["text"] = text;
  edited.erase("reply_markup");
  if (markup.is_object() && markup.contains("inline_keyboard")) {
    auto problem = keyboard_problem(markup["inline_keyboard"]);
    if (!problem.empty()) return bad_request(problem);
    edited["reply_markup"] = {{"inline_keyboard", markup["inline_keyboard"]}};
  }
  if (edited == at->second)
    return bad_request(
        "message is not modified: specified new message content and reply markup are exactly the same as a current "
        "content "
        "and reply markup of the message");
  edited["edit_date"] = to_unix_seconds(clock_.now());
  at->second = edited;
  return success(std::move(edited));
}

HttpResponse Telegram::delete_message(const Json& params) {
  auto found = reachable_chat(params);
  if (auto* refusal = std::get_if<HttpResponse>(&found)) return std::move(*refusal);
  auto& chat = *std::get<Chat*>(found);
  if (chat.messages.erase(integer_of(params, "message_id").value_or(0)) == 0)
    return bad_request("message to delete not found");
  return success(true);
}

// What the buyers do --------------------------------------------------------------------------------------------------

json Telegram::user_json(const Buyer& buyer) const {
  Json user{{"id", buyer.id}, {"is_bot", false}, {"first_name", buyer.first_name}, {"language_code", buyer.language}};
  if (!buyer.username.empty()) user["username"] = buyer.username;
  return user;
}

json Telegram::chat_json(const Buyer& buyer) const {
  Json chat{{"id", buyer.id}, {"first_name", buyer.first_name}, {"type", "private"}};
  if (!buyer.username.empty()) chat["username"] = buyer.username;
  return chat;
}

json Telegram::bot_json() const {
  return {{"id", bot_id_}, {"is_bot", true}, {"first_name", "Ровный Поток"}, {"username", "rovny_potok_shop_bot"}};
}

json Telegram::remember(Chat& chat, Json message) {
  auto id = message["message_id"].get<std::int64_t>();
  chat.messages[id] = message;
  if (chat.messages.size() > kRememberedMessages) chat.messages.erase(chat.messages.begin());
  return message;
}

std::int64_t Telegram::buyer_writes(Chat& chat, std::string text) {
  chat.started = true;
  auto message_id = next_message_++;
  Json message{{"message_id", message_id},
               {"from", user_json(chat.buyer)},
               {"chat", chat_json(chat.buyer)},
               {"date", to_unix_seconds(clock_.now())},
               {"text", text}};
  if (text.front() == '/')
    message["entities"] = Json::array({{{"offset", 0},
                                        {"length", text.find(' ') == std::string::npos ? text.size() : text.find(' ')},
                                        {"type", "bot_command"}}});
  message = remember(chat, std::move(message));
  return enqueue("message", chat, message_id, message, kMessageLife);
}

Result<std::vector<std::int64_t>> Telegram::write(int count, std::string text, std::optional<std::int64_t> chat_id) {
  if (chat_id) {
    auto at = chats_.find(*chat_id);
    if (at == chats_.end()) return Error(ErrorKind::not_found, "no buyer has this chat_id").with_field("chat_id");
    if (at->second.blocked) return Error(ErrorKind::conflict, "this buyer has blocked the bot").with_field("chat_id");
  }
  if (std::all_of(chats_.begin(), chats_.end(), [](const auto& c) { return c.second.blocked; }))
    return Error(ErrorKind::conflict, "every buyer has blocked the bot");
  std::vector<std::int64_t> ids;
  for (int i = 0; i < count; ++i) {
    auto at = chat_id ? chats_.find(*chat_id)
                      : std::next(chats_.begin(), static_cast<std::ptrdiff_t>(turn_++ % chats_.size()));
    while (at->second.blocked) at = std::next(chats_.begin(), static_cast<std::ptrdiff_t>(turn_++ % chats_.size()));
    auto& chat = at->second;
    auto words = text;
    if (words.empty()) words = !chat.started && dice_.chance(0.3) ? "/start" : shop_.message_of(chat.buyer);
    ids.push_back(buyer_writes(chat, std::move(words)));
  }
  return ids;
}

Result<std::int64_t> Telegram::edit(std::int64_t chat_id, std::int64_t message_id, std::string text) {
  auto at = chats_.find(chat_id);
  if (at == chats_.end()) return Error(ErrorKind::not_found, "no buyer has this chat_id");
  auto& chat = at->second;
  auto message = chat.messages.find(message_id);
  if (message == chat.messages.end() || message->second["from"]["id"] != chat_id)
    return Error(ErrorKind::not_found, "the buyer wrote no such message").with_field("message_id");
  if (chat.blocked) return Error(ErrorKind::conflict, "this buyer has blocked the bot");
  message->second["text"] = std::move(text);
  message->second["edit_date"] = to_unix_seconds(clock_.now());
  return enqueue("edited_message", chat, message_id, message->second, kMessageLife);
}

Result<std::int64_t> Telegram::press(std::int64_t chat_id, std::int64_t message_id, std::string data) {
  auto at = chats_.find(chat_id);
  if (at == chats_.end()) return Error(ErrorKind::not_found, "no buyer has this chat_id");
  auto& chat = at->second;
  if (chat.blocked) return Error(ErrorKind::conflict, "this buyer has blocked the bot");
  auto message = chat.messages.find(message_id);
  if (message == chat.messages.end() || !message->second.contains("reply_markup"))
    return Error(ErrorKind::not_found, "the chat has no such message with buttons").with_field("message_id");
  auto now = clock_.now();
  for (auto old = callbacks_.begin(); old != callbacks_.end();)
    old = now > old->second + kCallbackLife ? callbacks_.erase(old) : std::next(old);
  auto id = dice_.text(1, "123456789") + dice_.text(18, "0123456789");
  callbacks_[id] = now;
  Json query{{"id", id},
             {"from", user_json(chat.buyer)},
             {"message", message->second},
             {"chat_instance", "-" + std::to_string(chat_id * 31)},
             {"data", std::move(data)}};
  return enqueue("callback_query", chat, message_id, query, kCallbackLife);
}

std::int64_t Telegram::member_update(Chat& chat, std::string_view from, std::string_view to) {
  auto member = [&](std::string_view status) {
    Json object{{"user", bot_json()}, {"status", status}};
    if (status == "kicked") object["until_date"] = 0;
    return object;
  };
  Json change{{"chat", chat_json(chat.buyer)},
              {"from", user_json(chat.buyer)},
              {"date", to_unix_seconds(clock_.now())},
              {"old_chat_member", member(from)},
              {"new_chat_member", member(to)}};
  return enqueue("my_chat_member", chat, 0, change, kMessageLife);
}

Result<std::int64_t> Telegram::set_blocked(std::int64_t chat_id, bool blocked) {
  auto at = chats_.find(chat_id);
  if (at == chats_.end()) return Error(ErrorKind::not_found, "no buyer has this chat_id");
  auto& chat = at->second;
  if (chat.blocked == blocked) return 0;
  chat.blocked = blocked;
  chat.started = true;
  return blocked ? member_update(chat, "member", "kicked") : member_update(chat, "kicked", "member");
}

void Telegram::something_happens() {
  auto at = std::next(chats_.begin(), dice_.between(0, static_cast<std::int64_t>(chats_.size()) - 1));
  auto& chat = at->second;
  auto own = std::find_if(chat.messages.rbegin(), chat.messages.rend(),
                          [&](const auto& m) { return m.second["from"]["id"] == at->first; });
  auto what = dice_.between(1, 100);
  if (chat.blocked) {
    if (what <= 50) (void)set_blocked(at->first, false);
  } else if (what <= 3 && chat.started) {
    (void)set_blocked(at->first, true);
  } else if (what <= 12 && own != chat.messages.rend()) {
    (void)edit(at->first, own->first,
               own->second["text"].get<std::string>() + (chat.buyer.language == "ru" ? " (уточняю)" : " (edited)"));
  } else {
    (void)write(1, {}, at->first);
  }
}

Task<> Telegram::press_later(std::int64_t chat_id, std::int64_t message_id, std::string data, milliseconds wait) {
  co_await sleep_for(wait);
  (void)press(chat_id, message_id, std::move(data));
}

Task<> Telegram::write_later(std::int64_t chat_id, std::string text, milliseconds wait) {
  co_await sleep_for(wait);
  (void)write(1, std::move(text), chat_id);
}

json Telegram::state() const {
  auto updates = Json::array();
  for (const auto& [id, u] : updates_)
    updates.push_back({{"update_id", id},
                       {"kind", u.kind},
                       {"chat_id", u.chat_id},
                       {"message_id", u.message_id},
                       {"deliveries", u.deliveries},
                       {"confirmed", u.confirmed},
                       {"expired", u.expired}});
  auto buyers = Json::array();
  for (const auto& [id, chat] : chats_)
    buyers.push_back({{"chat_id", id},
                      {"first_name", chat.buyer.first_name},
                      {"language", chat.buyer.language},
                      {"started", chat.started},
                      {"blocked", chat.blocked}});
  return {{"updates", std::move(updates)},
          {"pending", pending_.size()},
          {"sent", sent_},
          {"buyers", std::move(buyers)},
          {"webhook_is_set", webhook_.has_value()},
          {"polls", polls_},
          {"answered", answered_}};
}

}  // namespace easyflow::sandbox
