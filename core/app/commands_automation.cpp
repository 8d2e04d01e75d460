// automation: what happens on an intent, what happened, and taking it back
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/api/views.hpp"
#include "core/app/commands.hpp"
#include "core/app/terminal.hpp"
#include "core/automation/action.hpp"
#include "core/base/nearest.hpp"

namespace easyflow::app {
namespace {

constexpr std::size_t kShortestReference = 4;
constexpr int kActsSearched = 200;

/// What an action or an act does, in a few words.
std::string deeds(const std::string& reply, bool escalate, const std::string& tag, const std::string& state) {
  std::string out;
  auto add = [&](const std::string& deed) { out += (out.empty() ? "" : ", ") + deed; };
  if (!reply.empty()) add("answer \"" + printable(reply, 40) + "\"");
  if (escalate) add("escalate");
  if (!tag.empty()) add("tag " + printable(tag, 20));
  if (!state.empty()) add("state " + printable(state, 20));
  return out;
}

std::string two_decimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

Task<int> list_actions(Core& core, const Invocation& invocation) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto actions = co_await core.nlp.actions(*tenant);
  if (invocation.json) {
    std::vector<nlohmann::json> items;
    for (const auto& action : actions) items.push_back(api::view(action));
    print(api::paged(std::move(items), ""));
    co_return 0;
  }
  Table table({"INTENT", "ON", "FROM CONFIDENCE", "QUIET", "WHAT"});
  for (const auto& action : actions)
    table.add({action.intent, action.enabled ? "yes" : "no", two_decimals(action.min_confidence),
               action.quiet_from.empty() ? "-" : action.quiet_from + "-" + action.quiet_until,
               deeds(action.reply, action.escalate, action.tag, action.state)});
  if (table.empty())
    std::cout << "Nothing happens by itself yet. Try: easyflow automation set operator_request --escalate\n";
  else
    table.print();
  co_return 0;
}

struct SetOptions {
  storage::IntentAction action;
  std::string quiet;
  bool off = false;
};

Task<int> set_action(Core& core, const Invocation& invocation, const SetOptions& options) {
  auto action = options.action;
  action.enabled = !options.off;
  if (action.reply == "-") action.reply = read_stdin();
  if (auto read = automation::set_quiet_hours(action, options.quiet); !read)
    co_return report(read.error(), invocation.json);
  if (auto checked = automation::check(action); !checked) co_return report(checked.error(), invocation.json);
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  // other models and remote readers have intents of their own, so it is no error
  auto reader = co_await core.readers.open(*tenant);
  const auto& known = reader->model()->intents();
  if (std::find(known.begin(), known.end(), action.intent) == known.end())
    std::cerr << "note: the model in use knows no intent '" << action.intent << "'."
              << did_you_mean(action.intent, known) << '\n';
  co_await core.nlp.put_action(*tenant, action);
  if (invocation.json)
    print(api::view(action));
  else
    std::cout << "On " << action.intent << ": " << deeds(action.reply, action.escalate, action.tag, action.state)
              << (action.enabled ? "\n" : " (switched off)\n");
  co_return 0;
}

Task<int> remove_action(Core& core, const Invocation& invocation, std::string intent) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  bool removed = co_await core.nlp.remove_action(*tenant, intent);
  if (!removed)
    co_return report(
        Error(ErrorKind::not_found, "There is no action for '" + intent + "'. See: easyflow automation list")
            .with_field("intent"),
        invocation.json);
  if (invocation.json)
    print({{"removed", intent}});
  else
    std::cout << "On " << intent << ": nothing any more.\n";
  co_return 0;
}

struct ActOptions {
  std::string conversation;
  std::string state;
  std::string cursor;
  int limit = 20;
};

Task<int> list_acts(Core& core, const Invocation& invocation, const ActOptions& options) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto page = co_await core.automation.list(*tenant, options.conversation, options.state,
                                            storage::PageRequest(options.limit, options.cursor));
  if (!page) co_return report(page.error(), invocation.json);
  if (invocation.json) {
    print(api::view(*page));
    co_return 0;
  }
  Table table({"ID", "CONVERSATION", "INTENT", "STATE", "WHEN", "WHAT"});
  for (const auto& act : page->items) {
    auto seen = api::view(act);
    auto text = [&](const char* name) {
      return seen["acts"][name].is_string() ? seen["acts"][name].get<std::string>() : "";
    };
    auto what = deeds(text("reply"), seen["acts"]["escalate"].get<bool>(), text("tag"), text("state"));
    if (!act.reason.empty()) what += (what.empty() ? "" : "; ") + printable(act.reason, 80);
    table.add({act.id, act.conversation_id, act.intent, act.state, ago(act.created_at, core.clock.now()), what});
  }
  if (table.empty())
    std::cout << "The hub has done nothing by itself yet.\n";
  else
    table.print();
  if (!page->next.empty()) std::cerr << "more: --cursor " << page->next << '\n';
  co_return 0;
}

/// By id or its unambiguous beginning among the newest acts.
Task<Result<std::string>> find_act(Core& core, std::string tenant_id, std::string reference) {
  auto exact = co_await core.automation.find(tenant_id, reference);
  if (exact) co_return exact->id;
  auto newest = co_await core.automation.list(tenant_id, "", "", storage::PageRequest(kActsSearched, ""));
  if (!newest) co_return newest.error();
  std::vector<std::string> matches;
  for (const auto& act : newest->items)
    if (reference.size() >= kShortestReference && act.id.rfind(reference, 0) == 0) matches.push_back(act.id);
  if (matches.size() == 1) co_return matches.front();
  co_return Error(matches.empty() ? ErrorKind::not_found : ErrorKind::invalid_input,
                  matches.empty() ? "There is no automatic act '" + reference + "'. See: easyflow automation acts"
                                  : "'" + reference + "' is the beginning of several acts; give more of the id.")
      .with_field("act");
}

Task<int> undo_act(Core& core, const Invocation& invocation, std::string reference) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto id = co_await find_act(core, *tenant, std::move(reference));
  if (!id) co_return report(id.error(), invocation.json);
  auto act = co_await core.automation.undo(*tenant, *id, "", core.clock.now());
  if (!act) co_return report(act.error(), invocation.json);
  auto seen = api::view(*act);
  if (invocation.json) {
    print(seen);
    co_return 0;
  }
  std::string restored;
  for (const auto& part : seen["undo"]["restored"])
    restored += (restored.empty() ? "" : ", ") + part.get<std::string>();
  std::cout << "Undone" << (restored.empty() ? "" : ": " + restored) << ".\n";
  for (const auto& left : seen["undo"]["left"])
    std::cout << "Left as it is: " << left["part"].get<std::string>() << ". "
              << printable(left["reason"].get<std::string>(), 200) << '\n';
  co_return 0;
}

void add_set(CLI::App& group, Invocation& invocation) {
  auto options = std::make_shared<SetOptions>();
  auto* set = group.add_subcommand("set", "What shall happen on an intent; replaces what was set before");
  set->add_option("intent", options->action.intent, "For example order_status")->required();
  set->add_option("--reply", options->action.reply,
                  "Canned answer, or - for standard input; {name} and {order_number} are filled in");
  set->add_flag("--escalate", options->action.escalate, "Hand the conversation to a person");
  set->add_option("--tag", options->action.tag, "Add a tag to the conversation");
  set->add_option("--state", options->action.state, "Move the conversation to a state");
  set->add_option("--min-confidence", options->action.min_confidence, "Only when the hub is as sure, 0 to 1")
      ->capture_default_str();
  set->add_option("--quiet", options->quiet, "No answers at these hours of your time zone: 22:00-08:00");
  set->add_flag("--off", options->off, "Keep it, but do nothing");
  set->footer(
      "Examples:\n"
      "  easyflow automation set order_status --reply 'Hello, {name}! We are looking into it.' --tag order\n"
      "  easyflow automation set operator_request --escalate --min-confidence 0.7");
  set->callback([&invocation, options] {
    invocation.action = [&invocation, options] {
      return with_core(invocation,
                       [&invocation, options](Core& core) { return set_action(core, invocation, *options); });
    };
  });
}

void add_acts(CLI::App& group, Invocation& invocation) {
  auto options = std::make_shared<ActOptions>();
  auto* acts = group.add_subcommand("acts", "What the hub did by itself, newest first");
  acts->add_option("--conversation", options->conversation, "Only this conversation (its id)");
  acts->add_option("--state", options->state, "pending, done, skipped or undone")
      ->check(CLI::IsMember({"pending", "done", "skipped", "undone"}));
  acts->add_option("--limit", options->limit, "How many")->check(CLI::Range(1, 200));
  acts->add_option("--cursor", options->cursor, "Where the last page ended");
  acts->callback([&invocation, options] {
    invocation.action = [&invocation, options] {
      return with_core(invocation,
                       [&invocation, options](Core& core) { return list_acts(core, invocation, *options); });
    };
  });

  auto reference = std::make_shared<std::string>();
  auto* undo = group.add_subcommand("undo", "Take back what an act did, as far as it can be");
  undo->add_option("act", *reference, "Id or its beginning")->required();
  undo->callback([&invocation, reference] {
    invocation.action = [&invocation, reference] {
      return with_core(invocation,
                       [&invocation, reference](Core& core) { return undo_act(core, invocation, *reference); });
    };
  });
}

}  // namespace

void add_automation_commands(CLI::App& app, Invocation& invocation) {
  auto* group = app.add_subcommand("automation", "What happens by itself on an intent")->require_subcommand(1);
  group->add_subcommand("list", "The actions by intent")->callback([&invocation] {
    invocation.action = [&invocation] {
      return with_core(invocation, [&invocation](Core& core) { return list_actions(core, invocation); });
    };
  });
  add_set(*group, invocation);
  auto intent = std::make_shared<std::string>();
  auto* remove = group->add_subcommand("remove", "Do nothing on an intent any more");
  remove->add_option("intent", *intent, "The intent")->required();
  remove->callback([&invocation, intent] {
    invocation.action = [&invocation, intent] {
      return with_core(invocation,
                       [&invocation, intent](Core& core) { return remove_action(core, invocation, *intent); });
    };
  });
  add_acts(*group, invocation);
}

}  // namespace easyflow::app
