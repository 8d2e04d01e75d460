// What decides how a tenant's messages are read: its model, its entity rules, its labelled examples, its intent
// actions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::storage {

struct NlpModelRow {
  std::string version;
  bool active = false;
  std::string metrics_json = "{}";
  std::string provenance_json;   ///< on what it was trained; not listed, see provenance(); empty: not known
  std::string data_fingerprint;  ///< SHA-256 of the training examples, hex
  Timestamp created_at;
};

/// An utterance with the right intent.
struct NlpExample {
  std::string id;
  std::string text;
  std::string intent;
  std::string lang;
  std::string source;      ///< operator, import
  std::string message_id;  ///< the corrected message; empty for imported ones
  std::string user_id;     ///< who said so; may be empty
  Timestamp created_at;
};

/// What to do when a message means `intent`.
struct IntentAction {
  std::string intent;
  bool enabled = true;
  double min_confidence = 0.80;
  std::string reply;  ///< canned answer; empty: none
  bool escalate = false;
  std::string tag;          ///< empty: none
  std::string state;        ///< conversations.current_state; empty: unchanged
  std::string quiet_from;   ///< "22:00" in the user's zone; empty: never quiet
  std::string quiet_until;  ///< "08:00"
};

/// All of it that reading a message takes.
struct NlpSettings {
  std::string model_version;  ///< of the active model; empty: the model that ships with the hub
  std::string model;          ///< its bytes
  std::string rules_csv;      ///< empty: none
  std::string time_zone;      ///< of the tenant's owner: "Europe/Moscow"
  std::vector<IntentAction> actions;
};

/// What reading a tenant's messages brought.
struct NlpIntentCount {
  std::string intent;
  std::string model;  ///< "operator": labelled by a person
  std::int64_t messages = 0;
  std::int64_t rejected = 0;   ///< the model was not sure
  std::int64_t corrected = 0;  ///< labelled otherwise than the model had said
};

/// Every change notifies the channel "nlp", so that the hubs read anew.
class NlpRepository {
 public:
  explicit NlpRepository(Database& db) : db_(db) {}

  /// The model's bytes are left out when its version is `known_version`.
  Task<NlpSettings> settings(std::string tenant_id, std::string known_version);

  /// Makes the model the active one. The same version again replaces nothing. Older ones beyond the last five go.
  Task<> put_model(std::string tenant_id, NlpModelRow model, std::string bytes);
  /// Newest first.
  Task<std::vector<NlpModelRow>> models(std::string tenant_id);
  /// The bytes of one model.
  Task<std::optional<std::string>> model(std::string tenant_id, std::string version);
  /// On what a model was trained, as it was given to put_model; empty when it is not there or not known.
  Task<std::string> provenance(std::string tenant_id, std::string version);
  /// Makes an earlier model the active one; with an empty version the one that ships with the hub. False: not there.
  Task<bool> activate(std::string tenant_id, std::string version);

  /// Adds or relabels, by text; gives the number of rows written. For imports.
  Task<int> put_examples(std::string tenant_id, std::vector<NlpExample> examples);
  /// Oldest first.
  Task<Result<Paged<NlpExample>>> examples(std::string tenant_id, PageRequest page);
  /// The intents that examples have.
  Task<std::vector<std::string>> example_intents(std::string tenant_id);
  Task<bool> remove_example(std::string tenant_id, std::string id);
  /// An operator says what a message means: the message gets the intent with confidence 1 and nlp_model "operator",
  /// metadata.nlp keeps what was said before, and its text becomes an example. Repeating it changes nothing.
  /// Errors: not_found (no such inbound message with a text).
  Task<Result<void>> label_message(std::string tenant_id, std::string message_id, std::string intent,
                                   std::string user_id);

  /// Inbound messages since then that have been read, by intent and model.
  Task<std::vector<NlpIntentCount>> counts(std::string tenant_id, Timestamp since);

  Task<std::string> rules(std::string tenant_id);
  /// An empty text removes them.
  Task<> put_rules(std::string tenant_id, std::string csv);

  Task<std::vector<IntentAction>> actions(std::string tenant_id);
  Task<> put_action(std::string tenant_id, IntentAction action);
  Task<bool> remove_action(std::string tenant_id, std::string intent);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
