// What the hub does on the intent of a message, decided from facts alone.
#pragma once

#include "connectors/sdk/registry.hpp"
#include "core/base/clock.hpp"
#include "storage/repositories/automation.hpp"

namespace easyflow::automation {

/// Nothing is done when the action is gone, switched off, or the message is not meant for it any more. The answer alone
/// is withheld when a person handles the conversation, does not want it, or would be disturbed at this hour; tags,
/// states and escalations disturb nobody. Every reason is written for people. Thread-safe: no state, no I/O.
storage::ActPlan plan(const storage::ActFacts& facts, const sdk::Registry& connectors, Timestamp now);

}  // namespace easyflow::automation
