#include "sandbox/sandbox.hpp"

#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/async/task_group.hpp"
#include "core/base/http_message.hpp"
#include "core/base/log.hpp"
#include "core/net/server.hpp"
#include "sandbox/fault_proxy.hpp"
#include "sandbox/shop.hpp"
#include "sandbox/telegram.hpp"
#include "sandbox/wildberries.hpp"

namespace easyflow::sandbox {
namespace {

using nlohmann::json;

constexpr std::string_view kWildberries = "wildberries";
constexpr std::string_view kTelegram = "telegram";
constexpr int kMostAtOnce = 100'000;

HttpResponse control_answer(int status, const json& body) {
  HttpResponse response(status, body.dump(-1, ' ', false, json::error_handler_t::replace));
  response.headers.add("Content-Type", status < 400 ? "application/json" : "application/problem+json");
  return response;
}

HttpResponse refusal(int status, std::string_view title, std::string detail) {
  return control_answer(status,
                        {{"type", "about:blank"}, {"title", title}, {"status", status}, {"detail", std::move(detail)}});
}

HttpResponse refusal(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::not_found: return refusal(404, "Not found", error.message());
    case ErrorKind::conflict: return refusal(409, "Conflict", error.message());
    default: return refusal(400, "Invalid input", error.message());
  }
}

/// The path of an HTTP request whose first bytes these are; empty when they are something else.
std::string_view requested_path(std::string_view piece) {
  auto line = piece.substr(0, piece.find("\r\n"));
  auto first = line.find(' ');
  if (first == std::string_view::npos || first > 7) return {};
  auto rest = line.substr(first + 1);
  auto end = rest.find_first_of("? ");
  return rest.empty() || rest.front() != '/' ? std::string_view() : rest.substr(0, end);
}

bool is_control(std::string_view path) { return path.rfind("/sandbox/", 0) == 0; }

/// What a fault's path_prefix is compared with: for Telegram without the token.
std::string_view fault_path(std::string_view platform, std::string_view path) {
  return platform == kTelegram ? Telegram::method_path(path) : path;
}

}  // namespace

class Sandbox::Impl {
 public:
  Impl(boost::asio::any_io_executor executor, SandboxOptions options, const Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        shop_(options_.seed, options_.products, options_.initial_orders, options_.buyers, clock.now()),
        faults_(options_.faults, options_.seed + 5),
        wildberries_(shop_, clock, options_.seed),
        telegram_(executor, clock, shop_, faults_, options_.seed, options_.react_after),
        wildberries_server_(executor, "127.0.0.1", 0, net::ServerLimits{},
                            [this](HttpRequest request) { return serve_wildberries(std::move(request)); }),
        telegram_server_(executor, "127.0.0.1", 0, net::ServerLimits{},
                         [this](HttpRequest request) { return serve_telegram(std::move(request)); }),
        wildberries_proxy_(executor, options_.address, options_.wildberries_port, wildberries_server_.port(),
                           [this](std::string_view piece) { return disturb(kWildberries, piece); }),
        telegram_proxy_(executor, options_.address, options_.telegram_port, telegram_server_.port(),
                        [this](std::string_view piece) { return disturb(kTelegram, piece); }),
        tasks_(executor) {
    boost::system::error_code error;
    is_loopback_ = boost::asio::ip::make_address(options_.address, error).is_loopback() && !error;
    load_state();
    if (options_.initial_messages > 0) (void)telegram_.write(options_.initial_messages, {}, std::nullopt);
  }

  void start() {
    wildberries_server_.start();
    telegram_server_.start();
    wildberries_proxy_.start();
    telegram_proxy_.start();
    if (options_.order_every.count() > 0) tasks_.spawn("sandbox.orders", keep_ordering());
    if (options_.message_every.count() > 0) tasks_.spawn("sandbox.messages", keep_writing());
  }

  Task<> stop() {
    co_await tasks_.close();
    co_await telegram_.stop();
    co_await wildberries_proxy_.stop();
    co_await telegram_proxy_.stop();
    co_await wildberries_server_.stop(std::chrono::milliseconds(500));
    co_await telegram_server_.stop(std::chrono::milliseconds(500));
  }

  std::uint16_t wildberries_port() const noexcept { return wildberries_proxy_.port(); }
  std::uint16_t telegram_port() const noexcept { return telegram_proxy_.port(); }
  std::string wildberries_token() const { return wildberries_.token(); }
  std::string telegram_token() const { return telegram_.token(); }

 private:
  Task<HttpResponse> serve_wildberries(HttpRequest request) {
    if (is_control(request.path())) co_return control(request);
    auto fault = faults_.draw(kWildberries, request.path(), /*on_wire=*/false);
    if (fault) co_return wildberries_.fail(request, *fault);
    co_return wildberries_.handle(request);
  }

  Task<HttpResponse> serve_telegram(HttpRequest request) {
    if (is_control(request.path())) co_return control(request);
    auto fault = faults_.draw(kTelegram, fault_path(kTelegram, request.path()), /*on_wire=*/false);
    HttpResponse response;
    if (fault) {
      response = co_await telegram_.fail(std::move(request), std::move(*fault));
    } else {
      response = co_await telegram_.handle(std::move(request));
    }
    co_return response;
  }

  Disturbance disturb(std::string_view platform, std::string_view piece) {
    Disturbance out;
    auto path = requested_path(piece);
    if (path.empty() || is_control(path)) return out;
    auto fault = faults_.draw(platform, fault_path(platform, path), /*on_wire=*/true);
    if (!fault) return out;
    if (fault->kind == FaultKind::slow) out.delay = fault->delay;
    if (fault->kind == FaultKind::cut) out.cut_after = fault->after_bytes;
    return out;
  }

  Task<> keep_ordering() {
    for (int turn = 1;; ++turn) {
      co_await sleep_for(options_.order_every);
      order(1);
      if (turn % 6 == 0) shop_.change_product(clock_.now());
    }
  }

  Task<> keep_writing() {
    for (;;) {
      co_await sleep_for(options_.message_every);
      telegram_.something_happens();
    }
  }

  std::vector<std::int64_t> order(int count) {
    std::vector<std::int64_t> ids;
    for (int i = 0; i < count; ++i) {
      const auto& added = shop_.add_order(clock_.now());
      ids.push_back(added.id);
      run_time_orders_.emplace_back(added.id, to_unix_seconds(added.created_at));
    }
    save_state();
    return ids;
  }

  // Control -----------------------------------------------------------------------------------------------------------

  HttpResponse control(const HttpRequest& request) {
    if (!is_loopback_)
      return refusal(403, "Forbidden", "The control API answers only when the sandbox listens on a loopback address.");
    // a web page open in a browser on this machine must not steer the sandbox
    if (request.headers.contains("Origin"))
      return refusal(403, "Forbidden", "The control API takes no requests from web pages.");
    auto body = json::object();
    if (!request.body.empty()) {
      body = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
      if (!body.is_object()) return refusal(400, "Invalid input", "The body must be a JSON object.");
    }
    auto path = request.path().substr(std::string_view("/sandbox/").size());
    if (request.method == "GET" && path == "state") return state();
    if (request.method == "GET" && path == "faults") return control_answer(200, faults_.state());
    if (request.method == "DELETE" && path == "faults") {
      faults_.clear();
      return control_answer(200, faults_.state());
    }
    if (request.method != "POST")
      return refusal(404, "Not found", "The control API has no such path and method; see docs/sandbox.md.");
    if (path == "faults") return add_fault(body);
    if (path.rfind("buyers/", 0) == 0) return buyer_acts(path.substr(7), body);

    auto count = body.value("count", json(1));
    if (!count.is_number_integer() || count < 1 || count > kMostAtOnce)
      return refusal(400, "Invalid input", "count must be a whole number from 1 to " + std::to_string(kMostAtOnce));
    if (path == "orders") return control_answer(200, {{"order_ids", order(count.get<int>())}});
    if (path == "products") {
      auto ids = json::array();
      for (int i = 0; i < count.get<int>(); ++i) ids.push_back(shop_.change_product(clock_.now()).nm_id);
      return control_answer(200, {{"nm_ids", std::move(ids)}});
    }
    if (path == "messages") return buyers_write(count.get<int>(), body);
    if (path == "updates/redeliver")
      return control_answer(200, {{"redelivered", telegram_.redeliver(count.get<int>())}});
    if (path == "updates/retry") {
      telegram_.retry_now();
      return control_answer(200, json::object());
    }
    if (path == "tokens") return make_token(body);
    return refusal(404, "Not found", "The control API has no such path; see docs/sandbox.md.");
  }

  HttpResponse state() const {
    return control_answer(200, {{"now", format_rfc3339(clock_.now())},
                                {"wildberries", wildberries_.state()},
                                {"telegram", telegram_.state()},
                                {"faults", faults_.state()}});
  }

  HttpResponse add_fault(const json& body) {
    if (body.contains("duplicate") || body.contains("reorder")) {
      auto read = [&](const char* name, double now) { return body.contains(name) ? body[name] : json(now); };
      auto duplicate = read("duplicate", faults_.plan().duplicate);
      auto reorder = read("reorder", faults_.plan().reorder);
      if (!duplicate.is_number() || !reorder.is_number() || duplicate < 0 || duplicate > 1 || reorder < 0 ||
          reorder > 1 || body.contains("kind"))
        return refusal(400, "Invalid input",
                       "duplicate and reorder are numbers from 0 to 1 and stand in a request of their own");
      faults_.set_delivery(duplicate.get<double>(), reorder.get<double>());
      return control_answer(200, faults_.state());
    }
    auto fault = parse_fault(body);
    if (!fault) return refusal(fault.error());
    faults_.add(*fault);
    return control_answer(200, faults_.state());
  }

  HttpResponse buyers_write(int count, const json& body) {
    auto text = body.value("text", json(""));
    auto chat = body.value("chat_id", json());
    if (!text.is_string() || (!chat.is_null() && !chat.is_number_integer()))
      return refusal(400, "Invalid input", "text must be a text and chat_id a whole number");
    auto ids = telegram_.write(count, text.get<std::string>(),
                               chat.is_null() ? std::nullopt : std::optional(chat.get<std::int64_t>()));
    if (!ids) return refusal(ids.error());
    return control_answer(200, {{"update_ids", *ids}});
  }

  /// "<chat_id>/block", "/unblock", "/press" or "/edit".
  HttpResponse buyer_acts(std::string_view path, const json& body) {
    std::int64_t chat = 0;
    auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), chat);
    if (error != std::errc()) return refusal(400, "Invalid input", "the path holds no chat_id");
    auto action = path.substr(static_cast<std::size_t>(end - path.data()));
    auto text_name = action == "/press" ? "data" : "text";
    auto text = body.value(text_name, json(""));
    auto message = body.value("message_id", json(0));
    if (!text.is_string() || !message.is_number_integer())
      return refusal(400, "Invalid input", std::string(text_name) + " must be a text and message_id a whole number");
    Result<std::int64_t> update = Error(ErrorKind::not_found, "a buyer can block, unblock, press and edit");
    if (action == "/block") update = telegram_.set_blocked(chat, true);
    if (action == "/unblock") update = telegram_.set_blocked(chat, false);
    if (action == "/press") update = telegram_.press(chat, message.get<std::int64_t>(), text.get<std::string>());
    if (action == "/edit") update = telegram_.edit(chat, message.get<std::int64_t>(), text.get<std::string>());
    if (!update) return refusal(update.error());
    return control_answer(200, {{"update_id", *update}});
  }

  HttpResponse make_token(const json& body) {
    auto categories = body.value("categories", json::array({1, 4}));
    auto life = body.value("expires_in_days", json(180));
    if (!categories.is_array() || !life.is_number_integer() || life < -3650 || life > 3650)
      return refusal(400, "Invalid input",
                     "categories must be a list of bit numbers and expires_in_days a whole number");
    std::vector<int> bits;
    for (const auto& bit : categories) {
      if (!bit.is_number_integer() || bit < 0 || bit > 62)
        return refusal(400, "Invalid input", "a category is a bit number from 0 to 62");
      bits.push_back(bit.get<int>());
    }
    auto expires = std::chrono::floor<std::chrono::seconds>(clock_.now()) + std::chrono::hours(24 * life.get<int>());
    return control_answer(200, {{"wildberries_token", wildberries_.issue_token(bits, expires)}});
  }

  // State file --------------------------------------------------------------------------------------------------------

  void load_state() {
    if (options_.state_file.empty() || !std::filesystem::exists(options_.state_file)) return;
    std::ifstream file(options_.state_file);
    auto saved = json::parse(file, nullptr, /*allow_exceptions=*/false);
    auto broken = std::runtime_error("the sandbox's state file " + options_.state_file +
                                     " cannot be read; remove it or name another file");
    if (!saved.is_object() || !saved.contains("orders") || !saved["orders"].is_array()) throw broken;
    for (const auto& entry : saved["orders"]) {
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_number_integer() || !entry[1].is_number_integer())
        throw broken;
      run_time_orders_.emplace_back(entry[0].get<std::int64_t>(), entry[1].get<std::int64_t>());
      shop_.restore_order(run_time_orders_.back().first, from_unix_seconds(run_time_orders_.back().second));
    }
  }

  void save_state() {
    if (options_.state_file.empty()) return;
    auto unfinished = options_.state_file + ".new";
    {
      std::ofstream file(unfinished, std::ios::trunc);
      file << json{{"orders", run_time_orders_}}.dump();
      file.flush();
      if (!file) {
        log::warn("sandbox.state_not_saved", {{"file", options_.state_file}});
        return;
      }
    }
    std::error_code error;
    std::filesystem::rename(unfinished, options_.state_file, error);
    if (error) log::warn("sandbox.state_not_saved", {{"file", options_.state_file}, {"reason", error.message()}});
  }

  SandboxOptions options_;
  const Clock& clock_;
  bool is_loopback_ = false;
  Shop shop_;
  Faults faults_;
  Wildberries wildberries_;
  Telegram telegram_;
  std::vector<std::pair<std::int64_t, std::int64_t>> run_time_orders_;  ///< id and creation second
  net::HttpServer wildberries_server_;
  net::HttpServer telegram_server_;
  FaultProxy wildberries_proxy_;
  FaultProxy telegram_proxy_;
  TaskGroup tasks_;
};

Sandbox::Sandbox(boost::asio::any_io_executor executor, SandboxOptions options, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(options), clock)) {}
Sandbox::~Sandbox() = default;

void Sandbox::start() { impl_->start(); }
Task<> Sandbox::stop() { return impl_->stop(); }
std::uint16_t Sandbox::wildberries_port() const noexcept { return impl_->wildberries_port(); }
std::uint16_t Sandbox::telegram_port() const noexcept { return impl_->telegram_port(); }
std::string Sandbox::wildberries_token() const { return impl_->wildberries_token(); }
std::string Sandbox::telegram_token() const { return impl_->telegram_token(); }

}  // namespace easyflow::sandbox
