// Telegram as a bot sees it: methods over HTTP, buyers who write, updates by webhook or long polling.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/async/task.hpp"
#include "core/async/task_group.hpp"
#include "core/base/clock.hpp"
#include "core/base/http_message.hpp"
#include "core/net/client.hpp"
#include "sandbox/faults.hpp"
#include "sandbox/rate_limiter.hpp"
#include "sandbox/shop.hpp"

namespace easyflow::sandbox {

/// One bot and its private chats. Updates wait until they are confirmed by a getUpdates offset or a 2xx of the webhook.
/// Thread: the sandbox's loop. stop() must be awaited before destruction.
class Telegram {
 public:
  /// `shop`, `clock` and `faults` must outlive it. `react_after`: buyers press buttons and answer by
  /// themselves after that time or up to four times it; 0 = never.
  Telegram(boost::asio::any_io_executor executor, const Clock& clock, Shop& shop, Faults& faults, std::uint64_t seed,
           std::chrono::milliseconds react_after);
  ~Telegram();

  /// Answers /bot<TOKEN>/METHOD. A getUpdates may take up to its `timeout`.
  Task<HttpResponse> handle(HttpRequest request);
  /// What `fault` (of the answer's layer) makes of `request`.
  Task<HttpResponse> fail(HttpRequest request, Fault fault);
  /// Ends long polls and deliveries.
  Task<> stop();

  std::string token() const { return token_; }
  /// "/sendMessage" of "/bot<TOKEN>/sendMessage", "" when it has another shape.
  static std::string_view method_path(std::string_view path) noexcept;

  // What the buyers do.
  /// The next thing of everyday life: mostly a message, sometimes an edit, rarely a block or its end.
  void something_happens();
  /// Buyers write `count` messages; empty `text` = their own words, no `chat_id` = taking turns.
  /// Returns the updates' ids. Errors: not_found (no such buyer), conflict (the buyer has blocked the bot).
  Result<std::vector<std::int64_t>> write(int count, std::string text, std::optional<std::int64_t> chat_id);
  Result<std::int64_t> edit(std::int64_t chat_id, std::int64_t message_id, std::string text);
  /// Errors: not_found for a message or a button that is not there.
  Result<std::int64_t> press(std::int64_t chat_id, std::int64_t message_id, std::string data);
  /// Nothing happens when it is already so; returns the update's id or 0.
  Result<std::int64_t> set_blocked(std::int64_t chat_id, bool blocked);
  /// Sends the last `count` delivered updates once more by webhook. Returns how many (0 without a webhook).
  int redeliver(int count);

  /// Delivers what waits for a retry now. What is under way may then arrive twice, as when a 2xx is lost.
  void retry_now();

  nlohmann::json state() const;

 private:
  using Json = nlohmann::json;

  struct Chat {
    explicit Chat(Buyer b) : buyer(std::move(b)) {}
    Buyer buyer;
    bool started = false;  ///< a bot cannot write first
    bool blocked = false;
    std::map<std::int64_t, Json> messages;
    TokenBucket sends{3, std::chrono::seconds(1)};
  };
  struct Update {
    std::int64_t id = 0;
    std::string kind;
    std::int64_t chat_id = 0;
    std::int64_t message_id = 0;
    std::string object;  ///< JSON text
    Timestamp expires;
    int deliveries = 0;
    bool confirmed = false;
    bool expired = false;
  };
  /// Updates of one chat and kind wait for each other; different queues do not.
  struct Queue {
    struct Entry {
      std::int64_t id = 0;
      bool again = false;  ///< a wanted duplicate of a confirmed update
    };
    std::deque<Entry> entries;
    bool busy = false;
    int failures = 0;
  };
  struct Webhook {
    std::string url;
    std::string secret;
    std::string ip_address;
    int max_connections = 40;
  };
  struct Poll;

  HttpResponse call(const std::string& method, const Json& params);
  Task<HttpResponse> get_updates(Json params);
  HttpResponse set_webhook(const Json& params);
  HttpResponse delete_webhook(const Json& params);
  HttpResponse webhook_info() const;
  HttpResponse send_message(const Json& params);
  HttpResponse answer_callback(const Json& params);
  HttpResponse send_chat_action(const Json& params);
  HttpResponse edit_text(const Json& params);
  HttpResponse delete_message(const Json& params);

  /// The chat a method names, or the answer that refuses it.
  std::variant<Chat*, HttpResponse> reachable_chat(const Json& params);
  std::optional<HttpResponse> flood(Chat& chat);
  Json user_json(const Buyer& buyer) const;
  Json chat_json(const Buyer& buyer) const;
  Json bot_json() const;
  Json remember(Chat& chat, Json message);
  std::int64_t enqueue(std::string kind, const Chat& chat, std::int64_t message_id, const Json& object,
                       std::chrono::seconds life);
  std::int64_t member_update(Chat& chat, std::string_view from, std::string_view to);
  std::int64_t buyer_writes(Chat& chat, std::string text);
  void set_allowed(const Json& params);
  void confirm_before(std::int64_t offset);
  /// Drops updates past their life time; the platform keeps none longer.
  void drop_expired();
  void forget_old();
  void drop_pending();
  enum class PollEnd { not_yet, other_poll, set_webhook, stopping };
  void end_poll(PollEnd reason);

  void fill_queues();
  void pump();
  Task<> deliver(std::string queue_name, std::uint64_t generation);
  /// The entry to deliver now, dropping what expired; null when the queue is empty.
  const Queue::Entry* front_of(Queue& queue);
  std::string queue_name(const Update& update) const;
  Task<> press_later(std::int64_t chat_id, std::int64_t message_id, std::string data, std::chrono::milliseconds wait);
  Task<> write_later(std::int64_t chat_id, std::string text, std::chrono::milliseconds wait);

  boost::asio::any_io_executor executor_;
  const Clock& clock_;
  Shop& shop_;
  Faults& faults_;
  std::chrono::milliseconds react_after_;
  bool stopping_ = false;
  Dice dice_;
  std::string token_;
  std::int64_t bot_id_ = 0;
  net::HttpClient client_;
  TaskGroup tasks_;

  std::map<std::int64_t, Chat> chats_;
  std::size_t turn_ = 0;  ///< whose turn it is to write
  std::int64_t next_update_;
  std::int64_t next_message_;
  std::map<std::int64_t, Update> updates_;
  std::set<std::int64_t> pending_;
  std::set<std::string> allowed_;
  bool allowed_is_default_ = true;
  std::deque<Json> sent_;  ///< what the bot sent lately, in order
  std::map<std::string, Timestamp> callbacks_;
  TokenBucket all_sends_{30, std::chrono::microseconds(33'334)};

  std::optional<Webhook> webhook_;
  std::optional<Timestamp> webhook_changed_;
  std::uint64_t generation_ = 0;  ///< counts changes of the webhook: deliveries of an older one have no say
  std::map<std::string, Queue> queues_;
  int connections_ = 0;
  std::optional<Timestamp> last_error_at_;
  std::string last_error_;
  std::shared_ptr<Poll> poll_;
  int polls_ = 0;  ///< how many getUpdates have come
  std::map<std::string, int> answered_;
};

}  // namespace easyflow::sandbox
