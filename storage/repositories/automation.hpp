// What the hub did by itself on the intent of a message: carrying it out, showing it, undoing it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/nlp.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::storage {

/// One message and what it led to.
struct AutomaticAct {
  std::string id;
  std::string integration_id;
  std::string conversation_id;
  std::string message_id;  ///< the message that asked for it
  std::string intent;
  double confidence = 0;
  std::string state;   ///< pending, done, skipped, undone
  std::string reason;  ///< why it was skipped, or why its answer was withheld; for people
  /// What was done: {"reply", "escalate", "tag", "state"}, only what changed something; once undone also
  /// {"undo": {"restored": ["reply", ...], "left": [{"part", "reason"}]}}.
  std::string acts_json = "{}";
  std::string before_json = "{}";  ///< what those parts were before: {"status", "closed_at", "tags", "current_state"}
  std::string outbound_id;         ///< of the answer; empty when there is none
  std::string outbound_state;      ///< queued, sending, sent, failed, unknown
  Timestamp created_at;
  std::optional<Timestamp> done_at;
  std::optional<Timestamp> undone_at;
  std::string undone_by;  ///< a user's id; empty when undone from the command line
};

/// An act that waits.
struct ActKey {
  std::string tenant_id;
  std::string id;
};

/// What is true when an act is carried out; it stays true until that transaction ends.
struct ActFacts {
  std::string intent;  ///< as recorded with the act
  double confidence = 0;
  Timestamp created_at;
  bool message_found = false;
  std::string message_intent;  ///< as it is now: an operator may have corrected it
  std::string entities_json = "[]";
  std::optional<IntentAction> action;  ///< as it is now; none: removed
  std::string platform;
  std::string chat_id;
  std::string status;
  std::string contact_name;
  bool contact_active = true;
  bool opted_out = false;
  bool is_private = true;                   ///< one person's conversation, not a group's
  bool answered = false;                    ///< a person of the shop wrote after the message
  std::vector<std::string> recent_answers;  ///< automatic ones of the last hour in this conversation
  std::string time_zone;                    ///< of the tenant's owner
};

/// What to do about it.
struct ActPlan {
  std::string skip;      ///< not empty: nothing at all is done, this is why
  std::string reply;     ///< empty: none
  std::string withheld;  ///< why there is no reply though the action has one
  bool escalate = false;
  std::string tag;    ///< empty: none
  std::string state;  ///< empty: unchanged
};

class AutomationRepository {
 public:
  explicit AutomationRepository(Database& db) : db_(db) {}

  /// Acts of all tenants that wait, oldest first.
  Task<std::vector<ActKey>> pending(int wanted);
  /// Carries out one act in one transaction: asks `plan` (on a database thread, maybe again after a lost connection)
  /// and does what it says. A reply is queued as by OutboundRepository::enqueue, marked as automatic. Returns "done" or
  /// "skipped"; empty when the act does not wait any more or somebody else carries it out now.
  Task<std::string> carry_out(ActKey key, Timestamp now, std::function<ActPlan(const ActFacts&)> plan);
  /// Gives up an act that cannot be carried out.
  Task<> skip(ActKey key, Timestamp now, std::string reason);

  Task<std::optional<AutomaticAct>> find(std::string tenant_id, std::string id);
  /// Newest first; `conversation_id` and `state` filter when not empty.
  Task<Result<Paged<AutomaticAct>>> list(std::string tenant_id, std::string conversation_id, std::string state,
                                         PageRequest page);
  /// Takes back what the act did: status, tag and state unless changed since, the answer while it is queued. What could
  /// not be taken back is told in acts_json. A waiting act is never carried out. Repeating it changes nothing.
  /// `user_id` may be empty. Errors: not_found (field "id"); conflict when it was skipped.
  Task<Result<AutomaticAct>> undo(std::string tenant_id, std::string id, std::string user_id, Timestamp now);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
