#include "connectors/sdk/registry.hpp"
#include "connectors/telegram/telegram.hpp"
#include "connectors/wildberries/wildberries.hpp"

namespace easyflow::connectors {

sdk::Registry make_registry() {
  sdk::Registry registry;
  registry.add(make_wildberries());
  registry.add(make_telegram());
  return registry;
}

}  // namespace easyflow::connectors
