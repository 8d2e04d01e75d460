// Platforms and integrations.
#include <nlohmann/json.hpp>

#include "core/api/handlers.hpp"
#include "core/api/input.hpp"
#include "core/api/views.hpp"
#include "core/net/problem.hpp"

namespace easyflow::api {
namespace {

constexpr std::size_t kLongestName = 255;
constexpr int kLongestInterval = 7 * 24 * 60;

/// The platform refusing its credentials is not a refusal of the caller's token, so it is no 401.
HttpResponse refusal(const Error& error) {
  if (error.kind() != ErrorKind::unauthorized) return net::problem_from(error);
  return net::problem(422, "Credentials refused", error.message(), error.field(), "credentials-refused");
}

Reply set_paused(Services& services, Call call, bool paused) {
  auto id = call.id("integration");
  if (!id) co_return net::problem_from(id.error());
  auto changed = co_await services.integration_service.set_paused(call.tenant(), *id, paused);
  if (!changed) co_return net::problem_from(changed.error());
  co_return net::json_response(200, view(*changed, services.public_url));
}

}  // namespace

Reply list_platforms(Services& services, Call) {
  std::vector<nlohmann::json> items;
  for (const auto& connector : services.connectors.all()) items.push_back(view(connector->manifest()));
  co_return net::json_response(200, paged(std::move(items), ""));
}

Reply list_integrations(Services& services, Call call) {
  auto integrations = co_await services.integrations.list(call.tenant());
  std::vector<nlohmann::json> items;
  for (const auto& integration : integrations) items.push_back(view(integration, services.public_url));
  co_return net::json_response(200, paged(std::move(items), ""));
}

Reply add_integration(Services& services, Call call) {
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  platforms::NewIntegration wanted;
  wanted.user_id = call.who.user_id;
  wanted.platform_id = fields->required_text("platform", kLongestName);
  if (fields->has("account")) wanted.account = fields->required_text("account", kLongestName);
  wanted.credentials = fields->required_secrets("credentials");
  wanted.sync_interval_minutes = fields->whole_number("sync_interval_minutes", 1, kLongestInterval);
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());

  auto added = co_await services.integration_service.add(call.tenant(), std::move(wanted));
  if (!added) co_return refusal(added.error());
  auto response = net::json_response(201, view(*added, services.public_url));
  response.headers.add("Location", "/api/v1/integrations/" + added->integration.id);
  co_return response;
}

Reply show_integration(Services& services, Call call) {
  auto id = call.id("integration");
  if (!id) co_return net::problem_from(id.error());
  auto found = co_await services.integrations.find(call.tenant(), *id);
  if (!found) co_return no_such("integration");
  co_return net::json_response(200, view(*found, services.public_url));
}

Reply check_integration(Services& services, Call call) {
  auto id = call.id("integration");
  if (!id) co_return net::problem_from(id.error());
  auto checked = co_await services.integration_service.check(call.tenant(), *id);
  if (!checked) co_return refusal(checked.error());
  co_return net::json_response(200, view(*checked, services.public_url));
}

Reply pause_integration(Services& services, Call call) {
  return set_paused(services, std::move(call), /*paused=*/true);
}

Reply resume_integration(Services& services, Call call) {
  return set_paused(services, std::move(call), /*paused=*/false);
}

Reply replace_credentials(Services& services, Call call) {
  auto id = call.id("integration");
  if (!id) co_return net::problem_from(id.error());
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  auto credentials = fields->required_secrets("credentials");
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  auto replaced = co_await services.integration_service.replace_credentials(call.tenant(), *id, std::move(credentials));
  if (!replaced) co_return refusal(replaced.error());
  co_return net::json_response(200, view(*replaced, services.public_url));
}

Reply remove_integration(Services& services, Call call) {
  auto id = call.id("integration");
  if (!id) co_return net::problem_from(id.error());
  auto removed = co_await services.integration_service.remove(call.tenant(), *id);
  if (!removed) co_return net::problem_from(removed.error());
  co_return no_content();
}

}  // namespace easyflow::api
