// What the files of the command `nlp` share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/app/commands.hpp"
#include "core/base/error.hpp"
#include "core/nlp/retraining.hpp"

namespace easyflow::app {

/// A model file; an empty path is the model that ships with the program.
Result<std::shared_ptr<const nlp::Model>> read_model(const std::string& path);
/// A CSV of examples. Errors name the file, the line and the column.
Result<std::vector<nlp::Example>> read_examples_file(const std::string& path);
/// Duplicates, contradictions, small intents, on standard error.
void print_faults(const nlp::DataFaults& faults);
/// "0.913"
std::string decimals(double value);

void add_nlp_training(CLI::App& group, Invocation& invocation);  // train, test
void add_nlp_tenant(CLI::App& group, Invocation& invocation);    // models, rules, examples, label, rescore

}  // namespace easyflow::app
