// Conversations and messages, for reading and for their state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::storage {

struct Conversation {
  std::string id;
  std::string integration_id;  ///< empty once the integration was removed
  std::string contact_id;
  std::string platform;
  std::string chat_id;
  std::string title;   ///< name of the person or group
  std::string status;  ///< active, paused, closed, escalated
  std::vector<std::string> tags;
  std::string state;           ///< where a flow stands: "initial" until something says otherwise
  bool contact_active = true;  ///< false once the person blocked us
  int messages_count = 0;
  std::string last_message;  ///< beginning of the newest message, at most 200 characters
  Timestamp created_at;
  Timestamp updated_at;
};

struct Message {
  std::string id;
  std::string conversation_id;
  std::string content;
  std::string content_type;
  std::string role;       ///< user, assistant, system
  std::string direction;  ///< inbound, outbound
  std::string platform_message_id;
  std::string intent;                ///< empty when unknown
  std::string nlp_model;             ///< who read it: a model's version, "operator"; empty: nobody
  std::string entities_json = "[]";  ///< [{"type", "text", ..., "order_id" or "product_id"}]
  std::optional<double> confidence;
  std::string metadata_json = "{}";  ///< outbound: {"delivery": queued|sending|sent|failed|unknown, "error": ...}
  std::optional<Timestamp> sent_at;
  Timestamp created_at;
};

class ConversationRepository {
 public:
  explicit ConversationRepository(Database& db) : db_(db) {}
  /// Last changed first; `platform` and `status` filter when not empty.
  Task<Result<Paged<Conversation>>> list(std::string tenant_id, std::string platform, std::string status,
                                         PageRequest page);
  Task<std::optional<Conversation>> find(std::string tenant_id, std::string id);
  /// Newest first. Their order numbers, articles and tracking numbers are looked up again: orders and products may have
  /// come in, or gone, since the message was stored.
  Task<Result<Paged<Message>>> messages(std::string tenant_id, std::string conversation_id, PageRequest page);
  /// False when there is no such conversation.
  Task<bool> set_status(std::string tenant_id, std::string id, std::string status);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
