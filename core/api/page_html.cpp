#include "core/api/page_html.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "core/api/html.hpp"
#include "core/api/meaning_text.hpp"
#include "core/base/json.hpp"

namespace easyflow::api {

/// core/api/page.css, embedded.
extern const char* const kPageStyle;

namespace {

constexpr std::size_t kRunsShown = 20;
constexpr std::size_t kTrailLength = 12;
constexpr std::size_t kFaultsShown = 6;
constexpr std::size_t kLongestFault = 400;
constexpr std::size_t kFactsShown = 8;
constexpr std::size_t kLongestFact = 60;

/// How a state looks: always its word, and a colour beside it.
const char* tone(std::string_view state) {
  if (state == "connected" || state == "fresh" || state == "success" || state == "sent" || state == "active" ||
      state == "done")
    return "good";
  if (state == "failed" || state == "error" || state == "failing" || state == "disconnected") return "bad";
  if (state == "late" || state == "partial" || state == "unknown" || state == "escalated") return "warn";
  if (state == "running" || state == "due" || state == "sending" || state == "queued" || state == "pending")
    return "calm";
  return "idle";
}

Html pill(const std::string& state) {
  Html html;
  html << "<span class=\"pill " << std::string_view(tone(state)) << "\">" << state << "</span>";
  return html;
}

/// "12 s", "4 min", "3 h", "5 d".
std::string span(std::chrono::seconds length) {
  auto seconds = length.count();
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 60 * 60) return std::to_string(seconds / 60) + " min";
  if (seconds < 48 * 60 * 60) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86400) + " d";
}

std::string relative(Timestamp at, Timestamp now) {
  auto distance = std::chrono::duration_cast<std::chrono::seconds>(now - at);
  if (distance.count() < -1) return "in " + span(-distance);
  return distance.count() < 5 ? "just now" : span(distance) + " ago";
}

/// "2026-11-21 09:35".
std::string minute_of(Timestamp at) {
  auto text = format_rfc3339(at).substr(0, 16);
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text;
}

Html moment(Timestamp at, Timestamp now) {
  Html html;
  html << "<time datetime=\"" << format_rfc3339(at) << "\" title=\"" << minute_of(at) << " UTC\">" << relative(at, now)
       << "</time>";
  return html;
}

Html moment(const std::optional<Timestamp>& at, Timestamp now, const char* otherwise) {
  if (at) return moment(*at, now);
  Html html;
  html << "<span class=\"soft\">" << std::string_view(otherwise) << "</span>";
  return html;
}

/// "48 210".
std::string grouped(long long number) {
  auto digits = std::to_string(number);
  for (auto at = static_cast<long>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), "\u202f");
  return digits;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// At most `most` bytes, cut at a character.
std::string shortened(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  auto end = most;
  while (end > 0 && is_continuation(text[end])) --end;
  return text.substr(0, end) + "…";
}

/// The first letters of a name's first two words, for its badge.
std::string initials(const std::string& name) {
  std::string out;
  bool fresh = true;
  int words = 0;
  for (std::size_t i = 0; i < name.size() && words < 2; ++i) {
    if (name[i] == ' ') {
      fresh = true;
      continue;
    }
    bool mark = static_cast<unsigned char>(name[i]) < 0x30 || name[i] == '@';
    if (!fresh || mark || is_continuation(name[i])) continue;
    auto end = i + 1;
    while (end < name.size() && is_continuation(name[end])) ++end;
    auto letter = name.substr(i, end - i);
    if (letter.size() == 1 && letter[0] >= 'a' && letter[0] <= 'z') letter[0] = static_cast<char>(letter[0] - 32);
    out += letter;
    fresh = false;
    ++words;
  }
  return out.empty() ? "?" : out;
}

Html badge(const std::string& name, const std::string& key, const char* shape) {
  unsigned sum = 0;
  for (char c : key) sum = sum * 31 + static_cast<unsigned char>(c);
  Html html;
  html << "<span class=\"badge " << std::string_view(shape) << " hue" << static_cast<int>(sum % 6)
       << "\" aria-hidden=\"true\">" << initials(name) << "</span>";
  return html;
}

std::string platform_name(const PageFrame& frame, const std::string& id) {
  auto found = frame.platform_names.find(id);
  return found == frame.platform_names.end() ? id : found->second;
}

std::string account_name(const PageFrame& frame, const storage::Integration& integration) {
  if (!integration.display_name.empty()) return integration.display_name;
  return platform_name(frame, integration.platform_id) + " / " + integration.account;
}

Html head(const std::string& nonce, const std::string& title, int refresh_seconds) {
  Html html;
  html << "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  if (refresh_seconds > 0) html << "<meta http-equiv=\"refresh\" content=\"" << refresh_seconds << "\">\n";
  html << "<title>" << title << "</title>\n";
  html
      << "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 26 26'%3E"
         "%3Crect width='26' height='26' rx='7.5' fill='%233b5bdb'/%3E%3Cpath d='M6.5 9.5h7a3.2 3.2 0 0 1 0 6.5h-1a3.2 "
         "3.2 0 0 0 0 4h7' fill='none' stroke='%23fff' stroke-width='2.3' stroke-linecap='round'/%3E%3C/svg%3E\">\n";
  html << "<style nonce=\"" << nonce << "\">\n";
  html.trusted(kPageStyle);
  html << "</style>\n</head>\n<body>\n";
  return html;
}

Html brand() {
  Html html;
  html << "<svg viewBox=\"0 0 26 26\" aria-hidden=\"true\"><rect width=\"26\" height=\"26\" rx=\"7.5\" "
          "fill=\"#3b5bdb\"/>"
          "<path d=\"M6.5 8h7.2a2.9 2.9 0 0 1 0 5.8h-1.4a2.9 2.9 0 0 0 0 5.8h7.2\" fill=\"none\" stroke=\"#fff\" "
          "stroke-width=\"2.3\" stroke-linecap=\"round\"/></svg><span>Easy Flow</span>";
  return html;
}

Html bar(const PageFrame& frame) {
  Html html;
  html << "<div class=\"bar\"><div><a class=\"brand\" href=\"/\">" << brand()
       << "</a><span class=\"spring\"></span><form method=\"post\" action=\"/logout\">"
          "<input type=\"hidden\" name=\"form_token\" value=\""
       << frame.form_token << "\"><button>Log out</button></form></div></div>\n";
  return html;
}

Html foot(const PageFrame& frame) {
  Html html;
  html << "<footer>Easy Flow " << frame.version << " · " << minute_of(frame.now) << " UTC</footer>\n</body>\n</html>\n";
  return html;
}

long long rows_of(const std::vector<storage::StreamStatus>& streams, std::string_view stream) {
  long long sum = 0;
  for (const auto& status : streams)
    if (status.stream == stream) sum += status.rows;
  return sum;
}

Html headline(const StatusData& data) {
  long long troubled = 0;
  for (const auto& stream : data.streams)
    troubled += stream.state == "failing" || stream.state == "late" || stream.state == "error";
  long long broken = 0;
  for (const auto& integration : data.integrations) broken += integration.status == "error";
  auto unknown = static_cast<long long>(
      std::count_if(data.troubled.begin(), data.troubled.end(), [](const auto& o) { return o.state == "unknown"; }));

  Html html;
  html << "<section class=\"headline\">";
  if (data.integrations.empty()) {
    html << "<h1>Nothing is connected yet</h1><p>Connect the first account with <code>easyflow integrations "
            "add</code>.</p>";
  } else if (broken + troubled + unknown == 0) {
    html << "<h1>Everything is up to date</h1>";
  } else {
    html << "<h1>Something needs attention</h1><p>";
    std::string text;
    auto part = [&text](long long count, const char* one, const char* many) {
      if (count == 0) return;
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + (count == 1 ? one : many);
    };
    part(broken, "integration with an error", "integrations with an error");
    part(troubled, "stream behind", "streams behind");
    part(unknown, "message of unknown outcome", "messages of unknown outcome");
    html << text << "</p>";
  }
  html << "</section>\n";
  return html;
}

Html figures(const StatusData& data) {
  auto connected = std::count_if(data.integrations.begin(), data.integrations.end(),
                                 [](const auto& i) { return i.status == "connected" && !i.paused; });
  Html html;
  html << "<dl class=\"figures\"><div><dt>Orders</dt><dd>" << grouped(rows_of(data.streams, "orders"))
       << "</dd></div><div><dt>Products</dt><dd>" << grouped(rows_of(data.streams, "products"))
       << "</dd></div><div><dt>Conversations</dt><dd>" << grouped(static_cast<long long>(data.conversations.size()));
  if (data.more_conversations) html << "+";
  html << "</dd></div><div><dt>Accounts connected</dt><dd>" << static_cast<long long>(connected) << " <small>of "
       << static_cast<long long>(data.integrations.size()) << "</small></dd></div></dl>\n";
  return html;
}

Html accounts(const PageFrame& frame, const StatusData& data) {
  Html html;
  html << "<section aria-label=\"Integrations\"><ul class=\"accounts\">";
  for (const auto& integration : data.integrations) {
    auto name = platform_name(frame, integration.platform_id);
    html << "<li>" << badge(name, integration.platform_id, "") << "<span class=\"name\">"
         << account_name(frame, integration) << "</span>"
         << pill(integration.paused ? std::string("paused") : integration.status) << "<span class=\"what\">" << name;
    if (integration.account != "default") html << " · " << integration.account;
    if (integration.last_sync_at) html << " · synced " << moment(*integration.last_sync_at, frame.now);
    html << "</span>";
    if (!integration.status_message.empty())
      html << "<span class=\"note\">" << shortened(integration.status_message, kLongestFault) << "</span>";
    html << "</li>";
  }
  html << "</ul></section>\n";
  return html;
}

/// The last runs of one stream, oldest first, as small bars.
Html trail(const storage::StreamStatus& stream, const std::vector<storage::SyncRun>& runs) {
  std::vector<const storage::SyncRun*> its;
  for (const auto& run : runs)
    if (run.integration_id == stream.integration_id && run.stream == stream.stream && its.size() < kTrailLength)
      its.push_back(&run);
  std::reverse(its.begin(), its.end());
  auto fine = std::count_if(its.begin(), its.end(), [](const auto* run) { return run->status == "success"; });
  Html html;
  html << "<span class=\"trail\" role=\"img\" aria-label=\"" << static_cast<long long>(fine) << " of the last "
       << static_cast<long long>(its.size()) << " runs succeeded\">";
  for (auto i = its.size(); i < kTrailLength; ++i) html << "<i></i>";
  for (const auto* run : its)
    html << "<i class=\"" << std::string_view(tone(run->status)) << "\" title=\"" << run->status << ", "
         << minute_of(run->started_at) << " UTC\"></i>";
  html << "</span>";
  return html;
}

Html next_run(const storage::StreamStatus& stream, Timestamp now) {
  Html html;
  if (stream.state == "running" || stream.state == "paused" || !stream.next_run_at) {
    html << "<span class=\"soft\">–</span>";
  } else if (*stream.next_run_at <= now) {
    html << "now";
  } else {
    html << moment(*stream.next_run_at, now);
  }
  return html;
}

Html freshness(const PageFrame& frame, const StatusData& data) {
  Html html;
  html << "<section class=\"card\"><header><h2>Freshness</h2><span class=\"small soft\">how recent each stream "
          "is</span></header>";
  if (data.streams.empty()) {
    html << "<p class=\"empty\">Streams appear here once a marketplace account is connected.</p></section>\n";
    return html;
  }
  html << "<div class=\"scroll\"><table><thead><tr><th>Stream</th><th>State</th><th>Last success</th><th>Next run</th>"
          "<th>Recent runs</th><th class=\"num\">Rows</th></tr></thead><tbody>";
  for (const auto& stream : data.streams) {
    auto name = stream.display_name.empty() ? platform_name(frame, stream.platform_id) : stream.display_name;
    html << "<tr><td><strong>" << stream.stream << "</strong><span class=\"sub\">" << name << "</span></td><td>"
         << pill(stream.state) << "</td><td>" << moment(stream.last_success_at, frame.now, "never") << "</td><td>"
         << next_run(stream, frame.now) << "</td><td>" << trail(stream, data.runs) << "</td><td class=\"num\">"
         << grouped(stream.rows) << "</td></tr>";
  }
  html << "</tbody></table></div></section>\n";
  return html;
}

Html chats(const PageFrame& frame, const StatusData& data) {
  Html html;
  html << "<section class=\"card\"><header><h2>Latest conversations</h2></header>";
  if (data.conversations.empty()) {
    html << "<p class=\"empty\">A conversation appears here with the first message somebody writes.</p></section>\n";
    return html;
  }
  html << "<ul class=\"chats\">";
  std::size_t shown = 0;
  for (const auto& conversation : data.conversations) {
    if (++shown > 8) break;
    auto title = conversation.title.empty() ? conversation.chat_id : conversation.title;
    html << "<li><a href=\"/conversations/" << conversation.id << "\">" << badge(title, conversation.id, "round")
         << "<span class=\"name\">" << title << " <span class=\"soft small\">"
         << platform_name(frame, conversation.platform) << "</span></span><span class=\"small soft\">"
         << moment(conversation.updated_at, frame.now) << "</span><span class=\"last\">" << conversation.last_message
         << "</span></a></li>";
  }
  html << "</ul></section>\n";
  return html;
}

Html fault(const std::string& what, const std::string& where, const Html& when, const std::string& text) {
  Html html;
  html << "<li><span class=\"head\"><span>" << pill(what) << " " << where << "</span><span class=\"small soft\">"
       << when << "</span></span><span class=\"what\">" << shortened(text, kLongestFault) << "</span></li>";
  return html;
}

Html faults(const PageFrame& frame, const StatusData& data) {
  Html list;
  std::size_t count = 0;
  for (const auto& outbound : data.troubled) {
    if (count >= kFaultsShown / 2) break;
    if (outbound.error_code == "cancelled") continue;  // somebody took it back: no trouble
    auto text = outbound.state == "unknown" ? "It may have arrived or not. Look in the chat before you send it again: "
                                            : "Not sent: ";
    auto detail = text + (outbound.error.empty() ? shortened(outbound.message.text, 80) : outbound.error);
    list << fault(outbound.state, "message", moment(outbound.updated_at, frame.now), detail);
    ++count;
  }
  for (const auto& run : data.failed_runs) {
    if (count >= kFaultsShown) break;
    auto where = platform_name(frame, run.platform_id) + " · " + run.stream;
    list << fault(run.status, where, moment(run.started_at, frame.now),
                  run.error_message.empty() ? "The run ended without a reason." : run.error_message);
    ++count;
  }
  Html html;
  html << "<section class=\"card\"><header><h2>Last errors</h2></header>";
  if (count == 0) {
    html << "<p class=\"calmly\"><span class=\"pill good\">none</span> No sync failed and no message was lost.</p>";
  } else {
    html << "<ul class=\"faults\">" << list << "</ul>";
  }
  html << "</section>\n";
  return html;
}

Html run_table(const PageFrame& frame, const StatusData& data) {
  Html html;
  html << "<section class=\"card\"><header><h2>Last sync runs</h2></header>";
  if (data.runs.empty()) {
    html << "<p class=\"empty\">No sync has run yet.</p></section>\n";
    return html;
  }
  html << "<div class=\"scroll\"><table><thead><tr><th>Started</th><th>Platform</th><th>Stream</th><th>Status</th>"
          "<th class=\"num\">Records</th><th class=\"num\">Failed</th><th class=\"num\">Took</th></tr></thead><tbody>";
  std::size_t shown = 0;
  for (const auto& run : data.runs) {
    if (++shown > kRunsShown) break;
    html << "<tr><td>" << moment(run.started_at, frame.now) << "</td><td>" << platform_name(frame, run.platform_id)
         << "</td><td>" << run.stream << "</td><td>" << pill(run.status) << "</td><td class=\"num\">"
         << grouped(run.records_synced) << "</td><td class=\"num\">" << grouped(run.records_failed)
         << "</td><td class=\"num\">";
    if (run.duration_seconds) {
      html << span(std::chrono::seconds(*run.duration_seconds));
    } else {
      html << "<span class=\"soft\">–</span>";
    }
    html << "</td></tr>";
  }
  html << "</tbody></table></div></section>\n";
  return html;
}

/// Where one of our messages stands, and why, as its metadata tells.
struct Delivery {
  std::string state;
  std::string error;
  bool automatic = false;
};

Delivery delivery_of(const storage::Message& message) {
  auto metadata = nlohmann::json::parse(message.metadata_json, nullptr, /*allow_exceptions=*/false);
  Delivery out;
  out.state = text_member(metadata, "error_code") == "cancelled" ? "taken back" : text_member(metadata, "delivery");
  out.error = text_member(metadata, "error");
  out.automatic = metadata.is_object() && metadata.contains("automatic");
  return out;
}

/// "order number 66102 · confirm/waiting", "color light_blue".
Html fact_tag(const Fact& fact) {
  Html html;
  html << " <span class=\"" << std::string_view(fact.known.empty() ? "tag" : "tag known") << "\"><span class=\"kind\">"
       << fact.kind << "</span> " << shortened(fact.value, kLongestFact);
  if (!fact.known.empty()) html << " · " << shortened(fact.known, kLongestFact);
  html << "</span>";
  return html;
}

Html line(const PageFrame& frame, const storage::Message& message, const storage::CatalogRows& catalog) {
  bool ours = message.direction == "outbound";
  auto [delivery, error, automatic] = ours ? delivery_of(message) : Delivery();
  bool trouble = delivery == "failed" || delivery == "unknown";
  Html html;
  html << "<li class=\"" << std::string_view(ours ? (trouble ? "ours trouble" : "ours") : "theirs")
       << "\"><span class=\"hidden\">" << std::string_view(ours ? "We wrote:" : "They wrote:")
       << "</span><div class=\"text\">"
       << (message.content.empty() ? "(" + message.content_type + ")" : message.content)
       << "</div><div class=\"about\">" << moment(message.sent_at ? *message.sent_at : message.created_at, frame.now);
  if (message.content_type != "text") html << " <span class=\"tag\">" << message.content_type << "</span>";
  if (auto intent = intent_text(message); !intent.empty()) html << " <span class=\"tag\">" << intent << "</span>";
  std::size_t shown = 0;
  const auto facts = facts_of(message, catalog);
  for (; shown < std::min(facts.size(), kFactsShown); ++shown) html << fact_tag(facts[shown]);
  if (facts.size() > shown) html << " <span>+" << static_cast<long long>(facts.size() - shown) << "</span>";
  if (automatic) html << " <span class=\"tag\">automatic</span>";
  if (!delivery.empty()) html << " <span>" << (delivery == "unknown" ? "outcome unknown" : delivery) << "</span>";
  if (!error.empty()) html << " <span>" << shortened(error, kLongestFault) << "</span>";
  html << "</div></li>";
  return html;
}

/// What an act did, in words.
std::string deeds(const nlohmann::json& acts) {
  std::string out;
  auto add = [&](const std::string& deed) { out += (out.empty() ? "" : ", ") + deed; };
  if (auto reply = text_member(acts, "reply"); !reply.empty()) add("answered “" + shortened(reply, 80) + "”");
  if (acts.is_object() && acts.contains("escalate")) add("escalated");
  if (auto tag = text_member(acts, "tag"); !tag.empty()) add("tagged " + tag);
  if (auto state = text_member(acts, "state"); !state.empty()) add("moved to the state " + state);
  return out;
}

Html act_line(const PageFrame& frame, const ConversationData& data, const storage::AutomaticAct& act) {
  auto acts = nlohmann::json::parse(act.acts_json, nullptr, /*allow_exceptions=*/false);
  auto done = deeds(acts);
  Html html;
  html << "<li><span class=\"head\"><span>" << pill(act.state) << " " << act.intent
       << "</span><span class=\"small soft\">" << moment(act.created_at, frame.now) << "</span></span>";
  if (!done.empty()) html << "<span class=\"what\">" << done << "</span>";
  if (!act.reason.empty()) html << "<span class=\"what\">" << act.reason << "</span>";
  if (acts.is_object() && acts.contains("undo"))
    for (const auto& left : acts["undo"].value("left", nlohmann::json::array()))
      html << "<span class=\"what\">" << text_member(left, "reason") << "</span>";
  if (data.may_undo && (act.state == "done" || act.state == "pending"))
    html << "<form method=\"post\" action=\"/conversations/" << data.conversation.id
         << "/undo\"><input type=\"hidden\" name=\"form_token\" value=\"" << frame.form_token
         << "\"><input type=\"hidden\" name=\"act\" value=\"" << act.id << "\"><button>Undo</button></form>";
  html << "</li>";
  return html;
}

Html act_list(const PageFrame& frame, const ConversationData& data) {
  Html html;
  if (data.acts.empty()) return html;
  html << "<section class=\"card\" aria-label=\"Automatic acts\"><header><h2>What the hub did by itself</h2></header>"
          "<ul class=\"faults\">";
  for (const auto& act : data.acts) html << act_line(frame, data, act);
  html << "</ul></section>\n";
  return html;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default:
        if (static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' && c != '\r') {
          out += "\uFFFD";
        } else {
          out.push_back(c);
        }
    }
  }
  return out;
}

std::string status_page(const PageFrame& frame, const StatusData& data) {
  auto html = head(frame.nonce, "Status · Easy Flow", /*refresh_seconds=*/10);
  html << bar(frame) << "<main>\n" << headline(data) << figures(data);
  if (!data.integrations.empty()) html << accounts(frame, data);
  html << freshness(frame, data) << "<div class=\"columns\">" << chats(frame, data) << "<div class=\"stack\">"
       << faults(frame, data) << run_table(frame, data) << "</div></div></main>\n"
       << foot(frame);
  return html.take();
}

std::string conversation_page(const PageFrame& frame, const ConversationData& data) {
  const auto& conversation = data.conversation;
  auto title = conversation.title.empty() ? conversation.chat_id : conversation.title;
  // no refresh by itself: it would throw away a half-written reply
  auto html = head(frame.nonce, title + " · Easy Flow", /*refresh_seconds=*/0);
  html << bar(frame)
       << "<main><article class=\"talk\"><p class=\"small soft\"><a class=\"plain\" href=\"/\">← Status</a></p>"
       << "<div class=\"who\">" << badge(title, conversation.id, "") << "<div><h1>" << title
       << "</h1><p class=\"soft small\">" << platform_name(frame, conversation.platform) << " · "
       << grouped(conversation.messages_count) << " messages</p></div>" << pill(conversation.status);
  if (!conversation.contact_active) html << "<span class=\"pill bad\">blocked us</span>";
  for (const auto& tag : conversation.tags) html << "<span class=\"tag\">" << tag << "</span>";
  html << "</div><section class=\"card\" aria-label=\"Messages\"><ol class=\"lines\">";
  if (!data.older.empty())
    html << "<li><a class=\"plain small soft\" href=\"/conversations/" << conversation.id
         << "?cursor=" << url_encode(data.older) << "\">Older messages</a></li>";
  for (auto message = data.messages.rbegin(); message != data.messages.rend(); ++message)
    html << line(frame, *message, data.catalog);
  if (data.messages.empty()) html << "<li class=\"soft\">No messages yet.</li>";
  html << "</ol>";
  if (data.may_send && conversation.contact_active && !conversation.integration_id.empty()) {
    html << "<form class=\"reply\" method=\"post\" action=\"/conversations/" << conversation.id << "\">";
    if (!data.error.empty()) html << "<p class=\"alert\" role=\"alert\">" << data.error << "</p>";
    html << "<input type=\"hidden\" name=\"form_token\" value=\"" << frame.form_token
         << "\"><input type=\"hidden\" name=\"idempotency_key\" value=\"" << data.idempotency_key
         << "\"><label for=\"text\" class=\"hidden\">Reply</label><textarea id=\"text\" name=\"text\" required "
            "placeholder=\"Write a reply\" maxlength=\"20000\">"
         << data.draft << "</textarea><div class=\"row\"><a class=\"plain small soft\" href=\"/conversations/"
         << conversation.id << "\">Look for new messages</a><button class=\"main\">Send</button></div></form>";
  }
  html << "</section>" << act_list(frame, data) << "</article></main>\n" << foot(frame);
  return html.take();
}

std::string login_page(const std::string& nonce, const std::string& email, const std::string& error) {
  auto html = head(nonce, "Log in · Easy Flow", /*refresh_seconds=*/0);
  html << "<main class=\"alone\"><section class=\"card\"><div class=\"brand\">" << brand()
       << "</div><h1>Log in to your hub</h1>";
  if (!error.empty()) html << "<p class=\"alert\" role=\"alert\">" << error << "</p>";
  html << "<form method=\"post\" action=\"/login\"><div><label for=\"email\">E-mail address</label>"
          "<input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" required maxlength=\"255\" "
          "value=\""
       << email
       << "\"></div><div><label for=\"password\">Password</label><input id=\"password\" name=\"password\" "
          "type=\"password\" "
          "autocomplete=\"current-password\" required maxlength=\"1024\"></div><button class=\"main\">Log "
          "in</button></form>"
          "</section></main>\n</body>\n</html>\n";
  return html.take();
}

std::string message_page(const std::string& nonce, const std::string& title, const std::string& text, bool refresh) {
  auto html = head(nonce, title + " · Easy Flow", refresh ? 10 : 0);
  html << "<main class=\"alone\"><section class=\"card\"><div class=\"brand\">" << brand() << "</div><h1>" << title
       << "</h1><p class=\"soft\">" << text
       << "</p><p><a class=\"plain\" href=\"/\">To the status page</a></p></section></main>"
       << "\n</body>\n</html>\n";
  return html.take();
}

}  // namespace easyflow::api
