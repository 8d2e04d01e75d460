// What a message means, as it is stored. How that is found out is the business of core/understanding.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "storage/database.hpp"
#include "storage/pg_array.hpp"

namespace easyflow::storage {

/// One fact inside a message.
struct StoredEntity {
  std::string type;   ///< "order_number"; empty for what is not stored: a code that leads to no order or product
  std::string value;  ///< normalized; may be empty
  std::string json;   ///< the object as it is stored; of a code without "type"
  int holds = 0;      ///< of a code: how many of the next ones lie in it, and are not stored when it is
  std::string row;    ///< id of the order or product it led to before, which it keeps as long as that bears the number
};

struct StoredMeaning {
  std::string intent;
  int hundredths = 0;                  ///< the confidence, as exact as its column
  std::string model;                   ///< version of the model that said so
  std::vector<StoredEntity> entities;  ///< by position
  std::string details_json;            ///< an object; becomes metadata.nlp
  bool has_action = false;    ///< the tenant wants something done on it: a row of automatic_acts goes with the message
  bool ask_provider = false;  ///< a provider shall read it too: a row of nlp_requests goes with the message, and the
                              ///< act waits for what it says
};

/// A text as it may be stored, and what it means.
struct ReadText {
  std::string text;                      ///< without card numbers
  std::optional<StoredMeaning> meaning;  ///< none: nobody was asked
};

/// Reads the messages of one tenant. Immutable: used on database threads, before the statement that stores them.
class MessageReader {
 public:
  virtual ~MessageReader() = default;
  /// `text` is valid UTF-8 without NUL; `at` is the message's time, which relative dates count from.
  virtual ReadText read(std::string text, Timestamp at) const = 0;
  /// The text without card numbers.
  virtual std::string mask(std::string text) const = 0;
};

/// "0.87", as numeric(3,2) writes it.
std::string confidence_text(int hundredths);
/// [{"type": ...}, ...]
std::string entities_json(const StoredMeaning& meaning);

/// The order or product that a stored entity leads to; empty: none.
std::string row_of(const nlohmann::json& entity);
/// Tells the entities which rows their numbers led to in `entities_json`, an earlier reading of the same message.
void remember_rows(StoredMeaning& meaning, const std::string& entities_json);

/// Order numbers, articles and tracking numbers in messages, which the database function mentioned() looks up among the
/// tenant's own orders and products, as written and in capitals; what is found gets "order_id" or "product_id", and a
/// code its type. Of several that bear a number the one it led to before is meant, else the newest.
class Mentions {
 public:
  /// Must stay where it is, with those it holds behind it; what can't be a number of an order or a product is passed
  /// over.
  void add(StoredEntity& entity);
  /// The argument of mentioned().
  PgBinary numbers() const;
  /// Adds what was found to the entities and forgets them: `rows` is a JSON array of rows of mentioned().
  void settle(const std::string& rows);
  /// Looks them up in statements of their own, none when there is nothing to look up, and settles.
  void resolve(Tx& tx);

 private:
  struct Owner {
    std::string id;
    Timestamp at{};
  };
  struct Owners {
    std::vector<Owner> orders, products;
  };
  static const Owner* chosen(const std::vector<Owner>& as_written, const std::vector<Owner>& in_capitals,
                             const std::string& before);
  void ask(Tx& tx, std::span<const std::string> numbers);
  void take(const nlohmann::json& rows);
  void settle();
  std::vector<StoredEntity*> entities_;
  std::map<std::string, Owners> owners_;  ///< by number
};

/// A message on which something shall be done.
struct PendingAct {
  std::string integration_id;
  std::string conversation_id;
  std::string message_id;
  Timestamp message_created_at;
  std::string intent;
  int hundredths = 0;  ///< confidence
};
/// Writes them down, once for each message, and wakes those who carry them out. No statement when there are none.
void put_pending_acts(Tx& tx, const std::vector<PendingAct>& acts);

}  // namespace easyflow::storage
