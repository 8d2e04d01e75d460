// Queueing a message to a conversation.
#pragma once

#include <string>

#include "connectors/sdk/registry.hpp"
#include "core/async/task.hpp"
#include "core/base/error.hpp"
#include "storage/repositories/conversations.hpp"
#include "storage/repositories/outbound.hpp"

namespace easyflow::messaging {

struct SendRequest {
  std::string conversation_id;
  std::string text;
  std::vector<std::vector<sdk::Button>> keyboard;
  std::string reply_to_message_id;  ///< the platform's message id, may be empty
  std::string idempotency_key;      ///< may be empty; repeating it never sends twice
};

class SendService {
 public:
  SendService(storage::ConversationRepository& conversations, storage::OutboundRepository& outbound,
              const sdk::Registry& connectors);
  /// Validates by the platform's rules and queues. Errors: not_found (field "conversation_id"), invalid_input (field
  /// "text", "keyboard[0][1].data"), conflict (field "idempotency_key", or the person blocked us).
  Task<Result<storage::Outbound>> send(std::string tenant_id, SendRequest request);

 private:
  storage::ConversationRepository& conversations_;
  storage::OutboundRepository& outbound_;
  const sdk::Registry& connectors_;
};

}  // namespace easyflow::messaging
