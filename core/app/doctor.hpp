// The self-examination: configuration, database, migrations, keys, clock, platforms.
#pragma once

namespace easyflow::app {

struct Invocation;

/// Prints one line per check with what to do about a failure. Exit code 0 when all is well.
int run_doctor(const Invocation& invocation);

}  // namespace easyflow::app
