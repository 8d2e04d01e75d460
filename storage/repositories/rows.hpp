// What the repositories share: reading fields, JSON fit for jsonb, and the cursors of paged lists.
#pragma once

#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::storage {

/// The field's text, empty for NULL.
std::string text_of(const pqxx::field& field);
/// A timestamptz of a session in UTC. Throws std::logic_error when it is none.
Timestamp time_of(const pqxx::field& field);
std::optional<Timestamp> maybe_time_of(const pqxx::field& field);
/// The texts of a one-dimensional text[].
std::vector<std::string> texts_of(const pqxx::field& field);

/// NULL for an empty text.
std::optional<std::string> unless_empty(std::string text);
/// The text form of a text[].
std::string text_array(const std::vector<std::string>& texts);

/// `json` as jsonb takes it: escapes of NUL and halves of surrogate pairs, which JSON allows and jsonb refuses, become
/// U+FFFD; a text that is no JSON at all becomes {"unreadable": text}. So one odd row never fails its batch.
std::string jsonb_text(std::string_view json);
/// Adds a member to `object`, the text of a JSON object. `name` needs no escaping; `value` is JSON.
void add_member(std::string& object, std::string_view name, std::string_view value);

/// How many rows a page asks the database for: one more than it returns, to know whether there is a next page.
int rows_to_ask(const PageRequest& page);

/// Cursor of the values by which a list is sorted.
std::string make_cursor(const std::vector<std::string>& values);
/// The values again; one empty optional for each when the cursor is empty. `kinds` names them in order: 't' time,
/// 'u' UUID, 's' any text. Error: invalid_input with field "cursor".
Result<std::vector<std::optional<std::string>>> read_cursor(const std::string& cursor, std::string_view kinds);

/// Moves rows into a page. `read` turns a row into an item, `cursor_of` gives the sort values of the last row kept.
template <class T, class Read, class CursorOf>
Paged<T> page_of(const pqxx::result& rows, const PageRequest& page, Read read, CursorOf cursor_of) {
  Paged<T> out;
  const int limit = rows_to_ask(page) - 1;
  for (const auto& row : rows) {
    if (static_cast<int>(out.items.size()) == limit) {
      out.next = make_cursor(cursor_of(rows[limit - 1]));
      break;
    }
    out.items.push_back(read(row));
  }
  return out;
}

}  // namespace easyflow::storage
