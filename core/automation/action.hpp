// What a user may ask to happen on an intent.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "storage/repositories/nlp.hpp"

namespace easyflow::automation {

/// Is this an action the hub can carry out? Errors: invalid_input, the field is the member's name ("reply",
/// "min_confidence", "quiet_from").
Result<void> check(const storage::IntentAction& action);

/// Reads "22:00-08:00" into the action; an empty text means never quiet. Error: invalid_input (field "quiet").
Result<void> set_quiet_hours(storage::IntentAction& action, std::string_view text);

/// Is it quiet at this time of the day (minutes since midnight)? The hours may pass midnight; the end is exclusive.
bool is_quiet(const storage::IntentAction& action, int minute_of_day);

}  // namespace easyflow::automation
