#include "connectors/sdk/connector.hpp"

namespace easyflow::sdk {
namespace {

const std::string kEmpty;

const std::string& plain(const std::map<std::string, Secret>& secrets, const std::string& name) {
  auto found = secrets.find(name);
  return found == secrets.end() ? kEmpty : found->second.reveal();
}

}  // namespace

const std::string& Account::credential(const std::string& name) const { return plain(credentials, name); }

const std::string& Account::hub_secret(const std::string& name) const { return plain(hub_secrets, name); }

const std::string& Account::base_url(const std::string& host) const {
  auto found = base_urls.find(host);
  return found == base_urls.end() ? kEmpty : found->second;
}

std::string_view to_string(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::message: return "message";
    case EventKind::message_edited: return "message_edited";
    case EventKind::callback: return "callback";
    case EventKind::contact_blocked: return "contact_blocked";
    case EventKind::contact_unblocked: return "contact_unblocked";
    case EventKind::ignored: return "ignored";
  }
  return "ignored";
}

}  // namespace easyflow::sdk
