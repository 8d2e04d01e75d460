// Brings a message into the one form its features are made of. Private to core/nlp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/entities.hpp"
#include "core/nlp/known_words.hpp"
#include "core/nlp/unicode.hpp"

namespace easyflow::nlp {

/// A message as words. Reused from message to message, so that no memory is asked for.
struct Words {
  enum class Kind : std::uint8_t {
    word,    ///< letters and digits
    mark,    ///< "?", "!", a currency sign, an emoji
    entity,  ///< stands for an entity of a type
  };
  struct Span {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    Kind kind = Kind::word;
    Scripts scripts = 0;  ///< of a word as it was written
  };
  std::vector<char32_t> letters;
  std::vector<Span> spans;

  std::vector<char32_t> folded, piece, rewritten;  ///< scratch
};

/// Folds letters (unicode.hpp), squeezes runs of a letter to two, gives every digit the form 0, puts a type in the
/// place of each of `entities` (may be null), writes transliterated Russian and words typed in the wrong keyboard
/// layout as they were meant if `dictionary` (may be null) knows them so. Takes the first 512 and the last 256 code
/// points.
void normalize(std::string_view text, const std::vector<Entity>* entities, const KnownWords* dictionary, Words& out);

/// The words with one space between, an entity as "<>": for comparing texts, tests and explanations.
std::string to_text(const Words& words);

}  // namespace easyflow::nlp
