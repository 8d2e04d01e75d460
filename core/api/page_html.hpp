// The page's documents, made from data alone.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "storage/repositories/automation.hpp"
#include "storage/repositories/catalog.hpp"
#include "storage/repositories/conversations.hpp"
#include "storage/repositories/integrations.hpp"
#include "storage/repositories/outbound.hpp"
#include "storage/repositories/sync.hpp"

namespace easyflow::api {

/// What every document of a logged-in user shows.
struct PageFrame {
  Timestamp now;
  std::string nonce;       ///< of the style sheet, fresh for each answer
  std::string form_token;  ///< proves that a form came from this session
  std::string version;
  std::map<std::string, std::string> platform_names;  ///< by platform id
};

struct StatusData {
  std::vector<storage::Integration> integrations;
  std::vector<storage::StreamStatus> streams;
  std::vector<storage::SyncRun> runs;         ///< newest first
  std::vector<storage::SyncRun> failed_runs;  ///< newest first
  std::vector<storage::Conversation> conversations;
  bool more_conversations = false;          ///< there are more than these
  std::vector<storage::Outbound> troubled;  ///< messages that failed or may not have arrived
  std::string public_url;
};

struct ConversationData {
  storage::Conversation conversation;
  std::vector<storage::Message> messages;   ///< newest first
  std::string older;                        ///< cursor, empty when these are the oldest
  storage::CatalogRows catalog;             ///< the orders and products that the messages name
  std::vector<storage::AutomaticAct> acts;  ///< newest first
  bool may_send = false;
  bool may_undo = false;
  std::string idempotency_key;  ///< of the reply form: sending it twice queues one message
  std::string draft;            ///< what was typed when sending failed
  std::string error;
};

std::string status_page(const PageFrame& frame, const StatusData& data);
std::string conversation_page(const PageFrame& frame, const ConversationData& data);
/// `error` may be empty. `email` is filled in again after a failure.
std::string login_page(const std::string& nonce, const std::string& email, const std::string& error);
/// A failure as a page; `refresh` makes the browser try again by itself.
std::string message_page(const std::string& nonce, const std::string& title, const std::string& text, bool refresh);

}  // namespace easyflow::api
