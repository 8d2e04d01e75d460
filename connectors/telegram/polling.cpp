#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "connectors/sdk/json_fields.hpp"
#include "connectors/telegram/api.hpp"
#include "connectors/telegram/updates.hpp"

namespace easyflow::connectors::telegram {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

constexpr seconds kLongestHold{50};     // the server shortens longer ones
constexpr seconds kTimeBehindHold{15};  // the exchange may take this much longer than the server holds it
constexpr int kLimit = 100;

Result<std::int64_t> offset_of(std::string_view cursor) {
  auto bad = [](const std::string& why) {
    return Error(ErrorKind::protocol, "the stored cursor of telegram updates is not usable: " + why);
  };
  auto json = sdk::parse_json(cursor);
  if (!json) return bad(json.error().message());
  auto version = sdk::field<std::int64_t>(*json, "v");
  if (!version) return bad(version.error().message());
  if (*version != 1) return bad("it has version " + std::to_string(*version) + ", this hub writes 1");
  auto offset = sdk::field<std::int64_t>(*json, "offset");
  if (!offset) return bad(offset.error().message());
  // a negative offset would make the platform forget updates
  if (*offset < 0) return bad("offset: must not be negative");
  return *offset;
}

class Poll final : public sdk::Exchange<sdk::PollBatch> {
 public:
  Poll(sdk::Account account, std::string_view cursor, seconds hold)
      : account_(std::move(account)), cursor_(cursor), hold_(std::clamp(hold, seconds(0), kLongestHold)) {}

  Result<Step> next(const HttpResponse* reply) override {
    if (reply == nullptr) return request();
    Reply answer = read_reply(*reply);
    if (!answer.ok) return error_of(answer, "getUpdates");
    if (!answer.result.is_array()) return Error(ErrorKind::protocol, "Telegram, getUpdates: the result is no list");

    sdk::PollBatch batch;
    std::optional<std::int64_t> last;
    for (Json& update : answer.result) {
      auto id = sdk::find_int(update, "update_id");
      if (id && *id >= 0 && *id < std::numeric_limits<std::int64_t>::max()) last = std::max(last.value_or(*id), *id);
      std::string body = sdk::json_text(update);
      batch.events.push_back({std::move(body), read_update(std::move(update))});
    }
    if (!batch.events.empty() && !last)
      return Error(ErrorKind::protocol, "Telegram, getUpdates: no update has an update_id");
    batch.cursor = cursor_;
    if (last) batch.cursor = R"({"v":1,"offset":)" + std::to_string(*last + 1) + "}";
    return Step(std::move(batch));
  }

 private:
  Result<Step> request() const {
    if (auto usable = check_token(account_.credential("bot_token")); !usable) return usable.error();
    Json parameters;
    if (!cursor_.empty()) {
      EASYFLOW_TRY(offset, offset_of(cursor_));
      parameters["offset"] = offset;
    }
    parameters["limit"] = kLimit;
    parameters["timeout"] = hold_.count();
    parameters["allowed_updates"] = allowed_updates();
    sdk::Request request = call(account_, "getUpdates", parameters, "poll");
    request.timeout = hold_ + kTimeBehindHold;
    return Step(std::move(request));
  }

  sdk::Account account_;
  std::string cursor_;
  seconds hold_;
};

}  // namespace

std::unique_ptr<sdk::Exchange<sdk::PollBatch>> poll_updates(const sdk::Account& account, std::string_view cursor,
                                                            seconds hold) {
  return std::make_unique<Poll>(account, cursor, hold);
}

}  // namespace easyflow::connectors::telegram
