// Expected failures and the result type that carries them.
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace easyflow {

/// What the caller should do about a failure, not where it came from.
enum class ErrorKind {
  invalid_input,  ///< The input is wrong: tell its author which field and how to mend it. Never retried.
  unauthorized,   ///< The credentials or the token do not open this. Never retried; a person must act.
  not_found,      ///< There is no such thing (for this tenant).
  conflict,       ///< It clashes with something that exists or runs.
  rate_limited,   ///< Wait `retry_after`, then try again. A delay, not a failed attempt.
  unavailable,    ///< The other side is out of reach or overloaded. Retry with back-off.
  timeout,        ///< No answer in time. Retry reads; the outcome of a write is unknown.
  protocol,       ///< The other side answered something its documentation does not allow. Not retried.
  internal        ///< Our own fault. Logged with its details, shown without them.
};

/// The kind's name as it stands in logs, metrics and API bodies, for example "rate_limited".
std::string_view to_string(ErrorKind kind) noexcept;

/// An expected failure. `message` is written for the person who has to act and never holds a secret.
/// Has constructors on purpose: aggregates are unsafe next to co_await (docs/coroutines.md).
class Error {
 public:
  /// Only because Result asks for it: error() of a result that holds a value.
  Error() : Error(ErrorKind::internal, "no error") {}
  Error(ErrorKind kind, std::string message, std::optional<std::chrono::seconds> retry_after = std::nullopt)
      : kind_(kind), message_(std::move(message)), retry_after_(retry_after) {}

  /// The same failure, naming the input field it is about ("credentials.bot_token").
  Error with_field(std::string field) && {
    field_ = std::move(field);
    return std::move(*this);
  }

  ErrorKind kind() const noexcept { return kind_; }
  const std::string& message() const noexcept { return message_; }
  std::optional<std::chrono::seconds> retry_after() const noexcept { return retry_after_; }
  /// Empty when no single field is to blame.
  const std::string& field() const noexcept { return field_; }

 private:
  ErrorKind kind_;
  std::string message_;
  std::optional<std::chrono::seconds> retry_after_;
  std::string field_;
};

/// Thrown by Result::value() on a failed result: a programming error unless the caller means "must not fail here".
class ErrorException : public std::runtime_error {
 public:
  explicit ErrorException(Error error) : std::runtime_error(error.message()), error_(std::move(error)) {}
  const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

/// A value or the Error that stands in its place.
template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace easyflow

/// Declares `var` from a Result, or returns its error from the enclosing function.
#define EASYFLOW_TRY(var, expr)                   \
  auto var##_result = (expr);                     \
  if (!var##_result) return var##_result.error(); \
  auto&& var = *var##_result

/// The same inside a coroutine; `expr` may hold the co_await.
#define EASYFLOW_CO_TRY(var, expr)                   \
  auto var##_result = (expr);                        \
  if (!var##_result) co_return var##_result.error(); \
  auto&& var = *var##_result
