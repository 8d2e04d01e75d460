// Syncs and what they brought: orders and products.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/api/handlers.hpp"
#include "core/api/input.hpp"
#include "core/api/views.hpp"
#include "core/net/problem.hpp"

namespace easyflow::api {
namespace {

/// The error of asking for a stream the platform does not have; nothing when it has it.
std::optional<Error> unknown_stream(const sdk::Registry& connectors, const std::string& platform,
                                    const std::string& stream) {
  const auto* connector = connectors.find(platform);
  std::string known;
  if (connector != nullptr) {
    for (const auto& spec : connector->manifest().streams) {
      if (spec.name == stream) return std::nullopt;
      known += (known.empty() ? "" : ", ") + spec.name;
    }
  }
  auto message =
      known.empty() ? "This platform has no streams to sync." : "This platform has the streams: " + known + ".";
  return Error(ErrorKind::invalid_input, std::move(message)).with_field("stream");
}

}  // namespace

Reply request_sync(Services& services, Call call) {
  auto id = call.id("integration");
  if (!id) co_return net::problem_from(id.error());
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  auto stream = fields->text("stream", 50);
  bool from_start = fields->flag("from_start");
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());

  auto integration = co_await services.integrations.find(call.tenant(), *id);
  if (!integration) co_return no_such("integration");
  if (!stream.empty()) {
    auto unknown = unknown_stream(services.connectors, integration->platform_id, stream);
    if (unknown) co_return net::problem_from(*unknown);
  }
  if (integration->paused)
    co_return net::problem_from(Error(ErrorKind::conflict, "The integration is paused: resume it first."));
  auto streams = co_await services.sync.request(call.tenant(), *id, stream, from_start);
  co_return net::json_response(202, {{"streams", streams}});
}

Reply sync_status(Services& services, Call call) {
  auto streams = co_await services.sync.status(call.tenant());
  std::vector<nlohmann::json> items;
  for (const auto& stream : streams) items.push_back(view(stream));
  co_return net::json_response(200, paged(std::move(items), ""));
}

Reply list_sync_runs(Services& services, Call call) {
  Query query(call.request);
  auto integration = query.id("integration");
  auto status = query.choice("status", {"running", "success", "partial", "failed"});
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto runs = co_await services.sync.runs(call.tenant(), integration, status, std::move(page));
  if (!runs) co_return net::problem_from(runs.error());
  co_return net::json_response(200, view(*runs));
}

Reply show_sync_run(Services& services, Call call) {
  auto id = call.id("sync run");
  if (!id) co_return net::problem_from(id.error());
  auto run = co_await services.sync.run(call.tenant(), *id);
  if (!run) co_return no_such("sync run");
  co_return net::json_response(200, view(*run));
}

Reply list_orders(Services& services, Call call) {
  Query query(call.request);
  auto integration = query.id("integration");
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto orders = co_await services.catalog.orders(call.tenant(), integration, std::move(page));
  if (!orders) co_return net::problem_from(orders.error());
  co_return net::json_response(200, view(*orders));
}

Reply show_order(Services& services, Call call) {
  auto id = call.id("order");
  if (!id) co_return net::problem_from(id.error());
  auto order = co_await services.catalog.order(call.tenant(), *id);
  if (!order) co_return no_such("order");
  co_return net::json_response(200, view(order->first, order->second));
}

Reply list_products(Services& services, Call call) {
  Query query(call.request);
  auto integration = query.id("integration");
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto products = co_await services.catalog.products(call.tenant(), integration, std::move(page));
  if (!products) co_return net::problem_from(products.error());
  co_return net::json_response(200, view(*products));
}

}  // namespace easyflow::api
