// sync, conversations, send, quarantine
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/api/meaning_text.hpp"
#include "core/api/views.hpp"
#include "core/app/commands.hpp"
#include "core/app/terminal.hpp"
#include "core/async/task_group.hpp"
#include "core/base/nearest.hpp"
#include "core/sync/runner.hpp"
#include "crypto/tokens.hpp"

namespace easyflow::app {
namespace {

using namespace std::chrono_literals;

/// What most of these commands begin with.
struct Subject {
  std::string tenant_id;
  std::optional<storage::Integration> integration;
};

Task<Result<Subject>> subject_of(Core& core, const Invocation& invocation, std::string reference) {
  Subject subject;
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return tenant.error();
  subject.tenant_id = *tenant;
  if (!reference.empty()) {
    auto integration = co_await core.integration_service.resolve(*tenant, reference);
    if (!integration) co_return integration.error();
    subject.integration = std::move(*integration);
  }
  co_return subject;
}

// --- sync ---------------------------------------------------------------------------------------------------------

/// Leases the stream, waiting a while for whoever runs it now.
Task<Result<storage::SyncLease>> lease_stream(Core& core, std::string tenant_id, std::string integration_id,
                                              std::string stream, std::string owner) {
  for (int tries = 0;; ++tries) {
    auto lease = co_await core.sync.claim(tenant_id, integration_id, stream, owner, 60s);
    if (lease || lease.error().kind() != ErrorKind::conflict || tries >= 120) co_return lease;
    if (tries == 0) std::cerr << stream << " is being read by the hub; waiting for it to end\n";
    co_await sleep_for(500ms);
  }
}

Task<int> run_sync(Core& core, const Invocation& invocation, std::string reference, std::string stream,
                   bool from_start) {
  auto subject = co_await subject_of(core, invocation, reference);
  if (!subject) co_return report(subject.error(), invocation.json);
  const auto& integration = *subject->integration;
  const auto& manifest = core.connectors.find(integration.platform_id)->manifest();
  std::vector<std::string> streams;
  for (const auto& spec : manifest.streams) streams.push_back(spec.name);
  if (streams.empty())
    co_return report(Error(ErrorKind::invalid_input,
                           manifest.display_name + " has no streams to read; its messages arrive by themselves."),
                     invocation.json);
  if (!stream.empty() && manifest.find_stream(stream) == nullptr)
    co_return report(Error(ErrorKind::not_found, "There is no stream '" + stream + "'." + did_you_mean(stream, streams))
                         .with_field("stream"),
                     invocation.json);
  if (!stream.empty()) streams = {stream};

  const std::string owner = "command:" + std::to_string(::getpid()) + ":" + crypto::random_hex(4);
  auto executor = co_await boost::asio::this_coro::executor;
  sync::SyncRunner runner(executor, core.sync, core.integrations, core.accounts, core.caller, core.clock, 60s);
  std::vector<nlohmann::json> items;
  bool all_well = true;
  std::optional<Error> refused;
  for (const auto& name : streams) {
    if (from_start) co_await core.sync.request(subject->tenant_id, integration.id, name, /*from_start=*/true);
    auto lease = co_await lease_stream(core, subject->tenant_id, integration.id, name, owner);
    if (!lease) {
      refused = lease.error();
      break;
    }
    if (!invocation.json) std::cerr << "reading " << name << " ...\n";
    auto outcome = co_await runner.run(std::move(*lease));
    all_well = all_well && outcome.status == "success";
    if (invocation.json) {
      auto run = co_await core.sync.run(subject->tenant_id, outcome.run_id);
      if (run) items.push_back(api::view(*run));
    } else {
      std::cout << name << ": " << outcome.status << ", " << outcome.stored << " new or changed, " << outcome.unchanged
                << " unchanged, " << outcome.failed_rows << " failed, " << outcome.pages << " pages\n";
      if (!outcome.error.empty()) std::cerr << "error: " << printable(outcome.error, 500) << '\n';
    }
  }
  co_await runner.close();
  if (refused) co_return report(*refused, invocation.json);
  if (invocation.json) print(api::paged(std::move(items), ""));
  co_return all_well ? 0 : 1;
}

Task<int> sync_status(Core& core, const Invocation& invocation) {
  auto subject = co_await subject_of(core, invocation, "");
  if (!subject) co_return report(subject.error(), invocation.json);
  auto streams = co_await core.sync.status(subject->tenant_id);
  if (invocation.json) {
    std::vector<nlohmann::json> items;
    for (const auto& stream : streams) items.push_back(api::view(stream));
    print(api::paged(std::move(items), ""));
    co_return 0;
  }
  const auto now = core.clock.now();
  Table table({"PLATFORM", "NAME", "STREAM", "STATE", "ROWS", "LAST SUCCESS", "NEXT RUN", "LAST ERROR"});
  for (const auto& stream : streams)
    table.add({stream.platform_id, printable(stream.display_name, 24), stream.stream, stream.state,
               std::to_string(stream.rows), ago(stream.last_success_at, now), ago(stream.next_run_at, now),
               printable(stream.last_error, 50)});
  if (table.empty())
    std::cout << "Nothing to sync yet. Connect a marketplace with: easyflow integrations add <platform>\n";
  else
    table.print();
  co_return 0;
}

struct LogOptions {
  std::string integration;
  std::string status;
  std::string cursor;
  int limit = 20;
};

Task<int> sync_log(Core& core, const Invocation& invocation, const LogOptions& options) {
  auto subject = co_await subject_of(core, invocation, options.integration);
  if (!subject) co_return report(subject.error(), invocation.json);
  std::string integration_id = subject->integration ? subject->integration->id : std::string();
  auto runs = co_await core.sync.runs(subject->tenant_id, integration_id, options.status,
                                      storage::PageRequest(options.limit, options.cursor));
  if (!runs) co_return report(runs.error(), invocation.json);
  if (invocation.json) {
    print(api::view(*runs));
    co_return 0;
  }
  Table table({"STARTED", "PLATFORM", "STREAM", "STATUS", "ROWS", "FAILED", "SECONDS", "ERROR"});
  for (const auto& run : runs->items)
    table.add({ago(run.started_at, core.clock.now()), run.platform_id, run.stream, run.status,
               std::to_string(run.records_synced), std::to_string(run.records_failed),
               run.duration_seconds ? std::to_string(*run.duration_seconds) : "-", printable(run.error_message, 60)});
  table.print();
  if (!runs->next.empty()) std::cerr << "more: --cursor " << runs->next << '\n';
  co_return 0;
}

void add_sync(CLI::App& app, Invocation& invocation) {
  auto* group = app.add_subcommand("sync", "Reading orders and products")->require_subcommand(1);

  auto reference = std::make_shared<std::string>();
  auto stream = std::make_shared<std::string>();
  auto from_start = std::make_shared<bool>(false);
  auto* run = group->add_subcommand("run", "Read now and wait for the end");
  run->add_option("integration", *reference, "Platform, platform/account, or the beginning of the id")->required();
  run->add_option("stream", *stream, "One stream; default: all");
  run->add_flag("--from-start", *from_start, "Forget the cursor and read everything again; nothing is deleted");
  run->callback([&invocation, reference, stream, from_start] {
    invocation.action = [&invocation, reference, stream, from_start] {
      return with_core(invocation, [&invocation, reference, stream, from_start](Core& core) {
        return run_sync(core, invocation, *reference, *stream, *from_start);
      });
    };
  });

  group->add_subcommand("status", "How fresh each stream is, and what fails")->callback([&] {
    invocation.action = [&] {
      return with_core(invocation, [&](Core& core) { return sync_status(core, invocation); });
    };
  });

  auto options = std::make_shared<LogOptions>();
  auto* log = group->add_subcommand("log", "Past runs, newest first");
  log->add_option("--integration", options->integration, "Only this integration");
  log->add_option("--status", options->status, "running, success, partial or failed")
      ->check(CLI::IsMember({"running", "success", "partial", "failed"}));
  log->add_option("--limit", options->limit, "How many")->check(CLI::Range(1, 200));
  log->add_option("--cursor", options->cursor, "Where the last page ended");
  log->callback([&invocation, options] {
    invocation.action = [&invocation, options] {
      return with_core(invocation, [&invocation, options](Core& core) { return sync_log(core, invocation, *options); });
    };
  });
}

// --- conversations ------------------------------------------------------------------------------------------------

struct ListOptions {
  std::string platform;
  std::string status;
  std::string cursor;
  int limit = 20;
};

/// By id or its unambiguous beginning among the newest conversations.
Task<Result<storage::Conversation>> find_conversation(Core& core, std::string tenant_id, std::string reference) {
  auto exact = co_await core.conversations.find(tenant_id, reference);
  if (exact) co_return std::move(*exact);
  auto newest = co_await core.conversations.list(tenant_id, "", "", storage::PageRequest(200, ""));
  if (!newest) co_return newest.error();
  std::vector<storage::Conversation> matches;
  for (auto& candidate : newest->items)
    if (reference.size() >= 4 && candidate.id.rfind(reference, 0) == 0) matches.push_back(std::move(candidate));
  if (matches.size() == 1) co_return std::move(matches.front());
  co_return Error(matches.empty() ? ErrorKind::not_found : ErrorKind::invalid_input,
                  matches.empty()
                      ? "There is no conversation '" + reference + "'. See: easyflow conversations"
                      : "'" + reference + "' is the beginning of several conversations; give more of the id.")
      .with_field("conversation");
}

Task<int> list_conversations(Core& core, const Invocation& invocation, const ListOptions& options) {
  auto subject = co_await subject_of(core, invocation, "");
  if (!subject) co_return report(subject.error(), invocation.json);
  auto page = co_await core.conversations.list(subject->tenant_id, options.platform, options.status,
                                               storage::PageRequest(options.limit, options.cursor));
  if (!page) co_return report(page.error(), invocation.json);
  if (invocation.json) {
    print(api::view(*page));
    co_return 0;
  }
  Table table({"ID", "PLATFORM", "WITH", "STATUS", "MESSAGES", "LAST", "LAST MESSAGE"});
  for (const auto& row : page->items)
    table.add({row.id.substr(0, 18), row.platform, printable(row.title, 24),
               row.contact_active ? row.status : row.status + ", blocked us", std::to_string(row.messages_count),
               ago(row.updated_at, core.clock.now()), printable(row.last_message, 50)});
  if (table.empty())
    std::cout << "No conversations yet.\n";
  else
    table.print();
  if (!page->next.empty()) std::cerr << "more: --cursor " << page->next << '\n';
  co_return 0;
}

/// "order_status 93 %; order number 66102 (confirm/waiting); color red"; empty when there is nothing to say.
std::string meaning_line(const storage::Message& message, const storage::CatalogRows& catalog) {
  auto out = printable(api::intent_text(message), 60);
  for (const auto& fact : api::facts_of(message, catalog)) {
    out += (out.empty() ? "" : "; ") + printable(fact.kind + ' ' + fact.value, 60);
    if (!fact.known.empty()) out += " (" + printable(fact.known, 60) + ")";
  }
  return out;
}

Task<int> show_conversation(Core& core, const Invocation& invocation, std::string reference, int limit,
                            std::string cursor) {
  auto subject = co_await subject_of(core, invocation, "");
  if (!subject) co_return report(subject.error(), invocation.json);
  auto conversation = co_await find_conversation(core, subject->tenant_id, reference);
  if (!conversation) co_return report(conversation.error(), invocation.json);
  auto messages =
      co_await core.conversations.messages(subject->tenant_id, conversation->id, storage::PageRequest(limit, cursor));
  if (!messages) co_return report(messages.error(), invocation.json);
  if (invocation.json) {
    auto both = nlohmann::json::object();
    both["conversation"] = api::view(*conversation);
    both["messages"] = api::view(*messages);
    print(both);
    co_return 0;
  }
  const auto catalog = co_await core.catalog.find(subject->tenant_id, api::ids_named_in(messages->items));
  std::cout << printable(conversation->title) << " on " << conversation->platform << ", " << conversation->status;
  for (const auto& tag : conversation->tags) std::cout << ", #" << printable(tag);
  std::cout << '\n';
  for (auto message = messages->items.rbegin(); message != messages->items.rend(); ++message) {
    std::cout << format_rfc3339(
                     std::chrono::floor<std::chrono::seconds>(message->sent_at.value_or(message->created_at)))
              << (message->direction == "outbound" ? "  -> " : "  <- ") << printable(message->content, 2000);
    auto metadata = nlohmann::json::parse(message->metadata_json, nullptr, /*allow_exceptions=*/false);
    if (message->direction == "outbound" && metadata.is_object() && metadata.contains("delivery") &&
        metadata["delivery"].is_string())
      std::cout << "  [" << metadata["delivery"].get<std::string>() << "]"
                << (metadata.contains("automatic") ? " [automatic]" : "");
    std::cout << '\n';
    if (const auto meaning = meaning_line(*message, catalog); !meaning.empty())
      std::cout << "      " << meaning << '\n';
  }
  co_return 0;
}

void add_conversations(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<ListOptions>();
  auto* group = app.add_subcommand("conversations", "Conversations, newest first");
  group->add_option("--platform", options->platform, "Only this platform");
  group->add_option("--status", options->status, "active, paused, closed or escalated")
      ->check(CLI::IsMember({"active", "paused", "closed", "escalated"}));
  group->add_option("--limit", options->limit, "How many")->check(CLI::Range(1, 200));
  group->add_option("--cursor", options->cursor, "Where the last page ended");
  auto reference = std::make_shared<std::string>();
  auto* show = group->add_subcommand("show", "The messages of one conversation");
  show->add_option("conversation", *reference, "Id or its beginning")->required();
  group->callback([&invocation, options, show, reference] {
    invocation.action = [&invocation, options, show, reference] {
      return with_core(invocation, [&invocation, options, show, reference](Core& core) {
        return show->parsed() ? show_conversation(core, invocation, *reference, options->limit, options->cursor)
                              : list_conversations(core, invocation, *options);
      });
    };
  });
}

// --- send ---------------------------------------------------------------------------------------------------------

struct SendOptions {
  std::string conversation;
  std::string text;
  std::vector<std::string> buttons;
  std::string reply_to;
  std::string key;
  int wait_seconds = 15;
};

bool is_final(const storage::Outbound& message) { return message.state != "queued" && message.state != "sending"; }

Task<int> send_message(Core& core, const Invocation& invocation, const SendOptions& options) {
  auto subject = co_await subject_of(core, invocation, "");
  if (!subject) co_return report(subject.error(), invocation.json);
  auto conversation = co_await find_conversation(core, subject->tenant_id, options.conversation);
  if (!conversation) co_return report(conversation.error(), invocation.json);

  messaging::SendRequest request;
  request.conversation_id = conversation->id;
  request.text = options.text == "-" ? read_stdin() : options.text;
  request.reply_to_message_id = options.reply_to;
  request.idempotency_key = options.key;
  for (const auto& given : options.buttons) {
    sdk::Button button;
    auto equals = given.find('=');
    button.text = given.substr(0, equals);
    std::string target = equals == std::string::npos ? given : given.substr(equals + 1);
    (target.rfind("https://", 0) == 0 ? button.url : button.data) = std::move(target);
    request.keyboard.push_back({std::move(button)});
  }
  auto queued = co_await core.send.send(subject->tenant_id, std::move(request));
  if (!queued) co_return report(queued.error(), invocation.json);

  auto message = *queued;
  for (int waited = 0; !is_final(message) && waited < options.wait_seconds * 10; ++waited) {
    co_await sleep_for(100ms);
    auto now = co_await core.outbound.find(subject->tenant_id, message.id);
    if (!now) break;
    message = std::move(*now);
  }
  if (invocation.json)
    print(api::view(message));
  else
    std::cout << message.id << ": " << message.state
              << (message.error.empty() ? "" : ", " + printable(message.error, 300)) << '\n';
  if (message.state == "queued" && !invocation.json)
    std::cerr << "It goes out as soon as a hub is running and the platform's limits allow.\n";
  co_return message.state == "failed" || message.state == "unknown" ? 1 : 0;
}

void add_send(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<SendOptions>();
  auto* send = app.add_subcommand("send", "Send a message to a conversation");
  send->add_option("conversation", options->conversation, "Id or its beginning")->required();
  send->add_option("text", options->text, "The text, or - for standard input")->required();
  send->add_option("--button", options->buttons, "Inline button: label=data or label=https://...");
  send->add_option("--reply-to", options->reply_to, "The platform's id of the message to answer");
  send->add_option("--idempotency-key", options->key, "Repeating it never sends twice");
  send->add_option("--wait", options->wait_seconds, "Seconds to wait for the outcome")->check(CLI::Range(0, 600));
  send->callback([&invocation, options] {
    invocation.action = [&invocation, options] {
      return with_core(invocation,
                       [&invocation, options](Core& core) { return send_message(core, invocation, *options); });
    };
  });
}

// --- quarantine ---------------------------------------------------------------------------------------------------

Task<int> list_quarantine(Core& core, const Invocation& invocation) {
  auto subject = co_await subject_of(core, invocation, "");
  if (!subject) co_return report(subject.error(), invocation.json);
  auto page = co_await core.inbound.quarantine(subject->tenant_id, storage::PageRequest(200, ""));
  if (!page) co_return report(page.error(), invocation.json);
  if (invocation.json) {
    print(api::view(*page));
    co_return 0;
  }
  Table table({"ID", "PLATFORM", "RECEIVED", "REASON"});
  for (const auto& event : page->items)
    table.add(
        {event.body_id, event.platform_id, ago(event.received_at, core.clock.now()), printable(event.reason, 80)});
  if (table.empty())
    std::cout << "Nothing is in quarantine.\n";
  else
    table.print();
  co_return 0;
}

Task<int> replay(Core& core, const Invocation& invocation, std::string body_id) {
  auto subject = co_await subject_of(core, invocation, "");
  if (!subject) co_return report(subject.error(), invocation.json);
  auto replayed = co_await core.quarantine.replay(subject->tenant_id, body_id);
  if (!replayed) co_return report(replayed.error(), invocation.json);
  if (invocation.json)
    print({{"replayed", body_id}});
  else
    std::cout << "Replayed.\n";
  co_return 0;
}

void add_quarantine(CLI::App& app, Invocation& invocation) {
  auto* group = app.add_subcommand("quarantine", "Webhooks that could not be understood")->require_subcommand(1);
  group->add_subcommand("list", "What is in quarantine and why")->callback([&] {
    invocation.action = [&] {
      return with_core(invocation, [&](Core& core) { return list_quarantine(core, invocation); });
    };
  });
  auto body_id = std::make_shared<std::string>();
  auto* again = group->add_subcommand("replay", "Decode one again");
  again->add_option("id", *body_id, "Its id")->required();
  again->callback([&invocation, body_id] {
    invocation.action = [&invocation, body_id] {
      return with_core(invocation, [&invocation, body_id](Core& core) { return replay(core, invocation, *body_id); });
    };
  });
}

}  // namespace

void add_work_commands(CLI::App& app, Invocation& invocation) {
  add_sync(app, invocation);
  add_conversations(app, invocation);
  add_send(app, invocation);
  add_quarantine(app, invocation);
}

}  // namespace easyflow::app
