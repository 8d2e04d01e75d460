#include "connectors/telegram/updates.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "connectors/sdk/json_fields.hpp"

namespace easyflow::connectors::telegram {
namespace {

using Json = nlohmann::json;
using sdk::EventKind;
using sdk::InboundEvent;

/// Content members of a message, in the order of looking: an animation also has `document`, a live photo also `photo`,
/// a venue also `location`.
constexpr std::array kContent{"animation", "live_photo",   "venue",        "photo",        "document",   "audio",
                              "voice",     "video",        "video_note",   "sticker",      "paid_media", "story",
                              "location",  "contact",      "dice",         "poll",         "game",       "checklist",
                              "invoice",   "rich_message", "web_app_data", "users_shared", "chat_shared"};

/// What a chat tells about itself. Nobody wrote these, so they are no messages of a conversation.
constexpr std::array kService{"new_chat_members",
                              "left_chat_member",
                              "new_chat_title",
                              "new_chat_photo",
                              "delete_chat_photo",
                              "group_chat_created",
                              "supergroup_chat_created",
                              "channel_chat_created",
                              "migrate_to_chat_id",
                              "migrate_from_chat_id",
                              "pinned_message",
                              "message_auto_delete_timer_changed",
                              "successful_payment",
                              "refunded_payment",
                              "connected_website",
                              "write_access_allowed",
                              "forum_topic_created",
                              "forum_topic_edited",
                              "forum_topic_closed",
                              "forum_topic_reopened",
                              "general_forum_topic_hidden",
                              "general_forum_topic_unhidden",
                              "video_chat_scheduled",
                              "video_chat_started",
                              "video_chat_ended",
                              "video_chat_participants_invited",
                              "boost_added",
                              "chat_background_set",
                              "giveaway",
                              "giveaway_created",
                              "giveaway_winners",
                              "giveaway_completed",
                              "passport_data"};

/// PostgreSQL texts cannot hold NUL.
std::string take_text(Json& value) {
  std::string text = std::move(*value.get_ptr<std::string*>());
  for (std::size_t at = text.find('\0'); at != std::string::npos; at = text.find('\0', at))
    text.replace(at, 1, "\xEF\xBF\xBD");
  return text;
}

std::string text_or_empty(Json& object, const char* name) {
  if (!object.is_object()) return {};
  auto found = object.find(name);
  return found == object.end() || !found->is_string() ? std::string() : take_text(*found);
}

Json* member(Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Json* object_member(Json& object, const char* name) {
  Json* found = member(object, name);
  return found == nullptr || !found->is_object() ? nullptr : found;
}

/// Moves a member into the metadata under another name, when it is there.
void keep(Json& metadata, const char* as, Json& from, const char* name) {
  if (Json* found = member(from, name)) metadata[as] = std::move(*found);
}

std::optional<Timestamp> time_of(const Json& object, const char* name) {
  auto seconds = sdk::find_int(object, name);
  constexpr std::int64_t kYear3000 = 32'503'680'000;
  if (!seconds || *seconds <= 0 || *seconds > kYear3000) return std::nullopt;  // 0 marks a message out of reach
  return from_unix_seconds(*seconds);
}

Error malformed(const char* kind, const char* what) {
  return Error(ErrorKind::protocol, std::string(kind) + ": " + what);
}

/// Reads a User or a Chat.
void read_sender(Json& person, sdk::Sender& sender) {
  if (auto id = sdk::find_int(person, "id")) {
    sender.numeric_id = *id;
    sender.platform_user_id = std::to_string(*id);
  }
  sender.username = text_or_empty(person, "username");
  sender.language_code = text_or_empty(person, "language_code");
  sender.full_name = text_or_empty(person, "first_name");
  std::string last_name = text_or_empty(person, "last_name");
  if (!last_name.empty()) {
    if (!sender.full_name.empty()) sender.full_name += ' ';
    sender.full_name += last_name;
  }
  if (sender.full_name.empty()) sender.full_name = text_or_empty(person, "title");
}

/// Reads id and type; false when the chat has no id.
bool read_chat(Json& chat, InboundEvent& event, Json& metadata) {
  auto id = sdk::find_int(chat, "id");
  if (!id) return false;
  event.chat_id = std::to_string(*id);
  event.chat_type = text_or_empty(chat, "type");
  if (event.chat_type != "private") {
    if (const std::string* title = sdk::find_text(chat, "title")) metadata["chat_title"] = *title;
    if (const std::string* name = sdk::find_text(chat, "username")) metadata["chat_username"] = *name;
  }
  return true;
}

/// Of a file only what is needed to fetch and show it.
Json file_facts(Json& file) {
  Json facts = Json::object();
  for (const char* name : {"file_id", "file_unique_id", "file_size", "file_name", "mime_type", "duration", "width",
                           "height", "emoji", "title", "performer"})
    keep(facts, name, file, name);
  return facts;
}

void read_content(Json& message, InboundEvent& event, Json& metadata) {
  if (Json* text = member(message, "text"); text != nullptr && text->is_string()) {
    event.content_type = "text";
    event.text = take_text(*text);
    keep(metadata, "entities", message, "entities");
    return;
  }
  event.text = text_or_empty(message, "caption");
  if (!event.text.empty()) keep(metadata, "entities", message, "caption_entities");
  for (const char* name : kContent) {
    Json* content = member(message, name);
    if (content == nullptr) continue;
    event.content_type = name;
    if (content->is_array() && !content->empty() && content->back().is_object() && content->back().contains("file_id"))
      metadata["file"] = file_facts(content->back());  // sizes of a photo, the largest last
    else if (content->is_object() && content->contains("file_id"))
      metadata["file"] = file_facts(*content);
    else
      metadata[name] = std::move(*content);
    return;
  }
  for (const char* name : kService) {
    Json* content = member(message, name);
    if (content == nullptr) continue;
    event.kind = EventKind::ignored;
    event.content_type = "service";
    metadata["service"] = name;
    if (content->is_number() || content->is_string()) metadata[name] = std::move(*content);
    return;
  }
  event.content_type = "unsupported";
}

Result<void> read_message(Json& message, const char* kind, InboundEvent& event) {
  if (!message.is_object()) return malformed(kind, "is no object");
  Json metadata = Json::object();
  Json* chat = object_member(message, "chat");
  if (chat == nullptr || !read_chat(*chat, event, metadata)) return malformed(kind, "has no chat id");
  auto message_id = sdk::find_int(message, "message_id");
  if (!message_id) return malformed(kind, "has no message_id");
  // 0 stands for "has no id of its own": an ephemeral or a scheduled message
  if (*message_id != 0) event.platform_message_id = std::to_string(*message_id);
  event.sent_at = time_of(message, "date");
  // an anonymous administrator or a channel writes under the chat's name; `from` is then a stand-in
  if (Json* sender = object_member(message, "sender_chat"))
    read_sender(*sender, event.sender);
  else if (Json* from = object_member(message, "from"))
    read_sender(*from, event.sender);
  read_content(message, event, metadata);

  if (Json* replied = object_member(message, "reply_to_message")) keep(metadata, "reply_to", *replied, "message_id");
  if (Json* quote = object_member(message, "quote")) keep(metadata, "quote", *quote, "text");
  if (Json* bot = object_member(message, "via_bot")) keep(metadata, "via_bot", *bot, "username");
  keep(metadata, "forward", message, "forward_origin");
  keep(metadata, "media_group_id", message, "media_group_id");
  keep(metadata, "thread_id", message, "message_thread_id");
  keep(metadata, "author_signature", message, "author_signature");
  keep(metadata, "business_connection_id", message, "business_connection_id");
  keep(metadata, "edit_date", message, "edit_date");
  if (!metadata.empty()) event.metadata_json = sdk::json_text(metadata);
  return {};
}

Result<void> read_callback(Json& query, InboundEvent& event) {
  const std::string* id = sdk::find_text(query, "id");
  if (id == nullptr || id->empty()) return malformed("callback_query", "has no id");
  Json* from = object_member(query, "from");
  if (from == nullptr || !sdk::find_int(*from, "id")) return malformed("callback_query", "has no sender");
  Json metadata = Json::object();
  event.kind = EventKind::callback;
  event.content_type = "callback";
  event.platform_message_id = text_or_empty(query, "id");
  read_sender(*from, event.sender);
  event.text = text_or_empty(query, "data");
  if (Json* message = object_member(query, "message")) {
    Json* chat = object_member(*message, "chat");
    if (chat == nullptr || !read_chat(*chat, event, metadata))
      return malformed("callback_query", "its message has no chat id");
    keep(metadata, "message_id", *message, "message_id");
  }
  keep(metadata, "inline_message_id", query, "inline_message_id");
  keep(metadata, "game_short_name", query, "game_short_name");
  event.metadata_json = sdk::json_text(metadata);
  return {};
}

Result<void> read_membership(Json& change, InboundEvent& event) {
  Json metadata = Json::object();
  Json* chat = object_member(change, "chat");
  if (chat == nullptr || !read_chat(*chat, event, metadata)) return malformed("my_chat_member", "has no chat id");
  Json* member_now = object_member(change, "new_chat_member");
  const std::string* status = member_now == nullptr ? nullptr : sdk::find_text(*member_now, "status");
  if (status == nullptr) return malformed("my_chat_member", "has no new status");
  if (event.chat_type == "private" && *status == "kicked") event.kind = EventKind::contact_blocked;
  if (event.chat_type == "private" && *status == "member") event.kind = EventKind::contact_unblocked;
  event.content_type = "service";
  event.sent_at = time_of(change, "date");
  metadata["status"] = *status;
  if (Json* from = object_member(change, "from")) read_sender(*from, event.sender);
  event.metadata_json = sdk::json_text(metadata);
  return {};
}

/// Fills `event` from the update's one kind. Kinds that mean nothing here, or are newer than this code, stay ignored.
Result<void> read_kind(Json& update, InboundEvent& event) {
  if (Json* message = member(update, "message")) {
    event.kind = EventKind::message;
    return read_message(*message, "message", event);
  }
  if (Json* query = member(update, "callback_query")) return read_callback(*query, event);
  for (const char* kind : {"edited_message", "edited_channel_post"})
    if (Json* message = member(update, kind)) {
      event.kind = EventKind::message_edited;
      return read_message(*message, kind, event);
    }
  if (Json* post = member(update, "channel_post")) {
    event.kind = EventKind::message;
    return read_message(*post, "channel_post", event);
  }
  if (Json* change = member(update, "my_chat_member")) return read_membership(*change, event);
  event.content_type = "unsupported";
  return {};
}

}  // namespace

Result<std::vector<InboundEvent>> read_update(Json&& update) {
  if (!update.is_object()) return Error(ErrorKind::protocol, "an update must be an object");
  auto update_id = sdk::find_int(update, "update_id");
  if (!update_id) return Error(ErrorKind::protocol, "update_id: missing, or no integer");
  std::vector<InboundEvent> events(1);
  events.front().dedup_key = "update:" + std::to_string(*update_id);
  auto read = read_kind(update, events.front());
  if (!read) return read.error();
  return events;
}

Result<std::vector<InboundEvent>> decode_update(std::string_view body) {
  auto update = sdk::parse_json(body);
  if (!update) return update.error();
  return read_update(*std::move(update));
}

}  // namespace easyflow::connectors::telegram
