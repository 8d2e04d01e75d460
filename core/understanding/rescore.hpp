// Reading older messages again with the model of today.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/async/task.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/understanding/directory.hpp"
#include "storage/repositories/rescore.hpp"

namespace easyflow::understanding {

/// Walks a tenant's messages, oldest first, and gives a new meaning to those that another model has read, or none;
/// what operators have labelled stays. Every page is committed with its position: a run that ends at any moment is
/// continued by the next one. Automatic acts belong to new messages and are not caused here.
class Rescorer {
 public:
  Rescorer(storage::RescoreRepository& rescores, ReaderDirectory& readers);

  /// Runs to the end; `on_page` (may be empty) is told after every page. `since`: only messages from then on.
  /// Error: conflict (reading messages is switched off; another model has begun meanwhile). Throws: StorageDown.
  Task<Result<storage::Rescore>> run(std::string tenant_id, std::optional<Timestamp> since,
                                     std::function<void(const storage::Rescore&)> on_page);
  /// The run under way, or the last one.
  Task<std::optional<storage::Rescore>> status(std::string tenant_id);

 private:
  storage::RescoreRepository& rescores_;
  ReaderDirectory& readers_;
};

}  // namespace easyflow::understanding
