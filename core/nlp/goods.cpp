// order_number, tracking_number, sku, size, and codes that may be one of them; color stands in colors.cpp.
#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/colors.hpp"
#include "core/nlp/cues.hpp"
#include "core/nlp/finder.hpp"
#include "core/nlp/vocabulary.hpp"

namespace easyflow::nlp {
namespace {

using Kind = Token::Kind;

/// A run of letters and digits, joined by "-", "_" or "/" and with at least one digit: "WB-112093", "42/44", "15".
struct Code {
  std::size_t first = 0;  ///< tokens, `last` exclusive
  std::size_t last = 0;
  std::size_t digits = 0;
  std::size_t letters = 0;  ///< bytes of words
  int parts = 0;            ///< what the signs divide it into
  bool is_latin = true;
  bool has_slash = false;
  bool has_point = false;   ///< goes on after "." or ":": a date, a time, an amount
  bool has_hash = false;    ///< "#" before it
  bool has_numero = false;  ///< "№" before it
  bool is_amount = false;   ///< a unit, a percent or a currency stands beside it
};

std::string upper_ascii(std::string_view text) {
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 0x20);
  return upper;
}

/// "хл" and "М" are often typed in Cyrillic.
std::string size_letters(std::string_view lower) {
  std::string latin;
  for (std::size_t at = 0; at < lower.size();) {
    const auto pair = lower.substr(at, 2);
    if (pair == "х") {
      latin += 'X';
      at += 2;
    } else if (pair == "л") {
      latin += 'L';
      at += 2;
    } else if (pair == "м") {
      latin += 'M';
      at += 2;
    } else if (pair == "с") {
      latin += 'S';
      at += 2;
    } else {
      latin += upper_ascii(lower.substr(at, 1));
      ++at;
    }
  }
  return latin;
}

/// A glance that most words do not pass.
bool may_be_size_letters(std::string_view lower) {
  if (lower.size() <= 6 && (lower[0] == 'x' || lower[0] == 's' || lower[0] == 'm' || lower[0] == 'l')) return true;
  return lower.starts_with("х") || lower == "с" || lower == "м" || lower == "л";
}

bool is_size_letters(std::string_view upper) {
  static constexpr std::array<std::string_view, 10> kSizes{"XXS", "XS",  "S",    "M",     "L",
                                                           "XL",  "XXL", "XXXL", "XXXXL", "XXXXXL"};
  return std::find(kSizes.begin(), kSizes.end(), upper) != kSizes.end();
}

bool starts_upper(const Scan& s, const Token& token) {
  return s.text[token.begin] != s.lower[token.begin] || s.text[token.begin + 1] != s.lower[token.begin + 1];
}

class Goods {
 public:
  Goods(const Scan& scan, std::vector<Candidate>& out, std::vector<Candidate>& codes)
      : s_(scan), out_(out), codes_(codes), cues_(scan.tokens.size()) {
    for (std::size_t i = 0; i < cues_.size(); ++i) {
      cues_[i] = cues_of(s_, s_.tokens[i]);
      message_ |= cues_[i];
    }
  }

  void find() {
    if (s_.digits > 0) find_codes();
    const std::size_t numbers = possible_.size();
    find_letter_sizes();
    settle_sizes(numbers);
    find_colors(s_, message_, out_);
  }

 private:
  struct Around {
    std::uint32_t near = 0;   ///< cues of the nearest word that is no filler
    bool has_number = false;  ///< "номер" stands between
  };
  /// A number that may be a size.
  struct Possible {
    std::size_t first, last;  ///< tokens
    double confidence = 0;    ///< 0: only beside another size
    bool came = false;        ///< after "заказала", "пришёл": a size if another came too
    std::string value;
    int height = 0;  ///< of a child, in the steps of clothes: a size beside the next step
  };

  std::string_view word(std::size_t at) const { return s_.word(s_.tokens[at]); }
  std::size_t count() const { return s_.tokens.size(); }
  bool is_kind(std::size_t at, Kind kind) const { return at < count() && s_.tokens[at].kind == kind; }
  bool is_joined(std::size_t at) const { return at > 0 && at < count() && !s_.tokens[at].space_before; }
  bool is_sign(std::size_t at, std::string_view sign) const {
    if (!is_kind(at, Kind::sign) || s_.lower[s_.tokens[at].begin] != sign[0]) return false;
    return sign.size() == 1 || word(at) == sign;  // the first byte tells the short signs
  }
  bool is_dash(std::size_t at) const { return is_sign(at, "-") || is_sign(at, "–") || is_sign(at, "‑"); }
  bool has_cue(std::size_t at, std::uint32_t bits) const { return at < count() && (cues_[at] & bits) != 0; }
  std::size_t length(std::size_t at) const { return s_.tokens[at].end - s_.tokens[at].begin; }

  void add(std::string_view type, std::size_t first, std::size_t last, std::string value, double confidence,
           int priority) {
    out_.push_back(
        {std::string(type), s_.tokens[first].begin, s_.tokens[last - 1].end, std::move(value), confidence, priority});
  }
  std::string surface(std::size_t first, std::size_t last) const {
    const std::uint32_t begin = s_.tokens[first].begin;
    return s_.text.substr(begin, s_.tokens[last - 1].end - begin);
  }

  // ---- codes ----

  void find_codes() {
    int asked = 0;
    for (std::size_t at = 0; at < count() && asked < s_.most_places;) {
      if (s_.tokens[at].kind == Kind::sign) {
        ++at;
        continue;
      }
      const std::size_t begin = at;
      std::size_t end = at + 1;
      bool has_digit = s_.tokens[at].kind == Kind::number;
      while (end < count() && is_joined(end)) {
        if (s_.tokens[end].kind != Kind::sign) {
          has_digit = has_digit || s_.tokens[end].kind == Kind::number;
          ++end;
          continue;
        }
        const bool joins = is_dash(end) || is_sign(end, "_") || is_sign(end, "/");
        if (!joins || !is_joined(end + 1) || s_.tokens[end + 1].kind == Kind::sign) break;
        ++end;
      }
      at = end;
      if (!has_digit) continue;
      ++asked;
      take(begin, end);
    }
  }

  /// The first comma of "42,44,46": between numbers of two digits, as sizes have.
  bool is_list_comma(std::size_t at) const {
    return at > 0 && (message_ & Cue::size) != 0 && is_kind(at - 1, Kind::number) && is_kind(at + 1, Kind::number) &&
           length(at - 1) == 2 && length(at + 1) == 2 && number(word(at + 1)) >= 15 && number(word(at + 1)) <= 70;
  }

  Code read(std::size_t first, std::size_t last) const {
    Code code;
    code.first = first;
    code.last = last;
    code.parts = 1;
    for (std::size_t i = first; i < last; ++i) {
      if (s_.tokens[i].kind == Kind::number) {
        code.digits += length(i);
      } else if (s_.tokens[i].kind == Kind::word) {
        code.letters += length(i);
        code.is_latin = code.is_latin && (static_cast<unsigned char>(word(i)[0]) & 0x80) == 0;
      } else {
        ++code.parts;
        code.has_slash = code.has_slash || is_sign(i, "/");
      }
    }
    const auto is_point = [&](std::size_t i) {
      return is_sign(i, ".") || (is_sign(i, ",") && !is_list_comma(i)) || is_sign(i, ":");
    };
    code.has_point = (is_point(last) && is_joined(last) && is_joined(last + 1) && is_kind(last + 1, Kind::number)) ||
                     (first > 1 && is_joined(first) && is_point(first - 1) && is_joined(first - 1) &&
                      is_kind(first - 2, Kind::number));
    if (first > 0) {
      code.has_hash = is_sign(first - 1, "#");
      code.has_numero = is_sign(first - 1, "№");
    }
    const auto is_currency = [&](std::size_t i) {
      return is_sign(i, "₽") || is_sign(i, "$") || is_sign(i, "€") || is_sign(i, "£") || is_sign(i, "₸") ||
             is_sign(i, "%");
    };
    code.is_amount = (code.letters == 0 && has_cue(last, Cue::unit)) || is_currency(last) ||
                     (first > 0 && (is_currency(first - 1) || is_sign(first - 1, "+")));
    return code;
  }

  Around look_before(std::size_t at) const {
    Around around;
    int words = 0;
    for (int steps = 0; at > 0 && steps < 8; ++steps) {
      --at;
      if (s_.tokens[at].kind == Kind::number) break;
      if (s_.tokens[at].kind == Kind::sign) {
        if (is_sign(at, ":") || is_sign(at, "#") || is_sign(at, "№") || is_sign(at, "(") || is_sign(at, "\"") ||
            is_sign(at, "«") || is_dash(at) || is_sign(at, "="))
          continue;
        // "арт. 5": the full stop of an abbreviation
        if (is_sign(at, ".") && at > 0 && is_joined(at) && length(at - 1) <= 8 &&
            has_cue(at - 1, Cue::order | Cue::sku | Cue::number | Cue::phone | Cue::other | Cue::size))
          continue;
        break;
      }
      if ((cues_[at] & Cue::number) != 0) around.has_number = true;
      if ((cues_[at] & Cue::filler) == 0) {
        around.near = cues_[at];
        return around;
      }
      if (++words == 3) break;
    }
    return around;
  }

  void take(std::size_t first, std::size_t last) {
    // "заказ12345", "арт-550": the word is no part of the number
    std::uint32_t glued = 0;
    if (s_.tokens[first].kind == Kind::word && first + 1 < last) {
      const std::size_t next = first + (s_.tokens[first + 1].kind == Kind::sign ? 2 : 1);
      const bool is_latin = (static_cast<unsigned char>(word(first)[0]) & 0x80) == 0;
      const std::uint32_t bits = cues_[first] & (Cue::order | Cue::sku | Cue::tracking | Cue::size | Cue::number);
      // "N-30418", "ORD-72218": letters of the number
      const bool is_letter =
          next == first + 2 && starts_upper(s_, s_.tokens[first]) && (length(first) == 1 || word(first) == "ord");
      if (is_letter) glued = bits & Cue::order;
      if (bits != 0 && next < last && !is_letter && (!is_latin || (bits & Cue::sku) == 0 || next == first + 1)) {
        glued = bits;
        first = next;
      } else if ((bits & Cue::sku) != 0) {
        glued = bits;
      }
    }
    const Code code = read(first, last);
    Around around = look_before(first);
    if ((glued & ~std::uint32_t{Cue::number | Cue::filler}) != 0)
      around.near = glued;
    else if (glued != 0)
      around.has_number = true;
    if (code.letters == 0 && code.digits <= 6) possible_size(code, around);
    if (code.letters > 0) sized_code(code);
    if (code.has_point) return;
    if (find_tracking(code, around)) return;
    if (find_sku(code, around)) return;
    if (find_order(code, around)) return;
    if (find_form(code, around)) return;
    if (may_be_known(code, around))
      codes_.push_back({"", s_.tokens[first].begin, s_.tokens[last - 1].end, surface(first, last), 1.0});
  }

  /// Whether somebody may know it as the number of an order or an article: the text does not say that it is something
  /// else, and it is long enough to be found there by no chance.
  bool may_be_known(const Code& code, const Around& around) const {
    constexpr std::size_t kFewestDigits = 7;
    constexpr std::size_t kFewestSigns = 5;
    constexpr std::size_t kMostBytes = 40;
    if (code.is_amount || code.digits + code.letters > kMostBytes || is_of_else(code, around)) return false;
    const std::size_t letters = code.is_latin ? code.letters : code.letters / 2;
    return letters == 0 ? code.digits >= kFewestDigits : code.digits + letters >= kFewestSigns;
  }

  bool find_tracking(const Code& code, const Around& around) {
    const std::size_t whole = code.digits + code.letters;
    const bool cued =
        (around.near & (Cue::tracking | Cue::carrier)) != 0 ||
        ((around.has_number || whole >= 10) && (around.near & Cue::order) == 0 && near(code.first, 4, Cue::tracking));
    if (whole < 8) return code.parts == 1 && code.letters == 0 && find_spaced_s10(code);  // "RA 123 456 789 CN"
    const std::string text = upper_ascii(surface(code.first, code.last));
    if (code.parts == 1 && code.is_latin) {
      if (is_s10_form(text)) {
        if (has_s10_check(text)) return add_tracking(code, text, 1.0);
        if (cued || is_postal_country(text.substr(11))) return add_tracking(code, text, cued ? 0.9 : 0.6);
      }
      if (text.size() == 18 && text.starts_with("1Z")) return add_tracking(code, text, has_ups_check(text) ? 1.0 : 0.6);
      if (code.letters > 0 && is_known_carrier_form(text)) return add_tracking(code, text, 0.9);
    }
    if (code.parts == 1 && code.letters == 0 && find_spaced_s10(code)) return true;
    if (code.parts == 1 && code.letters == 0 && code.digits == 14 && (around.near & (Cue::order | Cue::other)) == 0)
      return add_tracking(code, text, has_barcode_check(text) ? 1.0 : (cued ? 0.9 : 0.6));
    const bool is_long = whole >= 8 && whole <= 30 && code.digits >= 6 && code.is_latin;
    if (cued && is_long && !code.is_amount) return add_tracking(code, text, 0.9);
    if ((around.near & Cue::parcel) != 0 && is_long && code.digits >= 9 && !code.is_amount)
      return add_tracking(code, text, 0.6);
    // "CDEK: мой 1234567890", "сдэк, номер отправления 1234567890"
    const bool is_order = (around.near & Cue::order) != 0 && !follows_consignment(code.first);
    if (code.letters == 0 && code.digits == 10 && code.parts == 1 && (message_ & Cue::carrier) != 0 && !is_order &&
        (around.near & (Cue::phone | Cue::sku | Cue::other)) == 0 && (message_ & Cue::phone) == 0 && text[0] != '9' &&
        text[0] != '8')
      return add_tracking(code, text, 0.9);
    return false;
  }

  /// The word for an order before it is "отправление", which carriers call a parcel.
  bool follows_consignment(std::size_t at) const {
    for (int steps = 0; at > 0 && steps < 4; ++steps)
      if (has_cue(--at, Cue::order)) return word(at).starts_with("отправлени");
    return false;
  }

  bool add_tracking(const Code& code, std::string value, double confidence) {
    add("tracking_number", code.first, code.last, std::move(value), confidence, priority::tracking_number);
    return true;
  }

  bool near(std::size_t at, int reach, std::uint32_t bits) const {
    if ((message_ & bits) == 0) return false;
    for (int steps = 0; at > 0 && reach > 0 && steps < 12; ++steps) {
      if (s_.tokens[--at].kind != Kind::word) continue;
      --reach;
      if ((cues_[at] & bits) != 0) return true;
    }
    return false;
  }

  static bool is_s10_form(std::string_view text) {
    if (text.size() != 13) return false;
    for (std::size_t i = 0; i < 13; ++i) {
      const bool is_digit = text[i] >= '0' && text[i] <= '9';
      if (is_digit != (i >= 2 && i < 11)) return false;
    }
    return true;
  }
  /// UPU S10 (docs/sources.md#numbers-in-messages).
  static bool has_s10_check(std::string_view text) {
    constexpr int kWeights[] = {8, 6, 4, 2, 3, 5, 9, 7};
    int sum = 0;
    for (std::size_t i = 0; i < 8; ++i) sum += kWeights[i] * (text[i + 2] - '0');
    int check = 11 - sum % 11;
    if (check == 10) check = 0;
    if (check == 11) check = 5;
    return check == text[10] - '0';
  }
  static bool is_postal_country(std::string_view code) {
    constexpr std::string_view kCodes =
        "AE AM AR AT AU AZ BE BG BR BY CA CH CL CN CY CZ DE DK EE ES FI FR GB GE GR HK HR HU ID IE IL IN IS IT JP KG "
        "KR KZ LT "
        "LU LV MD ME MK MN MT MX MY NL NO NZ PH PL PT RO RS RU SA SE SG SI SK TH TJ TM TR TW UA US UZ VN ZA";
    return kCodes.find(code) != std::string_view::npos;
  }
  /// The check digit of bar codes: threes and ones from the right (GS1). That Russia's postal numbers of
  /// fourteen digits carry the same one is what is seen on them, not what a document says.
  static bool has_barcode_check(std::string_view digits) {
    int sum = 0;
    for (std::size_t i = 0; i + 1 < digits.size(); ++i) sum += (i % 2 == 0 ? 3 : 1) * (digits[i] - '0');
    return (10 - sum % 10) % 10 == digits.back() - '0';
  }
  /// UPS publishes no rule: this is the one in common use (docs/sources.md#numbers-in-messages).
  static bool has_ups_check(std::string_view text) {
    int sum = 0;
    for (std::size_t i = 2; i < 17; ++i) {
      const char c = text[i];
      if (c != '0' && !(c >= '1' && c <= '9') && !(c >= 'A' && c <= 'Z')) return false;
      const int value = c <= '9' ? c - '0' : (c - 'A' + 2) % 10;
      sum += i % 2 == 0 ? value : 2 * value;
    }
    return (10 - sum % 10) % 10 == text[17] - '0';
  }
  /// Letters and the digits after them, as some carriers are seen to write them; no documents tell.
  static bool is_known_carrier_form(std::string_view text) {
    struct Form {
      std::string_view begin;
      std::size_t digits;
    };
    constexpr Form kForms[] = {{"LP", 14},  {"LP", 15},  {"YT", 16}, {"SF", 13}, {"TBA", 12},
                               {"JJD", 18}, {"CNG", 14}, {"UE", 14}, {"ZA", 14}, {"JT", 13}};
    for (const Form& form : kForms)
      if (text.size() == form.begin.size() + form.digits && text.starts_with(form.begin) &&
          text.find_first_not_of("0123456789", form.begin.size()) == std::string_view::npos)
        return true;
    return false;
  }

  bool find_spaced_s10(const Code& code) {
    if (code.first == 0 || code.last - code.first != 1 || code.digits > 8) return false;
    const std::size_t head = code.first - 1;
    if (!is_kind(head, Kind::word) || length(head) != 2) return false;
    std::string text = upper_ascii(word(head));
    std::size_t at = code.first;
    for (; at < count() && s_.tokens[at].kind == Kind::number && text.size() < 11; ++at) text += word(at);
    if (text.size() != 11 || !is_kind(at, Kind::word) || length(at) != 2) return false;
    text += upper_ascii(word(at));
    if (!is_s10_form(text) || (!has_s10_check(text) && !is_postal_country(text.substr(11)))) return false;
    add("tracking_number", head, at + 1, text, has_s10_check(text) ? 1.0 : 0.6, priority::tracking_number);
    return true;
  }

  bool find_sku(const Code& code, const Around& around) {
    const bool is_plain = code.letters == 0;
    if ((around.near & Cue::sku) != 0) {
      if (is_plain && (code.is_amount || code.digits < 2)) return false;
      add("sku", code.first, code.last, surface(code.first, code.last), 0.9, priority::sku + 25);
      return true;
    }
    if ((around.near & Cue::model) != 0) {
      const bool is_code =
          is_plain ? !code.is_amount && (code.digits >= 6 ||
                                         (code.digits >= 3 && (code.has_hash || code.has_numero || around.has_number)))
                   : looks_like_code(code, /*cued=*/true);
      if (!is_code) return false;
      add("sku", code.first, code.last, surface(code.first, code.last), 0.9, priority::sku);
      return true;
    }
    return false;
  }

  /// "ZX-330", "TX500": capital letters, then digits. With a cue lower case will do.
  bool looks_like_code(const Code& code, bool cued) const {
    if (code.parts == 3 && code.digits >= 1 && code.digits <= 3 && code.is_latin && code.letters >= 3 &&
        code.letters <= 8 && is_capital(code))
      return true;  // "RV-5-PRO", "K9-TURKEY-3"
    if (code.parts == 2 && code.digits >= 4 && code.is_latin && code.letters >= 1 && code.letters <= 3 &&
        code.last - code.first == 3 && !code.has_slash && s_.tokens[code.first].kind == Kind::number &&
        is_capital(code))
      return true;  // "77412-B"
    if (code.letters == 0 || code.digits < 2 || code.digits > 10 || (code.has_slash && !cued) || code.parts > 3)
      return false;
    if (s_.tokens[code.first].kind != Kind::word) return cued && code.digits >= 3 && code.letters <= 8;
    const std::size_t letters = code.is_latin ? code.letters : code.letters / 2;
    if (letters > 6) return false;
    if (cued) return true;
    if (!is_capital(code)) return false;
    if (!code.is_latin && !starts_upper(s_, s_.tokens[code.first])) return false;
    if (code.parts == 1) return letters >= 2 && letters <= 3 && code.digits >= 3;
    return letters >= 2 && letters <= 5;
  }

  /// No small Latin letter in it.
  bool is_capital(const Code& code) const {
    for (std::size_t i = code.first; i < code.last; ++i)
      if (s_.tokens[i].kind == Kind::word)
        for (std::uint32_t b = s_.tokens[i].begin; b < s_.tokens[i].end; ++b)
          if (s_.text[b] >= 'a' && s_.text[b] <= 'z') return false;
    return true;
  }

  bool find_order(const Code& code, const Around& around) {
    const bool is_plain = code.letters == 0;
    if (code.is_amount && !code.has_hash && !code.has_numero) return false;
    if (code.digits + code.letters > 30) return false;
    const bool is_marked = code.has_hash || code.has_numero || around.has_number;
    const bool is_order =
        (around.near & Cue::order) != 0 || (around.near == 0 && around.has_number && near(code.first, 5, Cue::order));
    if (is_order) {
      if (add_spaced_order(code)) return true;
      if (code.digits < (is_marked ? 1U : 3U) || (is_plain && code.has_slash && code.digits < 5)) return false;
      if (!is_plain && code.digits < 3 && !is_marked) return false;
      return add_order(code, 0.9);
    }
    if (is_of_else(code, around)) return false;
    if (code.has_hash && code.digits >= 3 && is_joined(code.first)) return add_order(code, 0.6);
    if (code.has_numero && code.digits >= 3) return add_order(code, 0.6);
    if (is_posting(code)) return add_order(code, 0.9);
    if (around.has_number && code.digits >= 5 && (message_ & Cue::phone) == 0 && (around.near & Cue::tracking) == 0)
      return add_order(code, 0.6);
    if (is_plain && !code.has_slash && code.digits >= 5 && code.digits <= 12 && near(code.first, 1, Cue::cancel))
      return add_order(code, 0.6);
    if (is_plain && !code.has_slash && code.digits >= 7 && code.digits <= 12 && near(code.first, 2, Cue::check) &&
        (message_ & (Cue::sku | Cue::model | Cue::tracking | Cue::phone)) == 0)
      return add_order(code, 0.6);
    // somewhere the message speaks of an order, and this number is nothing else
    if ((message_ & Cue::order) != 0 && is_plain && !code.has_slash && code.digits >= 5 && code.digits <= 12 &&
        !(code.digits <= 6 && surface(code.first, code.last).ends_with("000")) &&
        (around.near & (Cue::amount | Cue::sku | Cue::model | Cue::tracking)) == 0)
      return add_order(code, 0.6);
    return false;
  }

  /// The words before it say that it is no number of an order.
  bool is_of_else(const Code& code, const Around& around) const {
    constexpr std::uint32_t kElse =
        Cue::other | Cue::phone | Cue::card | Cue::promo | Cue::size | Cue::body | Cue::street;
    // "the locker code for #64410"
    if (code.has_hash && code.first > 1 && word(code.first - 2) == "for") return false;
    return (around.near & kElse) != 0 || near(code.first, 2, Cue::other | Cue::promo);
  }

  /// "12 345 678": equal groups after the first.
  bool add_spaced_order(const Code& code) {
    if (code.last - code.first != 1 || code.digits > 3 || code.has_hash) return false;
    std::string value(word(code.first));
    std::size_t last = code.last;
    const std::size_t group = is_kind(last, Kind::number) ? length(last) : 0;
    if (group < 2 || group > 3 || value.size() > group) return false;
    while (is_kind(last, Kind::number) && length(last) == group && s_.tokens[last].begin - s_.tokens[last - 1].end <= 2)
      value += word(last++);
    if (value.size() < 6 || has_cue(last, Cue::unit) || is_kind(last, Kind::number)) return false;
    if (is_kind(last, Kind::sign) && !is_sign(last, ",") && !is_sign(last, ".") && !is_sign(last, "?") &&
        !is_sign(last, "!"))
      return false;
    add("order_number", code.first, last, std::move(value), 0.9, priority::order_number + 15);
    return true;
  }

  bool add_order(const Code& code, double confidence) {
    const std::size_t first = code.has_hash ? code.first - 1 : code.first;
    add("order_number", first, code.last, surface(code.first, code.last), confidence,
        priority::order_number + (confidence > 0.8 ? 15 : 0));
    return true;
  }

  /// "48151623-0001-1", how marketplaces number the parts of an order.
  bool is_posting(const Code& code) const {
    return code.letters == 0 && code.last - code.first == 5 && !code.has_slash && length(code.first) >= 6 &&
           length(code.first + 2) == 4 && length(code.first + 4) <= 2;
  }

  /// Nothing but the form speaks for it.
  bool find_form(const Code& code, const Around& around) {
    if ((message_ & Cue::promo) != 0 && code.parts == 1) return false;
    if ((around.near & (Cue::promo | Cue::other)) != 0 || near(code.first, 2, Cue::promo)) return false;
    if (!looks_like_code(code, /*cued=*/false)) {
      // "артикул не тот, нужен 150234981"
      if ((message_ & Cue::sku) != 0 && code.letters == 0 && code.parts == 1 && code.digits >= 6 && code.digits <= 10 &&
          !code.is_amount && (around.near & (Cue::amount | Cue::phone)) == 0) {
        add("sku", code.first, code.last, surface(code.first, code.last), 0.6, priority::sku);
        return true;
      }
      return false;
    }
    static const Vocabulary<bool> names = [] {
      Vocabulary<bool> v;
      for (std::string_view one :
           {"covid", "ковид", "usb", "hdmi", "гост", "gost", "gpt", "iso", "ip",  "eu",  "us",  "uk",
            "ru",    "ps",    "mp",  "gb",   "hd",   "uhd",  "ssd", "ddr", "rtx", "gtx", "led", "аи",
            "ту",    "торг",  "фз",  "ndfl", "ндс",  "win",  "упд", "xl",  "xxl", "xs",  "size"})
        v.add(one, true);
      return v;
    }();
    if (names.find(s_, s_.tokens[code.first]) != nullptr) return false;
    add("sku", code.first, code.last, surface(code.first, code.last), 0.6, priority::sku);
    return true;
  }

  // ---- sizes ----

  static constexpr double kSeed = 0.6;

  double half_at(std::size_t last) const {
    return (is_sign(last, ".") || is_sign(last, ",")) && is_joined(last) && is_joined(last + 1) &&
                   is_kind(last + 1, Kind::number) && word(last + 1) == "5"
               ? 0.5
               : 0;
  }

  static int number(std::string_view digits) {
    int value = 0;
    for (char c : digits) value = value * 10 + (c - '0');
    return value;
  }

  bool is_times(std::size_t at) const {
    return is_sign(at, "*") || is_sign(at, "×") || (is_kind(at, Kind::word) && (word(at) == "x" || word(at) == "х"));
  }

  static bool is_region(std::string_view lower) {
    return lower == "eu" || lower == "us" || lower == "uk" || lower == "ru" || lower == "it" || lower == "fr" ||
           lower == "eur" || lower == "rus" || lower == "de" || lower == "jp";
  }

  /// "EU42", "2XL", "40й", "42EU".
  void sized_code(const Code& code) {
    const std::size_t tokens = code.last - code.first;
    if (tokens == 2 && s_.tokens[code.first].kind == Kind::number) {
      const std::string_view tail = word(code.first + 1);
      const std::string letters = size_letters(tail);
      if (length(code.first) == 1 && (letters == "XL" || letters == "XS") && word(code.first) >= "2" &&
          word(code.first) <= "9") {
        add("size", code.first, code.last, std::string(word(code.first)) + letters, 0.9, priority::size);
        return;
      }
      if (is_region(tail) && length(code.first) <= 2)
        return region_size(code.first + 1, code.first, code.first + 1, code.first, code.last);
      if (is_ordinal(tail)) return ordinal_size(code.first, code.last);
      if (is_bra_size(code))
        return add("size", code.first, code.last, surface(code.first, code.last), 0.6, priority::size + 15);
    }
    if (tokens == 2 && s_.tokens[code.first].kind == Kind::word && is_region(word(code.first)) &&
        length(code.first + 1) <= 2)
      return region_size(code.first, code.first + 1, code.last, code.first, code.last);
    if (tokens == 3 && is_dash(code.first + 1)) {
      if (s_.tokens[code.first].kind == Kind::number && is_ordinal(word(code.first + 2)))
        return ordinal_size(code.first, code.last);
      if (is_region(word(code.first)) && is_kind(code.first + 2, Kind::number) && length(code.first + 2) <= 2)
        return region_size(code.first, code.first + 2, code.last, code.first, code.last);
    }
  }

  /// "75B", "80C": a girth in fives and a capital letter.
  bool is_bra_size(const Code& code) const {
    const int girth = length(code.first) <= 3 ? number(word(code.first)) : 0;
    const std::string_view cup = word(code.first + 1);
    return girth >= 60 && girth <= 120 && girth % 5 == 0 && cup.size() == 1 && cup[0] >= 'a' && cup[0] <= 'g' &&
           starts_upper(s_, s_.tokens[code.first + 1]);
  }

  static bool is_ordinal(std::string_view tail) {
    return tail == "й" || tail == "ый" || tail == "ой" || tail == "го" || tail == "ого" || tail == "му" ||
           tail == "ому" || tail == "м" || tail == "ом" || tail == "х" || tail == "е" || tail == "ые";
  }

  /// "40-й размер": the span is the number.
  void ordinal_size(std::size_t first, std::size_t last) {
    const int value = number(word(first));
    if (value < 15 || value > 70) return;
    const bool sure = has_cue(last, Cue::size) || near(first, 2, Cue::size);
    if (!sure && (message_ & Cue::size) == 0) return;
    possible_.push_back({first, first + 1, sure ? 0.9 : kSeed, false, std::string(word(first))});
  }

  void region_size(std::size_t region, std::size_t from, std::size_t to, std::size_t first, std::size_t last) {
    if (number(word(from)) < 1 || number(word(from)) > 70) return;
    std::string name = upper_ascii(word(region));
    if (name == "EUR") name = "EU";
    if (name == "RUS") name = "RU";
    possible_.push_back({first, last, 0.9, false, name + " " + surface(from, to)});
  }

  void possible_size(const Code& code, const Around& around) {
    if (s_.tokens[code.first].kind != Kind::number) return;
    const double half = half_at(code.last);
    std::size_t last = half > 0 ? code.last + 2 : code.last;
    if (code.has_point && (half == 0 || (code.first > 0 && is_sign(code.first - 1, ".")))) return;
    const bool is_measured =
        has_cue(last, Cue::unit) && (half == 0 || word(last) != "в");  // "38,5 в ..." is no voltage
    if (code.has_hash || code.has_numero || is_measured || is_times(last) ||
        (code.first > 0 && is_times(code.first - 1)) || is_sign(last, "%") || is_sign(last, "₽") ||
        is_sign(last, "$") || is_sign(last, "€") ||
        (code.first > 0 &&
         (is_sign(code.first - 1, "$") || is_sign(code.first - 1, "€") || is_sign(code.first - 1, "+"))))
      return;
    if ((is_sign(last, ".") || (is_sign(last, ",") && !is_list_comma(last)) || is_sign(last, ":")) && is_joined(last) &&
        is_joined(last + 1) && is_kind(last + 1, Kind::number))
      return;
    if (length(code.first) > 3 || length(code.last - 1) > 3) return;
    const bool is_pair = code.parts == 2 && code.last - code.first == 3;
    const int low = number(word(code.first));
    const int high = is_pair ? number(word(code.first + 2)) : low;
    if (code.parts > 2 || code.last - code.first > 3) return;
    if (is_joined(last) && (is_sign(last, "'") || is_sign(last, "’") || is_sign(last, "\""))) return;  // feet, inches
    const auto all_in = [&](int least, int most) {
      return low >= least && low <= most && high >= least && high <= most;
    };
    // "джинсы 34/32": girth and length
    const bool is_of_trousers = is_pair && code.has_slash && low >= 24 && low <= 44 && high >= 28 && high <= 38 &&
                                (message_ & Cue::garment) != 0;
    if (is_pair && !is_of_trousers && (high <= low || high - low > 12)) return;
    Possible p{code.first, last, 0, false, surface(code.first, last)};
    std::replace(p.value.begin(), p.value.end(), ',', '.');

    const std::size_t before = code.first > 0 ? code.first - 1 : count();
    if (before < count() && is_kind(before, Kind::word) && is_region(word(before)) && all_in(1, 70) &&
        (starts_upper(s_, s_.tokens[before]) || half > 0 || near(code.first, 4, Cue::size | Cue::wear)))
      return region_size(before, code.first, last, before, last);
    if (is_kind(last, Kind::word) && is_region(word(last)) && (starts_upper(s_, s_.tokens[last]) || half > 0) &&
        !is_pair && all_in(1, 70))
      return region_size(last, code.first, last, code.first, last + 1);

    std::size_t behind = last;
    if (has_cue(behind, Cue::size) ||
        (behind + 1 < count() && is_region(word(behind)) && has_cue(behind + 1, Cue::size))) {
      if (all_in(15, 70) || (!is_pair && all_in(1, 14) && !has_cue(behind, Cue::unit))) p.confidence = 0.9;
    } else if (before < count() && all_in(34, 70) && word(before).starts_with("российск")) {
      p.confidence = 0.9;
    } else if ((around.near & Cue::size) != 0 && (all_in(1, 70) || (all_in(74, 188)))) {
      p.confidence = 0.9;
    } else if (near_size(code.first) && all_in(15, 70)) {
      p.confidence = 0.9;
    } else if ((around.near & Cue::body) != 0 || near(code.first, 2, Cue::body)) {
      return;
    } else if (all_in(15, 62) && (has_cue(behind, Cue::wear) || near(code.first, 2, Cue::wear))) {
      p.confidence = 0.9;
    } else if (is_pair && all_in(40, 68) && low % 2 == 0 && high - low == 2 &&
               (around.near & (Cue::other | Cue::order | Cue::phone)) == 0) {
      p.confidence = kSeed;  // "52-54", how double sizes are written
    } else if (all_in(17, 62) && has_cue(before, Cue::garment)) {
      p.confidence = kSeed;
    } else if (all_in(34, 62) && (message_ & Cue::garment) != 0 && ends_clause(behind) &&
               (around.near & (Cue::amount | Cue::other | Cue::order)) == 0) {
      p.confidence = kSeed;
    } else if (all_in(34, 62) && (message_ & Cue::size) != 0 && has_cue(before, Cue::amount) &&
               near(code.first, 2, Cue::came)) {
      p.confidence = kSeed;  // "обменяйте на 41"
      p.came = true;
    } else if (all_in(34, 58) &&
               (has_cue(before, Cue::came) || (has_cue(before, Cue::amount) && near(code.first, 2, Cue::came))) &&
               !is_kind(behind, Kind::number)) {
      p.came = true;
    } else if (all_in(34, 62) && before < count() && !is_kind(behind, Kind::number) &&
               (is_color_before(before) || (word(before) == "в" && before > 0 && is_color_before(before - 1)))) {
      p.confidence = kSeed;
    } else if (all_in(34, 62) && (message_ & (Cue::size | Cue::wear)) != 0 &&
               (around.near & (Cue::amount | Cue::other | Cue::order)) == 0) {
      p.confidence = kSeed;
    }
    if (p.confidence == 0 && is_of_trousers) p.confidence = kSeed;
    // "38,5 в бежевых"
    if (p.confidence == 0 && half > 0 && all_in(34, 48) && !is_pair && mentions_wear()) p.confidence = kSeed;
    // "122 или 128": 56 to 176 in sixes
    if (!is_pair && half == 0 && low >= 56 && low <= 176 && (low - 56) % 6 == 0) p.height = low;
    if (p.confidence > 0 || p.height > 0 || all_in(15, 62) || ((message_ & Cue::size) != 0 && all_in(1, 14)))
      possible_.push_back(std::move(p));
  }

  /// Nothing that could be counted follows.
  bool ends_clause(std::size_t at) const {
    if (at >= count()) return true;
    if (s_.tokens[at].kind == Kind::sign)
      return !is_sign(at, "%") && !is_sign(at, "₽") && !is_dash(at) && !is_sign(at, "/");
    return has_cue(at, Cue::joint) || word(at) == "есть" || word(at) == "est";
  }

  /// "размер обуви у меня 39": words without any other meaning between.
  bool near_size(std::size_t at) const {
    for (int words = 0; at > 0 && words < 4; ++words) {
      --at;
      if (s_.tokens[at].kind == Kind::sign && (is_sign(at, ":") || is_dash(at))) continue;
      if (s_.tokens[at].kind != Kind::word) return false;
      if ((cues_[at] & Cue::size) != 0) return true;
      if ((cues_[at] & (Cue::body | Cue::amount | Cue::order | Cue::phone | Cue::sku | Cue::card | Cue::other)) != 0)
        return false;
    }
    return false;
  }

  bool is_color_before(std::size_t at) {
    learn_colors();
    return has_word_color(at);
  }
  void learn_colors() {
    if (!colors_known_) find_colors(s_, message_, colors_);
    colors_known_ = true;
  }
  bool mentions_wear() {
    if ((message_ & (Cue::size | Cue::wear | Cue::garment)) != 0) return true;
    learn_colors();
    return !colors_.empty();
  }

  void find_letter_sizes() {
    for (std::size_t at = 0; at < count(); ++at) {
      const Token& token = s_.tokens[at];
      if (token.kind != Kind::word || length(at) > 10) continue;
      if (word(at) == "onesize" || (word(at) == "one" && is_kind(at + 1, Kind::word) && word(at + 1) == "size")) {
        const std::size_t last = word(at) == "one" ? at + 2 : at + 1;
        add("size", at, last, "ONE SIZE", 0.9, priority::size);
        at = last - 1;
        continue;
      }
      if (!may_be_size_letters(word(at))) continue;
      const std::string letters = size_letters(word(at));
      if (!is_size_letters(letters)) continue;
      if (is_joined(at) && s_.tokens[at - 1].kind == Kind::number) continue;  // "2XL" is found with the numbers
      std::size_t last = at + 1;
      std::string value = letters;
      if ((is_dash(last) || is_sign(last, "/")) && is_joined(last) && is_joined(last + 1) &&
          is_kind(last + 1, Kind::word)) {
        const std::string second = size_letters(word(last + 1));
        if (!is_size_letters(second)) continue;  // "L-карнитин"
        value = surface(at, last + 2);
        value = size_letters(s_.lower.substr(s_.tokens[at].begin, s_.tokens[last + 1].end - s_.tokens[at].begin));
        last += 2;
      }
      const double confidence = letter_confidence(at, last, letters);
      if (confidence > 0)
        possible_.push_back({at, last, confidence, false, value});
      else if (letters.size() == 1 && starts_upper(s_, token) && !is_beside_sign(at, last))
        possible_.push_back({at, last, 0, false, value});
      at = last - 1;
    }
  }

  /// "L'Oreal", "M&M", "S. Petrov", "T-M"
  bool is_beside_sign(std::size_t at, std::size_t last) const {
    if (is_joined(at) && s_.tokens[at - 1].kind == Kind::sign && !is_sign(at - 1, "(") && !is_sign(at - 1, "\"") &&
        !is_sign(at - 1, "«") && !is_sign(at - 1, "/") && !is_sign(at - 1, ",") && !is_sign(at - 1, ":"))
      return true;
    if (last >= count() || !is_joined(last)) return false;
    if (is_sign(last, ".")) {
      const bool has_article = at > 0 && (word(at - 1) == "a" || word(at - 1) == "an" || word(at - 1) == "the");
      return !has_article && is_kind(last + 1, Kind::word) && starts_upper(s_, s_.tokens[last + 1]);
    }
    return is_sign(last, "'") || is_sign(last, "’") || is_sign(last, "&") || is_dash(last) || is_sign(last, "_") ||
           is_sign(last, "+") || s_.tokens[last].kind != Kind::sign;
  }

  double letter_confidence(std::size_t at, std::size_t last, std::string_view letters) const {
    const bool is_single = letters.size() == 1;
    const bool is_cyrillic = (static_cast<unsigned char>(word(at)[0]) & 0x80) != 0;
    const bool cued = (at > 0 && has_cue(at - 1, Cue::size)) || has_cue(last, Cue::size) ||
                      (at > 1 && is_sign(at - 1, ":") && has_cue(at - 2, Cue::size)) ||
                      (at > 1 && has_cue(at - 2, Cue::size) && is_kind(at - 1, Kind::word) && !is_cyrillic);
    if (is_beside_sign(at, last)) return 0;
    if (cued) {
      // "размер с биркой"
      if (is_cyrillic && is_single && !starts_upper(s_, s_.tokens[at]))
        return at > 0 && has_cue(at - 1, Cue::size) && (last == count() || s_.tokens[last].kind == Kind::sign) ? 0.9
                                                                                                               : 0;
      return 0.9;
    }
    if (!is_single) return 0.6;
    if (is_cyrillic || !starts_upper(s_, s_.tokens[at])) return 0;
    if (at > 0 && (s_.tokens[at - 1].kind == Kind::number || has_cue(at - 1, Cue::model | Cue::other))) return 0;
    if (is_kind(last, Kind::number)) return 0;
    if (at == 0 && last == 1 && is_kind(last, Kind::word) && (static_cast<unsigned char>(word(last)[0]) & 0x80) == 0 &&
        !has_cue(last, Cue::joint | Cue::size))
      return 0;  // "L carnitine"
    if (at > 0 && is_kind(at - 1, Kind::word)) {
      const std::string_view before = word(at - 1);
      if (before == "series" || before == "class" || before == "type" || before == "tesla" || before == "класс")
        return 0;
      // "BIG S SALE"
      if (length(at - 1) > 2 && is_shouted(at - 1) && !is_size_letters(size_letters(before))) return 0;
    }
    return 0.6;
  }

  bool is_shouted(std::size_t at) const {
    const Token& token = s_.tokens[at];
    const std::string_view text = std::string_view(s_.text).substr(token.begin, length(at));
    const std::string_view lower = word(at);
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == lower[i] && (static_cast<unsigned char>(text[i]) & 0x80) == 0) return false;
    return text != lower;
  }

  /// A number beside a size, joined by "или", "и", "," or the like, is a size too.
  bool are_joined(const Possible& a, const Possible& b) const {
    if (b.first < a.last || b.first - a.last > 4) return false;
    if (are_exchanged(a, b)) return true;
    for (std::size_t i = a.last; i < b.first; ++i) {
      if (s_.tokens[i].kind == Kind::sign) {
        if (!is_sign(i, ",") && !is_sign(i, "/") && !is_dash(i)) return false;
      } else if (s_.tokens[i].kind == Kind::number || (cues_[i] & (Cue::amount | Cue::body)) != 0) {
        return false;
      } else if ((cues_[i] & Cue::joint) == 0 && (message_ & Cue::size) == 0 && !has_word_color(i)) {
        return false;
      }
    }
    return true;
  }

  /// "платье 48 на 50", "38 размер на 39" where something is to be exchanged.
  bool are_exchanged(const Possible& a, const Possible& b) const {
    const bool is_on = word(b.first - 1) == "на" && (b.first == a.last + 1 || has_cue(a.last, Cue::size));
    if (!is_on || b.first - a.last > 2 || has_cue(b.last, Cue::unit)) return false;
    return exchange_ < a.first;
  }
  /// The first word of an exchange; behind all tokens when there is none.
  std::size_t find_exchange() const {
    std::size_t at = 0;
    while (at < count() && !word(at).starts_with("обмен") && !word(at).starts_with("поменя") &&
           !word(at).starts_with("замен"))
      ++at;
    return at;
  }

  bool has_word_color(std::size_t at) const {
    const std::uint32_t end = s_.tokens[at].end;
    const auto found = std::lower_bound(colors_.begin(), colors_.end(), end,
                                        [](const Candidate& c, std::uint32_t wanted) { return c.end < wanted; });
    return found != colors_.end() && found->end == end;
  }

  /// The first `numbers` were found among the codes, the rest among the words, each in their order.
  void settle_sizes(std::size_t numbers) {
    if (possible_.size() > 1) exchange_ = find_exchange();
    const auto before = [](const Possible& a, const Possible& b) { return a.first < b.first; };
    const auto words = possible_.begin() + static_cast<std::ptrdiff_t>(numbers);
    assert(std::is_sorted(possible_.begin(), words, before) && std::is_sorted(words, possible_.end(), before));
    std::inplace_merge(possible_.begin(), words, possible_.end(), before);
    // "заказывала 38, пришли 40"
    const auto came = std::count_if(possible_.begin(), possible_.end(), [](const Possible& p) { return p.came; });
    for (Possible& p : possible_)
      if (p.came && came > 1) p.confidence = kSeed;
    const bool any =
        std::any_of(possible_.begin(), possible_.end(), [](const Possible& p) { return p.confidence > 0; });
    for (std::size_t i = 1; i < possible_.size(); ++i) {
      Possible &a = possible_[i - 1], &b = possible_[i];
      if (a.confidence > 0 || b.confidence > 0 || !are_joined(a, b)) continue;
      const bool are_heights = a.height > 0 && b.height == a.height + 6;
      const bool are_next = any && a.value.size() == 2 && b.value.size() == 2 && number(b.value) == number(a.value) + 2;
      if (are_heights || are_next) a.confidence = b.confidence = kSeed;  // "122 или 128", "XXL это 54 или 56?"
    }
    for (std::size_t i = 1; i < possible_.size(); ++i)
      if (possible_[i].confidence == 0 && possible_[i - 1].confidence > 0 && are_joined(possible_[i - 1], possible_[i]))
        possible_[i].confidence = kSeed;
    for (std::size_t i = possible_.size(); i-- > 1;)
      if (possible_[i - 1].confidence == 0 && possible_[i].confidence > 0 && are_joined(possible_[i - 1], possible_[i]))
        possible_[i - 1].confidence = kSeed;
    for (Possible& p : possible_)
      if (p.confidence > 0)
        // what a cue proves stands above a bare count
        add("size", p.first, p.last, std::move(p.value), p.confidence,
            priority::size + (p.confidence > kSeed || p.came ? 15 : 0));
  }

  const Scan& s_;
  std::vector<Candidate>& out_;
  std::vector<Candidate>& codes_;
  std::vector<std::uint32_t> cues_;
  std::uint32_t message_ = 0;  ///< all cues together
  std::vector<Possible> possible_;
  std::size_t exchange_ = 0;  ///< token; known once there are two possible sizes
  std::vector<Candidate> colors_;
  bool colors_known_ = false;
};

}  // namespace

void find_goods(const Scan& scan, std::vector<Candidate>& out, std::vector<Candidate>& codes) {
  Goods(scan, out, codes).find();
}

}  // namespace easyflow::nlp
