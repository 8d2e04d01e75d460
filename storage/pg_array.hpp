// Text forms of PostgreSQL arrays and byte strings, so that a batch of any size travels as one parameter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"

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

/// A parameter in PostgreSQL's binary form.
struct PgBinary {
  std::string bytes;
};

/// The same array in binary form, of one element type each: nothing to escape here and nothing to parse there, which
/// is a fifth of the database's work for a batch of short rows. The element type must be that of the statement:
/// uuid[] takes UuidColumn and nothing else.
class PgColumn {
 public:
  void add_null();
  /// The array. It is empty again afterwards.
  PgBinary take();

 protected:
  explicit PgColumn(std::uint32_t element_type) : element_type_(element_type) {}
  void add_integer(std::uint64_t value, int bytes);
  /// Cleaned like the elements of PgArray.
  void add_text(std::string_view value);
  void add_bytes(std::string_view value);

 private:
  void begin_element(std::uint32_t length);
  std::uint32_t element_type_;
  std::uint32_t count_ = 0;
  bool has_null_ = false;
  std::string elements_;
};

class UuidColumn : public PgColumn {
 public:
  UuidColumn() : PgColumn(2950) {}
  /// Throws std::invalid_argument when `uuid` is none.
  void add(std::string_view uuid);
};
class TextColumn : public PgColumn {
 public:
  TextColumn() : PgColumn(25) {}
  void add(std::string_view value) { add_text(value); }
  void add_or_null(std::string_view value) { value.empty() ? add_null() : add_text(value); }
};
class BytesColumn : public PgColumn {
 public:
  BytesColumn() : PgColumn(17) {}
  void add(std::string_view bytes) { add_bytes(bytes); }
};
class TimestampColumn : public PgColumn {
 public:
  TimestampColumn() : PgColumn(1184) {}
  void add(Timestamp time);
};
class IntegerColumn : public PgColumn {
 public:
  IntegerColumn() : PgColumn(23) {}
  void add(std::int32_t value) { add_integer(static_cast<std::uint32_t>(value), 4); }
};
class BigintColumn : public PgColumn {
 public:
  BigintColumn() : PgColumn(20) {}
  void add(std::int64_t value) { add_integer(static_cast<std::uint64_t>(value), 8); }
};
class BooleanColumn : public PgColumn {
 public:
  BooleanColumn() : PgColumn(16) {}
  void add(bool value) { add_integer(value ? 1 : 0, 1); }
};

/// `text` as PostgreSQL takes it: U+FFFD for every NUL byte and every malformed UTF-8 sequence.
std::string clean_text(std::string_view text);

/// "\x..." in hex: the text form of a bytea.
std::string hex_bytea(std::string_view bytes);

/// The bytes of a bytea column's text in hex form. Throws std::invalid_argument when it is none.
std::string parse_bytea(std::string_view text);

}  // namespace easyflow::storage
