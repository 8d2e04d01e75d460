#include "core/messaging/sending.hpp"

namespace easyflow::messaging {

SendService::SendService(storage::ConversationRepository& conversations, storage::OutboundRepository& outbound,
                         const sdk::Registry& connectors)
    : conversations_(conversations), outbound_(outbound), connectors_(connectors) {}

Task<Result<storage::Outbound>> SendService::send(std::string tenant_id, SendRequest request) {
  auto conversation = co_await conversations_.find(tenant_id, request.conversation_id);
  if (!conversation)
    co_return Error(ErrorKind::not_found, "There is no such conversation.").with_field("conversation_id");
  const auto* connector = connectors_.find(conversation->platform);
  if (connector == nullptr || connector->sender() == nullptr)
    co_return Error(ErrorKind::conflict, "Messages can't be sent on '" + conversation->platform + "'.")
        .with_field("conversation_id");
  if (request.idempotency_key.size() > 255)
    co_return Error(ErrorKind::invalid_input, "An idempotency key has at most 255 bytes.")
        .with_field("idempotency_key");

  sdk::OutboundMessage message;
  message.chat_id = conversation->chat_id;
  message.text = std::move(request.text);
  message.keyboard = std::move(request.keyboard);
  message.reply_to_message_id = std::move(request.reply_to_message_id);
  if (auto valid = connector->sender()->validate(message); !valid) co_return valid.error();
  auto queued = co_await outbound_.enqueue(std::move(tenant_id), std::move(request.conversation_id), std::move(message),
                                           std::move(request.idempotency_key));
  co_return queued;
}

}  // namespace easyflow::messaging
