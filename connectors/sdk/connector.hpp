// The interface a platform's connector implements.
//
// A connector is a set of pure state machines: it says which request to send next and what the answer means. It has no
// socket, clock, thread, coroutine, database or log. The engines do the I/O, the waiting, the budgets and the retries,
// so the same code runs under unit tests, replay, fuzzing and production.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "connectors/sdk/manifest.hpp"
#include "connectors/sdk/records.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/secret.hpp"

namespace easyflow::sdk {

/// One integration as a connector sees it: opened credentials, settings and where the platform is.
struct Account {
  std::string integration_id;
  std::map<std::string, Secret> credentials;     ///< by the manifest's credential names
  std::map<std::string, std::string> base_urls;  ///< by the manifest's host names, without a trailing slash
  /// Values the hub made for this account and keeps sealed, for example "webhook_secret".
  std::map<std::string, Secret> hub_secrets;

  /// The plain value of a credential, or an empty string.
  const std::string& credential(const std::string& name) const;
  /// The plain value of a hub secret, or an empty string.
  const std::string& hub_secret(const std::string& name) const;
  /// The base URL of a manifest host.
  const std::string& base_url(const std::string& host) const;
};

/// One budget a request takes a token from.
struct BucketUse {
  BucketUse() = default;
  explicit BucketUse(std::string bucket_, std::string scope_ = {})
      : bucket(std::move(bucket_)), scope(std::move(scope_)) {}

  std::string bucket;  ///< name of a budget of the manifest
  std::string scope;   ///< "" = whole account; else a narrower one such as "chat:123" (a budget with per_scope)
};

/// A request the engine shall send for the connector.
struct Request {
  Request() = default;
  explicit Request(HttpRequest http_, std::vector<BucketUse> buckets_ = {})
      : http(std::move(http_)), buckets(std::move(buckets_)) {}

  HttpRequest http;                  ///< target is an absolute URL; it may hold a secret (Telegram): never print it
  std::vector<BucketUse> buckets;    ///< sent once ALL of them have a token; one is taken from each
  bool safe_to_repeat = true;        ///< false for sends: an ambiguous outcome must not be retried
  std::chrono::seconds timeout{30};  ///< whole exchange
};

/// Wait, then continue the walk with next(nullptr).
struct Wait {
  std::chrono::seconds duration{0};
};

/// A walk that ends in one value of type Out. `reply` answers the last Request step and is null otherwise (first call,
/// after Wait). Errors are as the platform's reply means them: unauthorized, rate_limited (with retry_after),
/// unavailable, invalid_input (the platform refused what was asked), protocol (not what the API documents).
/// After rate_limited or unavailable the engine may wait and call next(nullptr): the walk then repeats its last
/// request.
template <class Out>
class Exchange {
 public:
  using Step = std::variant<Request, Wait, Out>;
  virtual ~Exchange() = default;
  virtual Result<Step> next(const HttpResponse* reply) = 0;
};

/// What a credentials check learned.
struct AccountInfo {
  std::string external_id;              ///< the platform's id of the account: bot id, seller id
  std::string display_name;             ///< "@shop_bot", "Flax Store"
  std::optional<Timestamp> expires_at;  ///< when the credentials stop working, if the platform tells
  std::vector<std::string> warnings;    ///< for the user: "token is read-only", "category Content is missing"
  std::map<std::string, std::string> attributes;
};

/// One page of a stream: what it holds and the cursor that continues after it.
struct Page {
  std::vector<Record> records;
  std::vector<RecordFailure> failures;  ///< rows of the page that could not be understood, with the reason
  std::string cursor;                   ///< opaque JSON text, stored in the same transaction as the records
};

/// The stream is read to its present end.
struct EndOfStream {};

/// One walk over one stream, page by page. Never ends with a cursor that passes a row it did not deliver.
class StreamWalk {
 public:
  using Step = std::variant<Request, Wait, Page, EndOfStream>;
  virtual ~StreamWalk() = default;
  /// As Exchange::next. After a Page step, next(nullptr) continues with the page after it.
  virtual Result<Step> next(const HttpResponse* reply) = 0;
};

enum class EventKind {
  message,            ///< a person wrote; becomes a message
  message_edited,     ///< an earlier message changed
  callback,           ///< an inline button was pressed; `text` holds its data
  contact_blocked,    ///< the person blocked us: stop sending
  contact_unblocked,  ///< the person may be written to again
  ignored             ///< understood, and of no meaning to the hub (acknowledged, kept as inbound event)
};
std::string_view to_string(EventKind kind) noexcept;

/// The person an event comes from.
struct Sender {
  std::string platform_user_id;            ///< empty for anonymous senders
  std::optional<std::int64_t> numeric_id;  ///< when the platform's ids are numbers (Telegram: exceeds 32 bits)
  std::string username;
  std::string full_name;
  std::string language_code;  ///< empty when unknown
};

/// One fact out of a webhook or a poll.
struct InboundEvent {
  std::string dedup_key;  ///< event-derived, stable across redeliveries, unique per integration: "update:912345601"
  EventKind kind = EventKind::ignored;
  std::string chat_id;              ///< empty for events without a chat
  std::string chat_type;            ///< "private", "group", "channel"
  std::string platform_message_id;  ///< id inside the chat; for callbacks the callback id
  Sender sender;
  std::string text;                   ///< UTF-8; for media the caption
  std::string content_type = "text";  ///< "text", "photo", "voice", "callback", "unsupported", ...
  std::optional<Timestamp> sent_at;   ///< the platform's time
  std::string metadata_json = "{}";   ///< what else is worth keeping: reply_to, entities, file ids
};

/// A raw event and what it means. `body` holds the bytes of this one event (a poll answer holds many).
struct PolledEvent {
  std::string body;
  Result<std::vector<InboundEvent>> events;
};

/// One answer of an update poll. The engine stores the events and the cursor in one transaction, then polls again.
struct PollBatch {
  std::vector<PolledEvent> events;
  std::string cursor;
};

struct Button {
  std::string text;
  std::string data;  ///< returned by the callback; exactly one of data and url is set
  std::string url;
};

/// A message to be sent. Validated by Sender::validate before it is queued.
struct OutboundMessage {
  std::string chat_id;
  std::string text;
  std::vector<std::vector<Button>> keyboard;  ///< rows of inline buttons, may be empty
  std::string reply_to_message_id;            ///< may be empty
};

enum class SendState {
  sent,             ///< accepted by the platform
  failed,           ///< refused for good; the text says why
  contact_blocked,  ///< refused because the person blocked us or is gone: the contact becomes inactive
  retry_later,      ///< certainly not sent; try again after `retry_after`
  unknown           ///< may have been sent; shown to a person, never repeated by the hub
};

/// How one send ended.
struct SendOutcome {
  SendState state = SendState::unknown;
  std::string platform_message_id;      ///< for sent
  std::string error_code;               ///< the platform's code, "403"
  std::string reason;                   ///< for people, without secrets
  std::chrono::seconds retry_after{0};  ///< for retry_later
  bool whole_account = false;           ///< retry_later: pause the account, not just this chat
  std::string new_chat_id;              ///< the chat moved (group became a supergroup); resend there
};

/// Proves that credentials work. Capability "check".
class CredentialsChecker {
 public:
  virtual ~CredentialsChecker() = default;
  virtual std::unique_ptr<Exchange<AccountInfo>> check(const Account& account) const = 0;
};

/// Reads streams incrementally. Capability "streams".
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  /// `cursor` is empty for the first run, else what the last committed Page held; `now` fixes the window's end.
  /// Errors: invalid_input (unknown stream), protocol (a cursor this connector did not write).
  virtual Result<std::unique_ptr<StreamWalk>> read(const Account& account, std::string_view stream,
                                                   std::string_view cursor, Timestamp now) const = 0;
};

/// Receives webhooks. Capability "webhooks".
class WebhookReceiver {
 public:
  virtual ~WebhookReceiver() = default;
  /// Proves that the platform sent it. No secret configured = unauthorized, never "accept".
  virtual Result<void> authenticate(const Account& account, const HttpRequest& request) const = 0;
  /// What the body means. `body` is the exact bytes received. Error protocol = quarantine it. Never throws.
  virtual Result<std::vector<InboundEvent>> decode(std::string_view body) const = 0;
  /// Tells the platform to deliver to `url` (idempotent). Uses hub_secret("webhook_secret").
  virtual std::unique_ptr<Exchange<std::monostate>> register_webhook(const Account& account,
                                                                     std::string_view url) const = 0;
  /// Tells the platform to stop delivering, so that polling may begin (idempotent, keeps pending updates).
  virtual std::unique_ptr<Exchange<std::monostate>> remove_webhook(const Account& account) const = 0;
};

/// Fetches inbound events where no public address exists. Capability "polling".
class UpdatePoller {
 public:
  virtual ~UpdatePoller() = default;
  /// Asks once for what came after `cursor` (empty = from the oldest kept); the platform may hold the answer back for
  /// `hold`. Nothing is confirmed to the platform before the engine stored it: confirmation rides on the next poll.
  virtual std::unique_ptr<Exchange<PollBatch>> poll(const Account& account, std::string_view cursor,
                                                    std::chrono::seconds hold) const = 0;
};

/// Sends messages. Capability "send".
class MessageSender {
 public:
  virtual ~MessageSender() = default;
  /// Refuses what the platform would refuse, naming the field ("text", "keyboard[0][1].data"). Error: invalid_input.
  virtual Result<void> validate(const OutboundMessage& message) const = 0;
  /// The one request that sends it; its buckets are the account's and the chat's.
  virtual Request request(const Account& account, const OutboundMessage& message) const = 0;
  /// What the platform's answer means.
  virtual SendOutcome outcome(const HttpResponse& reply) const = 0;
};

/// One external system. Shared by all accounts, so it holds no per-account state. A capability it lacks is null.
class Connector {
 public:
  virtual ~Connector() = default;
  virtual const Manifest& manifest() const noexcept = 0;
  virtual const CredentialsChecker& credentials() const noexcept = 0;
  virtual const StreamReader* streams() const noexcept { return nullptr; }
  virtual const WebhookReceiver* webhooks() const noexcept { return nullptr; }
  virtual const UpdatePoller* poller() const noexcept { return nullptr; }
  virtual const MessageSender* sender() const noexcept { return nullptr; }
};

}  // namespace easyflow::sdk
