// url, email, phone, payment_card.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/cues.hpp"
#include "core/nlp/finder.hpp"
#include "core/nlp/vocabulary.hpp"

namespace easyflow::nlp {
namespace {

using Kind = Token::Kind;

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; });
}

bool is_sign(const Scan& s, std::size_t at, char sign) {
  return at < s.tokens.size() && s.tokens[at].kind == Kind::sign && s.lower[s.tokens[at].begin] == sign;
}

/// The token stands right after the one before it.
bool is_joined(const Scan& s, std::size_t at) { return at > 0 && at < s.tokens.size() && !s.tokens[at].space_before; }

// ---- url ----

enum class Tld : std::uint8_t {
  sure,      ///< "ozon.ru"
  with_path  ///< also a word that may follow a full stop without a space: "t.me/shop", not "let.me"
};

const Vocabulary<Tld>& tlds() {
  static const Vocabulary<Tld> all = [] {
    Vocabulary<Tld> v;
    for (std::string_view one :
         {"com",   "ru",     "рф",     "net",     "org",    "info",   "biz",    "su",    "by",     "kz",      "ua",
          "uz",    "kg",     "ge",     "az",      "tj",     "tm",     "de",     "fr",    "es",     "pl",      "nl",
          "cz",    "ch",     "eu",     "uk",      "ca",     "io",     "cc",     "tv",    "app",    "dev",     "shop",
          "store", "online", "site",   "website", "xyz",    "top",    "club",   "pro",   "win",    "bet",     "vip",
          "space", "tech",   "market", "sale",    "moscow", "москва", "онлайн", "сайт",  "рус",    "дети",    "бел",
          "укр",   "қаз",    "lv",     "lt",      "ee",     "fi",     "se",     "dk",    "pt",     "gr",      "ro",
          "hu",    "bg",     "rs",     "hr",      "tr",     "cn",     "hk",     "jp",    "kr",     "ai",      "gg",
          "ly",    "co",     "edu",    "gov",     "icu",    "fun",    "ltd",    "work",  "agency", "digital", "cloud",
          "promo", "casino", "loan",   "blog",    "gl",     "ws",     "spb",    "tatar", "asia",   "mobi",    "life"})
      v.add(one, Tld::sure);
    for (std::string_view one : {"me", "is",   "no",   "so",    "in",   "it",    "at",   "be", "to", "us", "my", "am",
                                 "md", "live", "link", "click", "team", "group", "gift", "do", "ie", "as", "la"})
      v.add(one, Tld::with_path);
    return v;
  }();
  return all;
}

/// What ends an address written in running text and is not part of it.
constexpr std::string_view kClosing[] = {".", ",", ";", ":", "!", "?", "\"", "'", "»", "”", "“", "…", ">", "*", "’"};

/// The end of an address that begins at `begin` and may go on to `end`.
std::uint32_t without_punctuation(std::string_view text, std::uint32_t begin, std::uint32_t end) {
  for (bool more = true; more && end > begin;) {
    more = false;
    const std::string_view address = text.substr(begin, end - begin);
    for (std::string_view sign : kClosing)
      if (address.ends_with(sign)) {
        end -= static_cast<std::uint32_t>(sign.size());
        more = true;
        break;
      }
    if (more) continue;
    for (const auto& [open, close] : {std::pair('(', ')'), std::pair('[', ']')})
      if (address.back() == close &&
          std::count(address.begin(), address.end(), close) > std::count(address.begin(), address.end(), open)) {
        --end;
        more = true;
      }
  }
  return end;
}

/// The first byte at or after token `at` that is not part of an address: a space or a quotation mark.
std::uint32_t address_limit(const Scan& s, std::size_t& at) {
  std::uint32_t end = s.tokens[at].end;
  for (++at; at < s.tokens.size() && !s.tokens[at].space_before; ++at) {
    const std::string_view word = s.word(s.tokens[at]);
    if (word == "\"" || word == "<" || word == ">" || word == "«" || word == "»" || word == "“" || word == "”") break;
    end = s.tokens[at].end;
  }
  return end;
}

bool begins(const Scan& s, std::size_t at, std::string_view what) {
  return std::string_view(s.lower).substr(s.tokens[at].begin).starts_with(what);
}

void add_url(const Scan& s, std::uint32_t begin, std::uint32_t end, double confidence, std::vector<Candidate>& out) {
  end = without_punctuation(s.text, begin, end);
  if (end > begin) out.push_back({"url", begin, end, s.text.substr(begin, end - begin), confidence, priority::url});
}

bool is_label_part(const Scan& s, std::size_t at) {
  if (at >= s.tokens.size()) return false;
  const Token& token = s.tokens[at];
  return token.kind != Kind::sign || s.lower[token.begin] == '-' || s.lower[token.begin] == '_';
}

/// A bare domain with what follows it. `at` is moved behind what was looked at.
void find_domain(const Scan& s, std::size_t& at, std::vector<Candidate>& out) {
  const std::size_t first = at;
  std::size_t end = 0;  // behind the last token of the longest host that ends in a known domain
  int dots = 0;
  bool is_sure = false;
  bool is_latin = true;  // the label being read
  for (;;) {
    const std::size_t label = at;
    const bool was_latin = is_latin;
    for (is_latin = true; is_label_part(s, at) && (at == label || is_joined(s, at)); ++at)
      is_latin = is_latin && is_ascii(s.word(s.tokens[at]));
    if (at == label) break;
    if (dots > 0) {
      const Tld* tld = at == label + 1 ? tlds().find(s, s.tokens[label]) : nullptr;
      if (tld != nullptr && was_latin == is_latin) {
        end = at;
        is_sure = *tld == Tld::sure || dots > 1;
      }
    }
    if (!(is_sign(s, at, '.') && is_joined(s, at) && is_joined(s, at + 1) && is_label_part(s, at + 1))) break;
    ++dots;
    ++at;
  }
  if (end == 0) return;
  if (first > 0 && is_joined(s, first) && s.tokens[first - 1].kind == Kind::sign &&
      (s.lower[s.tokens[first - 1].begin] == '@' || s.lower[s.tokens[first - 1].begin] == '.'))
    return;
  if (is_sign(s, end, '@') && is_joined(s, end)) return;  // the name of a mailbox
  std::uint32_t stop = s.tokens[end - 1].end;
  std::size_t next = end;
  if (is_joined(s, next) && is_sign(s, next, ':') && is_joined(s, next + 1) &&
      s.tokens[next + 1].kind == Kind::number) {
    stop = s.tokens[next + 1].end;
    next += 2;
  }
  if (is_joined(s, next) && (is_sign(s, next, '/') || is_sign(s, next, '?') || is_sign(s, next, '#'))) {
    is_sure = is_sure || is_sign(s, next, '/');
    stop = address_limit(s, next);
    at = next;
  }
  if (is_sure) add_url(s, s.tokens[first].begin, stop, 0.9, out);
}

void find_urls(const Scan& s, std::vector<Candidate>& out) {
  for (std::size_t at = 0; at < s.tokens.size();) {
    const Token& token = s.tokens[at];
    if (token.kind == Kind::sign) {
      ++at;
      continue;
    }
    const std::string_view word = s.word(token);
    const bool has_scheme = token.kind == Kind::word && is_sign(s, at + 1, ':') && is_sign(s, at + 2, '/') &&
                            is_sign(s, at + 3, '/') && is_joined(s, at + 4) &&
                            (word == "http" || word == "https" || word == "ftp" || word == "tg");
    const bool is_www = word == "www" && is_sign(s, at + 1, '.') && is_joined(s, at + 2) && is_label_part(s, at + 2);
    if (has_scheme || (is_www && begins(s, at, "www."))) {
      const std::uint32_t begin = token.begin;
      add_url(s, begin, address_limit(s, at), has_scheme ? 1.0 : 0.9, out);
      continue;
    }
    const std::size_t before = at;
    find_domain(s, at, out);
    if (at == before) ++at;
  }
}

// ---- email ----

void find_emails(const Scan& s, std::vector<Candidate>& out) {
  constexpr std::size_t kLongestName = 64;
  for (std::size_t at = 1; at + 1 < s.tokens.size(); ++at) {
    if (!is_sign(s, at, '@') || !is_joined(s, at) || !is_joined(s, at + 1)) continue;
    std::size_t last = at + 1;  // of the domain
    int dots = 0;
    const bool is_latin = is_ascii(s.word(s.tokens[last]));
    for (std::size_t i = at + 1; i < s.tokens.size() && (i == at + 1 || is_joined(s, i)); ++i) {
      const Token& token = s.tokens[i];
      if (token.kind == Kind::sign) {
        const char sign = s.lower[token.begin];
        if ((sign != '.' && sign != '-') || !is_joined(s, i + 1) || s.tokens[i + 1].kind == Kind::sign) break;
        if (is_ascii(s.word(s.tokens[i + 1])) != is_latin) break;
        if (sign == '.') ++dots;
      } else if (is_ascii(s.word(token)) != is_latin) {
        break;
      } else {
        last = i;
      }
    }
    if (dots == 0 || s.tokens[last].kind != Kind::word || s.tokens[last].end - s.tokens[last].begin < 2 ||
        !is_sign(s, last - 1, '.'))
      continue;
    std::size_t first = at;
    for (std::size_t i = at; i > 0 && at - i < kLongestName; --i) {
      if (!is_joined(s, i)) break;
      const Token& token = s.tokens[i - 1];
      if (token.kind == Kind::sign) {
        if (std::string_view("._%+-").find(s.lower[token.begin]) == std::string_view::npos) break;
      } else if (is_latin && !is_ascii(s.word(token))) {
        break;
      } else {
        first = i - 1;
      }
    }
    if (first == at) continue;
    const std::uint32_t begin = s.tokens[first].begin;
    const std::uint32_t end = s.tokens[last].end;
    out.push_back({"email", begin, end, s.lower.substr(begin, end - begin), 0.9, priority::email});
  }
}

// ---- phone ----

/// What may follow a country code: how many digits, and the first of them. Codes and the limit of fifteen digits are
/// those of E.164; lengths and first digits are coarser than the national plans (docs/sources.md#numbers-in-messages).
struct Plan {
  std::string_view country;
  std::size_t shortest;
  std::size_t longest;
  std::string_view leading;  ///< allowed first digits
};
constexpr Plan kPlans[] = {
    {"7", 10, 10, "346789"},     {"375", 9, 9, "1234"},       {"380", 9, 9, "3456789"},    {"998", 9, 9, "2356789"},
    {"996", 9, 9, "235789"},     {"374", 8, 8, "123456789"},  {"995", 9, 9, "34578"},      {"994", 9, 9, "123456789"},
    {"992", 9, 9, "0123456789"}, {"993", 8, 8, "123467"},     {"373", 8, 8, "2356789"},    {"372", 7, 8, "345678"},
    {"371", 8, 8, "26789"},      {"370", 8, 8, "34568"},      {"49", 7, 11, "123456789"},  {"33", 9, 9, "123456789"},
    {"39", 8, 11, "03"},         {"34", 9, 9, "56789"},       {"351", 9, 9, "236789"},     {"31", 9, 9, "123456789"},
    {"32", 8, 9, "123456789"},   {"352", 6, 9, "23456789"},   {"43", 7, 12, "123456789"},  {"41", 9, 9, "23456789"},
    {"423", 7, 7, "236789"},     {"44", 9, 10, "1235789"},    {"353", 7, 9, "12456789"},   {"45", 8, 8, "23456789"},
    {"46", 7, 9, "123456789"},   {"47", 8, 8, "23456789"},    {"358", 6, 11, "123456789"}, {"354", 7, 7, "345678"},
    {"48", 9, 9, "123456789"},   {"420", 9, 9, "234567"},     {"421", 9, 9, "234569"},     {"36", 8, 9, "123456789"},
    {"40", 9, 9, "23789"},       {"359", 8, 9, "23456789"},   {"30", 10, 10, "26789"},     {"357", 8, 8, "29"},
    {"356", 8, 8, "2579"},       {"385", 8, 9, "123456789"},  {"386", 8, 8, "1234567"},    {"381", 8, 9, "123456"},
    {"382", 8, 8, "234567"},     {"387", 8, 9, "3456"},       {"389", 8, 8, "2347"},       {"355", 8, 9, "23456"},
    {"383", 8, 8, "234"},        {"1", 10, 10, "23456789"},   {"90", 10, 10, "23458"},     {"972", 8, 9, "2345789"},
    {"971", 8, 9, "2345679"},    {"86", 10, 11, "123456789"}, {"852", 8, 8, "235679"},     {"82", 8, 10, "1234567"},
    {"81", 9, 10, "123456789"},  {"91", 10, 10, "6789"},      {"66", 8, 9, "2345678"},     {"84", 9, 10, "23456789"},
    {"976", 8, 8, "56789"},
};

bool fits_plan(std::string_view digits) {
  for (const Plan& plan : kPlans) {
    if (!digits.starts_with(plan.country)) continue;
    const std::string_view own = digits.substr(plan.country.size());
    if (own.size() < plan.shortest || own.size() > plan.longest || plan.leading.find(own[0]) == std::string_view::npos)
      continue;
    if (plan.country == "1" && (own[3] < '2' || own.substr(1, 2) == "11")) continue;
    return true;
  }
  return false;
}

constexpr std::size_t kMostDigits = 19;  // of a card; of a phone 17: "00" and E.164's fifteen

/// Digits written together or in groups, beginning at one token. Kept in place: every number of a message is tried.
class DigitGroups {
 public:
  bool takes(std::size_t more) const { return count_ + more <= kMostDigits; }
  void add(std::string_view digits) {
    std::copy(digits.begin(), digits.end(), written_.begin() + static_cast<std::ptrdiff_t>(count_));
    count_ += digits.size();
    sizes_[groups_++] = digits.size();
  }
  std::string_view digits() const { return {written_.data(), count_}; }
  std::span<const std::size_t> sizes() const { return {sizes_.data(), groups_}; }

 private:
  std::array<char, kMostDigits> written_{};
  std::array<std::size_t, kMostDigits> sizes_{};
  std::size_t count_ = 0;
  std::size_t groups_ = 0;
};

/// What may be a phone.
struct Groups : DigitGroups {
  bool has_plus = false;
  bool has_brackets = false;
  bool has_hyphen = false;
};

struct Reading {
  std::string value;
  double confidence = 0;
};

bool any_prefix(std::string_view digits, std::string_view prefixes, std::size_t width) {
  for (std::size_t at = 0; at + width <= prefixes.size(); at += width + 1)
    if (digits.starts_with(prefixes.substr(at, width))) return true;
  return false;
}

/// The number as E.164, or empty when it is no phone. `has_cue`: the words around speak of a phone. How people write
/// numbers without a country code no document tells: these are habits.
Reading read_phone(const Groups& g, bool has_cue) {
  const std::string_view d = g.digits();
  const auto sizes = g.sizes();
  const bool grouped = sizes.size() > 1;
  const auto sizes_are = [&](std::initializer_list<std::size_t> expected) {
    return std::equal(sizes.begin(), sizes.end(), expected.begin(), expected.end());
  };
  if (g.has_plus) return fits_plan(d) ? Reading{"+" + std::string(d), 1.0} : Reading{};
  if (d.size() > 11 && d.starts_with("00") && fits_plan(d.substr(2)) && (has_cue || grouped))
    return {"+" + std::string(d.substr(2)), 0.9};

  if (d.size() == 11 && (d[0] == '8' || d[0] == '7')) {
    const std::string_view own = d.substr(1);
    const bool looks_right = sizes[0] == 1 || sizes[0] == 4 || sizes[0] == 11;
    if (d[0] == '8' && any_prefix(own, "025 029 033 044 017 016 015 021 022 023", 3) &&
        (has_cue || grouped || any_prefix(own, "025 029 033 044", 3)))
      return {"+375" + std::string(own.substr(1)), has_cue ? 0.9 : 0.6};
    if (!looks_right && !has_cue) return {};
    if (!fits_plan("7" + std::string(own))) return {};
    const bool is_mobile = own[0] == '9' || own.starts_with("800") || own.starts_with("70") || own.starts_with("747") ||
                           own.starts_with("77");
    const bool is_written_as_phone = grouped && (g.has_brackets || g.has_hyphen || sizes.size() >= 4);
    if (is_mobile || has_cue || is_written_as_phone) return {"+7" + std::string(own), 1.0};
    return {};
  }
  if (d.size() == 10 && d[0] == '9') {
    const bool is_written_as_phone =
        sizes[0] == 3 && sizes.size() >= 3 && (g.has_brackets || g.has_hyphen || sizes.size() == 4);
    // 3-3-4 with hyphens is how North America writes, where 9xx is an area code too
    if (has_cue || (is_written_as_phone && !sizes_are({3, 3, 4}))) return {"+7" + std::string(d), has_cue ? 0.9 : 0.6};
  }
  if ((d.size() == 12 &&
       (d.starts_with("375") || d.starts_with("380") || d.starts_with("998") || d.starts_with("996") ||
        d.starts_with("994") || d.starts_with("995") || d.starts_with("992"))) ||
      (d.size() == 11 && (d.starts_with("374") || d.starts_with("373") || d.starts_with("993")))) {
    const std::string_view own = d.substr(3);
    const bool is_mobile = (d.starts_with("375") && any_prefix(own, "25 29 33 44", 2)) ||
                           (d.starts_with("380") && any_prefix(own, "39 50 63 66 67 68 73 9", 2)) ||
                           (d.starts_with("380") && own[0] == '9') || (d.starts_with("998") && own[0] == '9');
    if ((is_mobile || has_cue || grouped) && fits_plan(d)) return {"+" + std::string(d), has_cue ? 0.9 : 0.6};
  }
  if (d.size() == 10 && d[0] == '0') {
    if (sizes_are({2, 2, 2, 2, 2}) && (d[1] == '6' || d[1] == '7')) return {"+33" + std::string(d.substr(1)), 0.6};
    if (any_prefix(d.substr(1), "39 50 63 66 67 68 73 91 92 93 94 95 96 97 98 99", 2) &&
        (has_cue || (grouped && sizes[0] == 3)))
      return {"+380" + std::string(d.substr(1)), has_cue ? 0.9 : 0.6};
  }
  if (d.size() == 11 && d.starts_with("07") && (has_cue || sizes_are({5, 6}) || sizes_are({5, 3, 3})))
    return {"+44" + std::string(d.substr(1)), has_cue ? 0.9 : 0.6};
  const bool is_nanp_form = g.has_brackets || g.has_hyphen || has_cue;
  if ((d.size() == 10 && sizes_are({3, 3, 4}) && is_nanp_form && fits_plan("1" + std::string(d))))
    return {"+1" + std::string(d), has_cue ? 0.9 : 0.6};
  if (d.size() == 11 && d[0] == '1' && sizes_are({1, 3, 3, 4}) && fits_plan(d)) return {"+" + std::string(d), 0.9};
  if (d.size() == 10 && has_cue && g.has_brackets && (d[0] == '3' || d[0] == '4' || d[0] == '8'))
    return {"+7" + std::string(d), 0.9};
  return {};
}

bool is_dash(std::string_view sign) {
  if (sign.size() != 3) return sign == "-";
  return sign == "–" || sign == "—" || sign == "‑" || sign == "−";
}

/// "мой номер 9216640318": a person's own number is a phone, if nothing else is spoken of.
bool is_own_number(const Scan& s, std::size_t at) {
  if (at < 2 || (cues_before(s, at, 1) & Cue::number) == 0) return false;
  const std::string_view whose = s.word(s.tokens[at - 2]);
  return (whose == "мой" || whose == "моя" || whose == "my" || whose == "наш" || whose == "our") &&
         ((cues_before(s, at, 8) | cues_after(s, at + 1, 4)) &
          (Cue::order | Cue::tracking | Cue::parcel | Cue::sku | Cue::other | Cue::card)) == 0;
}

constexpr int kFewestPhoneDigits = 8;
constexpr int kMostGroups = 7;  // of a phone

/// The most digits that the numbers of a phone can have which begins at a token, whatever stands between them: those of
/// the next seven, and of each "0" among them, which may be the "(0)" that is no group.
class DigitsAhead {
 public:
  explicit DigitsAhead(const Scan& scan) : s_(scan) {}
  /// From token `at` on; asked in rising order.
  int from(std::size_t at) {
    for (; begin_ < std::min(at, end_); ++begin_)
      if (s_.tokens[begin_].kind == Kind::number) count(s_.tokens[begin_], -1);
    begin_ = at;
    end_ = std::max(end_, at);
    for (; end_ < s_.tokens.size() && groups_ < kMostGroups; ++end_)
      if (s_.tokens[end_].kind == Kind::number) count(s_.tokens[end_], 1);
    return digits_;
  }

 private:
  void count(const Token& number, int sign) {
    digits_ += sign * static_cast<int>(number.end - number.begin);
    if (s_.word(number) != "0") groups_ += sign;
  }

  const Scan& s_;
  std::size_t begin_ = 0, end_ = 0;  ///< tokens that are counted
  int groups_ = 0, digits_ = 0;
};

/// Longest phone that begins at token `at` (a number, "+" or "(") or nothing. `next` is moved behind it.
bool find_phone(const Scan& s, std::size_t at, std::size_t& next, std::vector<Candidate>& out) {
  constexpr std::size_t kLongest = 17;
  Groups g;
  std::size_t i = at;
  if (is_sign(s, i, '+')) {
    g.has_plus = true;
    ++i;
  }
  bool open = false;
  bool in_one_piece = false;  // the longest found
  Reading reading;
  std::size_t end = 0;
  std::uint32_t around = 0;
  bool asked_around = false;
  for (int signs = 0; i < s.tokens.size(); ++i) {
    const Token& token = s.tokens[i];
    if (i > at && token.space_before) {
      const std::string_view gap =
          std::string_view(s.text).substr(s.tokens[i - 1].end, token.begin - s.tokens[i - 1].end);
      if (gap.size() > 4 || std::count(gap.begin(), gap.end(), '\n') > 0) break;
    }
    if (token.kind == Kind::sign) {
      const std::string_view sign = s.word(token);
      if (++signs > 3) break;
      if (sign == "(" && !open) {
        g.has_brackets = open = true;
      } else if (sign == ")" && open) {
        open = false;
      } else if (is_dash(sign)) {
        g.has_hyphen = true;
      } else if (sign != "." || g.sizes().empty()) {
        break;
      }
      continue;
    }
    if (token.kind != Kind::number) break;
    const std::string_view digits = s.word(token);
    signs = 0;
    if (g.digits().size() + digits.size() > kLongest || static_cast<int>(g.sizes().size()) == kMostGroups) break;
    // "+49 (0) 30 ...": the zero is dialled at home only
    if (digits == "0" && open && g.has_plus && !g.sizes().empty() && is_sign(s, i + 1, ')')) continue;
    g.add(digits);
    if (open || static_cast<int>(g.digits().size()) < kFewestPhoneDigits) continue;
    const bool goes_on =
        is_joined(s, i + 1) &&
        (s.tokens[i + 1].kind == Kind::word ||
         (is_dash(s.word(s.tokens[i + 1])) && is_joined(s, i + 2) && s.tokens[i + 2].kind == Kind::word));
    if (goes_on) continue;
    if (!asked_around) {
      if (read_phone(g, /*has_cue=*/true).value.empty()) continue;  // none whatever the words around say
      around = cues_before(s, at, 5) | cues_after(s, i + 1, 2);
      asked_around = true;
    }
    Reading found = read_phone(g, (around & Cue::phone) != 0 || is_own_number(s, at));
    if (!found.value.empty()) {
      reading = std::move(found);
      in_one_piece = g.sizes().size() == 1;
      end = i + 1;
    }
  }
  if (end == 0) return false;
  // an order's number may look like a phone when it is written in one piece
  const bool is_other = (cues_before(s, at, 1) & (Cue::order | Cue::tracking | Cue::sku | Cue::other)) != 0 ||
                        ((cues_before(s, at, 2) & Cue::order) != 0 && (cues_before(s, at, 1) & Cue::number) != 0);
  if (is_other && in_one_piece && !g.has_plus && (around & Cue::phone) == 0) return false;
  out.push_back({"phone", s.tokens[at].begin, s.tokens[end - 1].end, std::move(reading.value), reading.confidence,
                 priority::phone});
  next = end;
  return true;
}

void find_phones(const Scan& s, std::vector<Candidate>& out) {
  DigitsAhead ahead(s);
  for (std::size_t at = 0; at < s.tokens.size();) {
    const Token& token = s.tokens[at];
    std::size_t next = at + 1;
    const bool is_start = token.kind == Kind::number || is_sign(s, at, '+') ||
                          (is_sign(s, at, '(') && at + 1 < s.tokens.size() && s.tokens[at + 1].kind == Kind::number);
    if (is_start && ahead.from(at) >= kFewestPhoneDigits) {
      bool is_inside = false;  // of a code, a date or a decimal number
      if (is_joined(s, at)) {
        const Token& before = s.tokens[at - 1];
        const std::string_view word = s.word(before);
        is_inside = (before.kind == Kind::word && is_ascii(word)) || word == "/" || word == "_" || word == "#" ||
                    word == "№" || word == "=";
        if (at > 1 && is_joined(s, at - 1) && s.tokens[at - 2].end - s.tokens[at - 2].begin < 10) {
          const Kind left = s.tokens[at - 2].kind;
          is_inside = is_inside ||
                      (is_dash(word) && left != Kind::sign && (cues_of(s, s.tokens[at - 2]) & Cue::phone) == 0) ||
                      ((word == "." || word == ",") && left == Kind::number);
        }
      }
      if (!is_inside) find_phone(s, at, next, out);
    }
    at = next;
  }
}

// ---- payment_card ----

int number_of(std::string_view digits, std::size_t count) {
  int number = 0;
  for (char c : digits.substr(0, count)) number = number * 10 + (c - '0');
  return number;
}

/// Whether cards of this length are issued under these leading digits. The register of issuers is not public: these
/// ranges are common knowledge (docs/sources.md#numbers-in-messages).
bool is_issued(std::string_view digits) {
  const std::size_t n = digits.size();
  const int two = number_of(digits, 2);
  const int three = number_of(digits, 3);
  const int four = number_of(digits, 4);
  if (digits[0] == '4') return n == 13 || n == 16 || n == 19;                      // Visa
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return n == 16;  // Mastercard
  if (four >= 2200 && four <= 2204) return n >= 16;                                // Mir
  if (two == 34 || two == 37) return n == 15;                                      // American Express
  if (four >= 3528 && four <= 3589) return n >= 16;                                // JCB
  if ((three >= 300 && three <= 305) || two == 36 || two == 38 || two == 39) return n == 14 || n == 16;  // Diners Club
  if (two == 62) return n >= 16;                                                                         // UnionPay
  if (four == 6011 || two == 65 || (three >= 644 && three <= 649)) return n == 16 || n == 19;            // Discover
  if (two == 50 || (two >= 56 && two <= 58) || two == 63 || two == 67) return n == 16 || n == 18 || n == 19;  // Maestro
  if (four == 8600 || four == 9860 || four == 5614 || four == 9112 || four == 9792 || four == 9417)
    return n == 16;  // Uzcard, Humo, Belkart, Troy, Elkart
  return false;
}

/// How cards are printed: fours with a shorter last group, or 4-6-5, 4-6-4, 6-13.
bool is_card_grouping(std::span<const std::size_t> sizes) {
  if (sizes.size() == 1) return true;
  if (sizes.size() == 3 && sizes[0] == 4 && sizes[1] == 6 && (sizes[2] == 5 || sizes[2] == 4)) return true;
  if (sizes.size() == 2 && sizes[0] == 6 && sizes[1] == 13) return true;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
    if (sizes[i] != 4) return false;
  return sizes.back() <= 4;
}

void find_cards(const Scan& s, std::vector<Candidate>& out) {
  constexpr std::size_t kShortest = 13;
  for (std::size_t at = 0; at < s.tokens.size(); ++at) {
    const Token& start = s.tokens[at];
    if (start.kind != Kind::number || start.end - start.begin < 4) continue;
    if (is_joined(s, at) && s.tokens[at - 1].kind == Kind::word && is_ascii(s.word(s.tokens[at - 1]))) continue;
    DigitGroups groups;
    int sums[2] = {0, 0};  // Luhn sums that double the even and the odd places
    std::size_t last = 0;
    std::size_t length = 0;  // of the longest card that begins here, 0: none
    for (std::size_t i = at; i < s.tokens.size(); ++i) {
      const Token& token = s.tokens[i];
      if (i > at && token.space_before && token.begin - s.tokens[i - 1].end > 3) break;
      if (token.kind == Kind::sign) {
        if (!(is_dash(s.word(token)) || is_sign(s, i, '.')) || s.tokens[i - 1].kind == Kind::sign) break;
        continue;
      }
      if (token.kind != Kind::number || !groups.takes(token.end - token.begin)) break;
      std::size_t count = groups.digits().size();
      for (char c : s.word(token)) {
        const int digit = c - '0';
        const int doubled = digit > 4 ? 2 * digit - 9 : 2 * digit;
        const bool is_even = count % 2 == 0;
        sums[0] += is_even ? doubled : digit;
        sums[1] += is_even ? digit : doubled;
        ++count;
      }
      groups.add(s.word(token));
      if (count < kShortest || sums[count % 2] % 10 != 0 || !is_issued(groups.digits())) continue;
      // 13 digits are a bar code and 14 a postal number more often than a card
      if ((!is_card_grouping(groups.sizes()) || (count < 15 && groups.sizes().size() == 1)) &&
          (cues_before(s, at, 4) & Cue::card) == 0)
        continue;
      last = i;
      length = count;
    }
    if (length == 0) continue;
    out.push_back({"payment_card", start.begin, s.tokens[last].end,
                   "**** " + std::string(groups.digits().substr(length - 4, 4)), 1.0, priority::payment_card});
    at = last;
  }
}

/// "**** **** **** 4242", as mask_cards() leaves it, so that a stored message that is read again says the same.
void find_masked_cards(const Scan& s, std::vector<Candidate>& out) {
  constexpr std::size_t kShown = 4, kFewest = 13;
  const auto is_hidden = [&s](std::size_t at) { return is_sign(s, at, '*'); };
  for (std::size_t at = 0; at < s.tokens.size(); ++at) {
    if (!is_hidden(at) || (is_joined(s, at) && is_hidden(at - 1))) continue;
    const bool cued = (cues_before(s, at, 4) & Cue::card) != 0;
    std::array<std::size_t, kMostDigits> sizes{};
    std::size_t groups = 0, count = 0, last = at, numbers = 0;
    std::string shown;
    for (std::size_t i = at; i < s.tokens.size() && shown.size() < kShown; ++i) {
      const Token& token = s.tokens[i];
      if (i > at && token.begin - s.tokens[i - 1].end > 3) break;
      if (token.kind == Kind::sign && !is_hidden(i)) {
        if (!is_dash(s.word(token)) && !is_sign(s, i, '.')) break;
        continue;
      }
      const std::size_t length = token.end - token.begin;
      if (token.kind == Kind::word || count + length > kMostDigits) break;
      const bool goes_on = i > at && is_joined(s, i) && last + 1 == i;
      if (is_hidden(i)) {
        if (!shown.empty()) break;
      } else {
        // a shorter number is the card's only behind a hidden digit: "*222 2", but not "8 916"
        if (shown.empty() && length < kShown && !goes_on && !cued) break;
        shown += s.word(token);
        ++numbers;
      }
      count += length;
      if (goes_on)
        sizes[groups - 1] += length;
      else
        sizes[groups++] = length;
      last = i;
    }
    // "*4242 4242 4242 4242*" was in bold type: as many stars as stand behind belong to it
    std::size_t bold = 0;
    while (is_hidden(last + 1 + bold) && is_joined(s, last + 1 + bold)) ++bold;
    if (shown.size() != kShown || bold >= sizes[0] || count - bold < kFewest) continue;
    // "карта ********** 8 916 123 45 67"
    const std::size_t behind = last + 1;
    if (numbers > 1 && behind < s.tokens.size() && s.tokens[behind].kind == Kind::number) continue;
    sizes[0] -= bold;
    if (!is_card_grouping({sizes.data(), groups}) && !cued) continue;
    out.push_back(
        {"payment_card", s.tokens[at + bold].begin, s.tokens[last].end, "**** " + shown, 1.0, priority::payment_card});
    at = last;
  }
}

}  // namespace

void find_contacts(const Scan& scan, std::vector<Candidate>& out) {
  if (scan.has_dot || scan.lower.find("://") != std::string::npos) find_urls(scan, out);
  if (scan.has_at) find_emails(scan, out);
  if (scan.digits >= kFewestPhoneDigits) find_phones(scan, out);
  if (scan.digits >= 13) find_cards(scan, out);
  if (scan.digits >= 4 && scan.text.find("***") != std::string::npos) find_masked_cards(scan, out);
}

}  // namespace easyflow::nlp
