// What is built into the program: the default model and the examples it was trained on. Private to core/nlp.
#pragma once

#include <string_view>
#include <vector>

namespace easyflow::nlp {

/// Empty in a build made before the first model.
std::string_view embedded_model();
/// The files of core/nlp/training by name, each with its header line.
std::vector<std::string_view> embedded_training();
/// core/nlp/typical.csv.
std::string_view embedded_typical();

}  // namespace easyflow::nlp
