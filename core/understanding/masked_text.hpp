// What of a message may leave the hub.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/nlp/entities.hpp"

namespace easyflow::understanding {

/// A text without card numbers, phones and e-mail addresses, that knows where its pieces stand in the original.
class MaskedText {
 public:
  /// `stored` are the entities found when the message was stored, as JSON: card numbers are no longer legible in a
  /// stored text, and a user's own rules may know phones that nobody else does. What can be found today is masked as
  /// well.
  MaskedText(const std::string& text, const std::string& stored_entities_json);

  const std::string& text() const { return text_; }
  /// Where [start, end) of the masked text stands in the original, in code points; nothing unless all of it is text
  /// that was not changed.
  std::optional<std::pair<std::size_t, std::size_t>> original(std::size_t start, std::size_t end) const;

 private:
  struct Piece {
    std::size_t at;        ///< first code point in the masked text
    std::size_t original;  ///< the same in the original
    std::size_t length;    ///< of unchanged text
  };
  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace easyflow::understanding
