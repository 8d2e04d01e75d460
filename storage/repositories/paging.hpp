// Lists come in pages: pass `next` back as `cursor` to continue. Cursors are opaque and survive new rows.
#pragma once

#include <string>
#include <vector>

namespace easyflow::storage {

template <class T>
struct Paged {
  std::vector<T> items;
  std::string next;  ///< empty on the last page
};

/// What a caller asks for. `limit` is 1..200; a malformed cursor is Error invalid_input with field "cursor".
struct PageRequest {
  PageRequest() = default;
  PageRequest(int limit_, std::string cursor_) : limit(limit_), cursor(std::move(cursor_)) {}
  int limit = 50;
  std::string cursor;
};

}  // namespace easyflow::storage
