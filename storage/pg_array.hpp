// Text forms of PostgreSQL arrays and byte strings, so that a batch of any size travels as one parameter.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace easyflow::storage {

/// Builds an array literal for `unnest($1::text[])`; one per column of the batch.
///
///     PgArray ids, texts;
///     for (const auto& m : messages) { ids.add(m.id); texts.add(m.text); }
///     tx.exec(kAppend, ids.take(), texts.take());
///
/// PostgreSQL refuses NUL bytes and malformed UTF-8 in texts and would fail the whole batch for one of them, so add()
/// puts U+FFFD in their place. Bytes that must arrive as they are go through hex_bytea into a bytea[].
class PgArray {
 public:
  void reserve(std::size_t bytes) { text_.reserve(bytes); }
  void add(std::string_view value);
  void add_null();
  /// The literal, for example {"a\"b",NULL}. The array is empty again afterwards.
  std::string take();

 private:
  void separate() { text_ += text_.size() == 1 ? "" : ","; }
  std::string text_ = "{";
};

/// `text` as PostgreSQL takes it: U+FFFD for every NUL byte and every malformed UTF-8 sequence.
std::string clean_text(std::string_view text);

/// "\x..." in hex: the text form of a bytea.
std::string hex_bytea(std::string_view bytes);

/// The bytes of a bytea column's text in hex form. Throws std::invalid_argument when it is none.
std::string parse_bytea(std::string_view text);

}  // namespace easyflow::storage
