// Whole files, read and written for commands.
#pragma once

#include <string>

#include "core/base/error.hpp"

namespace easyflow::app {

/// A file's bytes; "-" is standard input. Error invalid_input: can't be read, over 256 MiB.
Result<std::string> read_file(const std::string& path);

/// Replaces the file in one step: whoever opens it sees the old bytes or the new ones. Error invalid_input: can't be
/// written.
Result<void> write_file(const std::string& path, const std::string& bytes);

}  // namespace easyflow::app
