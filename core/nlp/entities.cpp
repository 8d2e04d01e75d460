#include "core/nlp/entities.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/nlp/finder.hpp"
#include "core/nlp/lexicon.hpp"

namespace easyflow::nlp {
namespace {

constexpr std::string_view kCard = "payment_card";
constexpr std::size_t kFew = 8;  ///< candidates of a message
constexpr std::size_t kMostCodes = 8;

/// Whether `a` stands above `b` where they overlap.
bool outranks(const Candidate& a, const Candidate& b) {
  if (a.priority != b.priority) return a.priority > b.priority;
  const std::uint32_t length = a.end - a.begin;
  const std::uint32_t other = b.end - b.begin;
  return length != other ? length > other : a.begin < b.begin;
}

/// Numbers of candidates; the candidates themselves are large and stay where they are.
using Order = std::vector<std::uint32_t>;

/// The candidates by where they begin; those that begin together stay in the order they were found in.
Order by_position(const std::vector<Candidate>& candidates, std::size_t bytes) {
  std::vector<std::uint32_t> places(bytes + 1);
  for (const Candidate& c : candidates) ++places[c.begin + 1];
  for (std::size_t i = 1; i <= bytes; ++i) places[i] += places[i - 1];
  Order order(candidates.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[places[candidates[i].begin]++] = i;
  return order;
}

/// Leaves those that win over what they overlap, by position.
void settle(std::vector<Candidate>& candidates, std::size_t bytes) {
  std::erase_if(candidates, [&](const Candidate& c) { return c.begin >= c.end || c.end > bytes; });
  // mostly there are few, of which none overlaps another
  if (candidates.size() <= kFew) {
    const auto before = [](const Candidate& a, const Candidate& b) { return a.begin < b.begin; };
    for (auto next = candidates.begin(); next != candidates.end(); ++next)
      std::rotate(std::upper_bound(candidates.begin(), next, *next, before), next, next + 1);
  }
  const auto touch = [](const Candidate& a, const Candidate& b) { return b.begin < a.end; };
  if (std::adjacent_find(candidates.begin(), candidates.end(), touch) == candidates.end()) return;
  Order order = by_position(candidates, bytes);
  std::vector<char> taken(bytes);  // a byte each: quicker to ask about than bits
  std::vector<char> wins(candidates.size());
  for (std::size_t first = 0; first < order.size();) {
    // what overlaps, one through another
    std::uint32_t end = candidates[order[first]].end;
    std::size_t last = first + 1;
    for (; last < order.size() && candidates[order[last]].begin < end; ++last)
      end = std::max(end, candidates[order[last]].end);
    if (last - first > 1) {
      std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(first),
                       order.begin() + static_cast<std::ptrdiff_t>(last),
                       [&](std::uint32_t a, std::uint32_t b) { return outranks(candidates[a], candidates[b]); });
      for (std::size_t i = first; i < last; ++i) {
        const Candidate& c = candidates[order[i]];
        if (std::memchr(taken.data() + c.begin, 1, c.end - c.begin) != nullptr) continue;
        std::fill(taken.begin() + c.begin, taken.begin() + c.end, 1);
        wins[order[i]] = 1;
      }
    } else {
      wins[order[first]] = 1;
    }
    first = last;
  }
  order = by_position(candidates, bytes);
  std::vector<Candidate> winners;
  winners.reserve(candidates.size());
  for (std::uint32_t i : order)
    if (wins[i] != 0) winners.push_back(std::move(candidates[i]));
  candidates = std::move(winners);
}

/// Whether an article may hold it, as "tx500-black" does.
bool may_be_part(const Candidate& entity) {
  return entity.priority < priority::user_rule &&
         (entity.type == "color" || entity.type == "size" || entity.type == "city");
}

/// Leaves the codes that may stand beside the entities: those that overlap none, or hold them whole. Both by position.
void settle_codes(std::vector<Candidate>& codes, const std::vector<Candidate>& entities) {
  auto next = entities.begin();
  std::erase_if(codes, [&](const Candidate& code) {
    next = std::find_if(next, entities.end(), [&](const Candidate& e) { return e.end > code.begin; });
    for (auto e = next; e != entities.end() && e->begin < code.end; ++e) {
      const bool is_inside = e->begin >= code.begin && e->end <= code.end && e->end - e->begin < code.end - code.begin;
      if (!is_inside || !may_be_part(*e)) return true;
    }
    return false;
  });
  if (codes.size() > kMostCodes) codes.resize(kMostCodes);
}

bool is_start(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

/// Walks a valid text once, telling where code points begin; asked in rising order.
class CodePoints {
 public:
  explicit CodePoints(std::string_view text) : text_(text) {}
  std::size_t at_byte(std::size_t byte) {
    for (; byte_ < byte; ++byte_) points_ += is_start(text_[byte_]) ? 1 : 0;
    return points_;
  }
  std::size_t byte_of(std::size_t point) {
    while (byte_ < text_.size() && points_ < point) {
      ++points_;
      for (++byte_; byte_ < text_.size() && !is_start(text_[byte_]);) ++byte_;
    }
    return byte_;
  }

 private:
  std::string_view text_;
  std::size_t byte_ = 0;
  std::size_t points_ = 0;
};

/// Digits to "*", except the last four.
std::string mask_digits(std::string_view surface) {
  std::string masked(surface);
  int kept = 0;
  for (auto c = masked.rbegin(); c != masked.rend(); ++c)
    if (*c >= '0' && *c <= '9' && ++kept > 4) *c = '*';
  return masked;
}

/// The text with some of the entities replaced.
template <class Replace>
std::string replaced(std::string_view text, const std::vector<Entity>& entities, Replace replace) {
  const std::string valid = valid_utf8(text);
  const std::string_view view(valid);
  CodePoints points(view);
  std::string out;
  out.reserve(valid.size());
  std::size_t done = 0;
  for (const Entity& entity : entities) {
    const std::size_t begin = points.byte_of(entity.start);
    const std::size_t end = points.byte_of(entity.end);
    if (begin < done || begin >= end) continue;
    out += view.substr(done, begin - done);
    out += replace(entity, view.substr(begin, end - begin));
    done = end;
  }
  return out.append(view.substr(done));
}

void append_json(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 0xF];
    } else {
      out += c;
    }
  }
  out += '"';
}

template <class Number>
void append_number(std::string& out, Number number) {
  char buffer[32];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}

/// Most confidences are tenths, which need no search for the shortest decimal.
void append_confidence(std::string& out, double confidence) {
  const int tenths = static_cast<int>(confidence * 10 + 0.5);
  if (tenths < 1 || tenths > 9 || confidence != tenths / 10.0) return append_number(out, confidence);
  out += "0.";
  out += static_cast<char>('0' + tenths);
}

void append_entity(std::string& out, const Entity& entity) {
  constexpr std::size_t kRest = 100;  // names, numbers and signs
  out.reserve(out.size() + kRest + entity.type.size() + entity.text.size() + entity.value.size());
  out += '{';
  if (!entity.type.empty()) {
    out += R"("type":)";
    append_json(out, entity.type);
    out += ',';
  }
  out += R"("text":)";
  append_json(out, entity.text);
  out += R"(,"start":)";
  append_number(out, entity.start);
  out += R"(,"end":)";
  append_number(out, entity.end);
  if (!entity.value.empty()) {
    out += R"(,"value":)";
    append_json(out, entity.value);
  }
  out += R"(,"confidence":)";
  append_confidence(out, entity.confidence);
  out += '}';
}

/// What was found, with offsets in code points; the candidates are used up.
std::vector<Entity> to_entities(std::string_view text, std::vector<Candidate>& candidates) {
  std::vector<Entity> out;
  out.reserve(candidates.size());
  CodePoints points(text);
  for (Candidate& found : candidates) {
    Entity entity;
    entity.text = text.substr(found.begin, found.end - found.begin);
    if (found.type == kCard) entity.text = mask_digits(entity.text);
    entity.start = points.at_byte(found.begin);
    entity.end = points.at_byte(found.end);
    entity.type = std::move(found.type);
    entity.value = std::move(found.value);
    entity.confidence = found.confidence;
    out.push_back(std::move(entity));
  }
  return out;
}

}  // namespace

std::vector<Entity> find_entities(std::string_view text, const Reference& reference, const UserRules* rules) {
  return find_facts(text, reference, rules).entities;
}

Facts find_facts(std::string_view text, const Reference& reference, const UserRules* rules) {
  const Scan s = scan(text, reference);
  std::vector<Candidate> candidates, codes;
  candidates.reserve(kFew);
  find_contacts(s, candidates);
  const Phrase phrase(s);
  find_times(phrase, candidates);
  find_amounts(phrase, candidates);
  find_goods(s, candidates, codes);
  find_cities(s, candidates);
  if (rules != nullptr) find_by_rules(s, *rules, candidates);
  settle(candidates, s.text.size());
  settle_codes(codes, candidates);
  return {to_entities(s.text, candidates), to_entities(s.text, codes)};
}

std::string mask_private(std::string_view text, const std::vector<Entity>& entities) {
  return replaced(text, entities, [](const Entity& entity, std::string_view surface) -> std::string {
    if (entity.type == kCard) return "[card]";
    if (entity.type == "phone") return "[phone]";
    if (entity.type == "email") return "[email]";
    return std::string(surface);
  });
}

std::string mask_cards(std::string_view text, const std::vector<Entity>& entities) {
  return replaced(text, entities, [](const Entity& entity, std::string_view surface) {
    return entity.type == kCard ? mask_digits(surface) : std::string(surface);
  });
}

std::string to_json(const Entity& entity) {
  std::string out;
  append_entity(out, entity);
  return out;
}

std::string to_json(const std::vector<Entity>& entities) {
  std::string out = "[";
  for (const Entity& entity : entities) {
    if (out.size() > 1) out += ',';
    append_entity(out, entity);
  }
  return out += ']';
}

}  // namespace easyflow::nlp
