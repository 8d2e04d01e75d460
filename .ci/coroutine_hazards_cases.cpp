// What the coroutine lint must find and what it must let pass; check_coroutines.py compares the lines. Never linked.
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

template <class T = void>
using Task = boost::asio::awaitable<T>;

struct Params {
  std::string name;
  int count = 0;
};

class Named {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  Named(std::string name, int) : name_(std::move(name)) {}

 private:
  std::string name_;
};

Task<std::string> text() { co_return "a text too long for the small string buffer"; }
Task<int> number() { co_return 1; }
Task<> take(Params) { co_return; }
Task<> take_named(Named) { co_return; }
Task<> take_text(std::string) { co_return; }
Task<> take_optional(std::optional<Params>) { co_return; }
Task<> take_list(std::vector<std::string>) { co_return; }
Task<> run(std::function<void()>) { co_return; }
template <class F>
Task<> run_any(F) {
  co_return;
}

// ---- to be found ----

Task<> lambda_with_capture(std::string name) {
  co_await run_any([name] { (void)name; });  // HAZARD
}
Task<> lambda_with_capture_as_function(std::shared_ptr<int> number) {
  co_await run([number] { (void)number; });  // HAZARD
}
Task<> designated_aggregate(std::string name) {
  co_await take(Params{.name = name, .count = 1});  // HAZARD
}
Task<> braced_aggregate(std::string name) {
  co_await take({name, 1});  // HAZARD
}
Task<> aggregate_in_optional(std::string name) {
  co_await take_optional(Params{name, 1});  // HAZARD
}
Task<std::string> ternary_of_awaits(bool first) {
  auto result = first ? co_await text() : co_await text();  // HAZARD
  co_return result;
}
Task<> ternary_argument(bool first) {
  co_await take_text(first ? std::string("one") : std::string("two"));  // HAZARD
}
Task<> aggregate_from_await() {
  Params params{co_await text(), 1};  // HAZARD
  (void)params;
}
Task<Params> returned_aggregate_from_await() {
  co_return Params{.name = co_await text()};  // HAZARD
}
Task<> braced_list(std::string name) {
  co_await take_list({name, name});  // HAZARD
}
template <class T>
Task<T> in_a_template(T value, std::string name) {
  co_await take({name, 1});  // HAZARD
  co_return value;
}
Task<> looking_parameter(std::string_view name) {  // HAZARD
  co_await take_text(std::string(name));
}
Task<> reference_parameter(const std::string& name) {  // HAZARD
  co_await take_text(name);
}
Task<> instantiate() { co_await in_a_template(1, "name"); }

// ---- to be let through ----

Task<> named_lambda(std::string name) {
  auto work = [name = std::move(name)] { (void)name; };
  co_await run_any(std::move(work));
}
Task<> lambda_over_references(std::string name) {
  co_await run_any([&name] { (void)name; });
}
Task<> named_aggregate(std::string name) {
  Params params{std::move(name), 1};
  co_await take(std::move(params));
}
Task<> class_with_constructor(std::string name) { co_await take_named(Named(std::move(name), 2)); }
Task<Params> aggregate_without_await() { co_return Params{"name", 1}; }
Task<int> ternary_of_numbers(bool first) { co_return first ? co_await number() : 2; }
Task<> assigned_member() {
  Params params;
  params.name = co_await text();
}
Task<std::string> if_else(bool first) {
  if (first) co_return co_await text();
  co_return std::string("other");
}
// borrows: the caller awaits this and owns the name
Task<> reference_with_a_reason(const std::string& name) { co_await take_text(name); }
Task<> plain_function_with_reference(const std::string& name) { return take_text(name); }
Task<> reference_to_a_service(const Params& owned_by_main) { co_await take_text(owned_by_main.name); }
Task<> lambda_inside_takes_a_reference(std::string name) {
  auto size_of = [](const std::string& text) { return text.size(); };
  (void)size_of(name);
  co_return;
}
Task<> from_a_plain_function(std::string name) {
  auto start = [](std::string inner) { return run([inner = std::move(inner)] { (void)inner; }); };
  co_await start(std::move(name));
}

}  // namespace

int main() {
  // referenced, so that neither compiler complains of unused functions
  (void)lambda_with_capture, (void)lambda_with_capture_as_function, (void)designated_aggregate, (void)braced_aggregate;
  (void)aggregate_in_optional, (void)ternary_of_awaits, (void)ternary_argument, (void)aggregate_from_await;
  (void)returned_aggregate_from_await, (void)braced_list, (void)instantiate, (void)named_lambda;
  (void)lambda_over_references, (void)named_aggregate, (void)class_with_constructor, (void)aggregate_without_await;
  (void)ternary_of_numbers, (void)assigned_member, (void)if_else, (void)from_a_plain_function;
  (void)looking_parameter, (void)reference_parameter, (void)plain_function_with_reference, (void)reference_to_a_service;
  (void)lambda_inside_takes_a_reference, (void)reference_with_a_reason;
}
