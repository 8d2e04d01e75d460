// HTML that cannot be written unescaped by mistake.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace easyflow::api {

/// `text` for element content and quoted attributes. Characters that no HTML text may hold become U+FFFD.
std::string escaped(std::string_view text);

/// Builds a document: a string literal is markup, every other text is data and is escaped.
/// \code html << "<td>" << order.status << "</td>"; \endcode
class Html {
 public:
  template <std::size_t N>
  Html& operator<<(const char (&markup)[N]) {
    out_.append(markup, N - 1);
    return *this;
  }
  Html& operator<<(const std::string& text) { return add(text); }
  Html& operator<<(std::string_view text) { return add(text); }
  Html& operator<<(long long number) {
    out_ += std::to_string(number);
    return *this;
  }
  Html& operator<<(int number) { return *this << static_cast<long long>(number); }
  Html& operator<<(const Html& part) {
    out_ += part.out_;
    return *this;
  }
  /// Text of our own that is markup and no literal: the style sheet.
  Html& trusted(std::string_view markup) {
    out_ += markup;
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  Html& add(std::string_view text) {
    out_ += escaped(text);
    return *this;
  }
  std::string out_;
};

}  // namespace easyflow::api
