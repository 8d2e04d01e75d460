// Messages that wait to be read by a provider outside of the hub, and what it made of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "storage/database.hpp"

namespace easyflow::storage {

/// A message that the provider shall read.
struct NlpRequest {
  std::string message_id;
  Timestamp message_created_at;
  bool may_act = false;     ///< the message is new: an automatic act may follow from it
  bool has_action = false;  ///< the hub's own meaning has an intent action
};
/// Writes them down beside their messages, in place of earlier ones that still wait, and wakes those who ask. No
/// statement when there are none. The transaction's scope must be the tenant.
void put_nlp_requests(Tx& tx, const std::vector<NlpRequest>& requests);

/// A lease on a request. Whoever holds an outdated one changes nothing any more.
struct NlpLease {
  std::string tenant_id;
  std::string message_id;
  std::int64_t fencing = 0;
  int attempts = 0;  ///< this one included
  Timestamp waits_since;
};

struct WaitingMessage {
  std::string text;
  std::string entities_json;
};

/// What the provider said.
struct RemoteVerdict {
  std::string intent;
  int hundredths = 0;        ///< confidence
  std::string model;         ///< "rasa", "openai:gpt-4o-mini"
  std::string details_json;  ///< an object; becomes metadata.nlp, where "embedded" is what was said before
};

enum class Settled {
  done,      ///< the message bears the outcome
  kept,      ///< a person has labelled the message: nothing was changed
  outdated,  ///< the lease was lost, or the message is gone
};

class NlpRequestRepository {
 public:
  explicit NlpRequestRepository(Database& db) : db_(db) {}

  /// Takes leases on at most `wanted` requests that are due, of all tenants in turn. What was leased by a node that
  /// died comes back when its lease ends.
  Task<std::vector<NlpLease>> claim(std::string node, int wanted, std::chrono::milliseconds lease);
  /// Gives back all that the node holds. Returns how many those were.
  Task<int> release(std::string node);
  /// The message of a lease; nothing when it needs no answer any more (gone, edited, labelled by a person).
  Task<std::optional<WaitingMessage>> open(NlpLease lease);
  /// The message gets the provider's meaning; its entities stay. Tells subscribers when the meaning has changed, and
  /// writes down the automatic act that follows. Safe to repeat.
  Task<Settled> understood(NlpLease lease, RemoteVerdict verdict);
  /// The hub's own meaning stays, with `details_json` (an object) added to metadata.nlp, and its automatic act follows.
  Task<Settled> fell_back(NlpLease lease, std::string details_json);
  /// To be asked again after `wait`.
  Task<> postpone(NlpLease lease, std::chrono::milliseconds wait);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
