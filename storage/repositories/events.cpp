#include "storage/repositories/events.hpp"

#include <utility>

#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

// Only transactions older than every one still running are shown: a later commit can't put an event before them.
constexpr Sql kAfter{"events.after", R"sql(
  select xid, id, type, integration_id, subject_id, payload, created_at
    from outbox_events
   where tenant_id = current_tenant() and (xid, id) > ($1::xid8, $2::bigint)
     and xid < pg_snapshot_xmin(pg_current_snapshot())
   order by xid, id limit $3::integer)sql"};

OutboxEvent read_event(const pqxx::row& row) {
  OutboxEvent out;
  out.id = text_of(row["xid"]) + "." + text_of(row["id"]);
  out.type = text_of(row["type"]);
  out.integration_id = text_of(row["integration_id"]);
  out.subject_id = text_of(row["subject_id"]);
  out.payload_json = text_of(row["payload"]);
  out.created_at = time_of(row["created_at"]);
  return out;
}

/// Splits "<transaction>.<number>"; nothing when it is none.
std::optional<std::pair<std::string, std::string>> read_position(const std::string& cursor) {
  if (cursor.empty()) return std::make_pair("0", "0");
  const auto dot = cursor.find('.');
  if (dot == 0 || dot == std::string::npos || dot > 18 || cursor.size() - dot - 1 > 18 || dot + 1 == cursor.size()) {
    return std::nullopt;
  }
  if (cursor.find_first_not_of("0123456789") != dot) return std::nullopt;
  if (cursor.find_first_not_of("0123456789", dot + 1) != std::string::npos) return std::nullopt;
  return std::make_pair(cursor.substr(0, dot), cursor.substr(dot + 1));
}

}  // namespace

Task<Result<Paged<OutboxEvent>>> EventRepository::after(std::string tenant_id, PageRequest page) {
  auto work = [page = std::move(page)](Tx& tx) -> Result<Paged<OutboxEvent>> {
    const auto position = read_position(page.cursor);
    if (!position) {
      return Error(ErrorKind::invalid_input, "cursor is not the id of an event: leave it out to begin with the oldest")
          .with_field("cursor");
    }
    Paged<OutboxEvent> out;
    for (const auto& row : tx.exec(kAfter, position->first, position->second, rows_to_ask(page) - 1)) {
      out.items.push_back(read_event(row));
    }
    if (!out.items.empty()) out.next = out.items.back().id;
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

}  // namespace easyflow::storage
