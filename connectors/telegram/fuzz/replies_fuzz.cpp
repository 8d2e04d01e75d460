// Any answer to a send or a poll must be understood or refused; only a named message counts as sent.
#include <cstddef>
#include <cstdint>
#include <string>

#include "connectors/telegram/api.hpp"
#include "connectors/telegram/send.hpp"
#include "connectors/telegram/tests/account.hpp"
#include "connectors/telegram/updates.hpp"

namespace tg = easyflow::connectors::telegram;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (int status : {200, 400, 403, 429, 500}) {
    easyflow::HttpResponse reply(status, bytes);
    (void)tg::send_outcome(reply);
    auto poll = tg::poll_updates(tg::testing::account(), "", std::chrono::seconds(1));
    (void)poll->next(&reply);
  }
  (void)tg::poll_updates(tg::testing::account(), bytes, std::chrono::seconds(1))->next(nullptr);
  (void)tg::check_token(bytes);
  easyflow::sdk::OutboundMessage message;
  message.chat_id = "77";
  message.text = bytes;
  if (tg::validate_message(message)) (void)tg::send_request(tg::testing::account(), message);
  return 0;
}
