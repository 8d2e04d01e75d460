#include "core/understanding/rescore.hpp"

#include <utility>

namespace easyflow::understanding {
namespace {

/// Short transactions: the rows of a page are locked until its commit.
constexpr int kPage = 500;

}  // namespace

Rescorer::Rescorer(storage::RescoreRepository& rescores, ReaderDirectory& readers)
    : rescores_(rescores), readers_(readers) {}

Task<Result<storage::Rescore>> Rescorer::run(std::string tenant_id, std::optional<Timestamp> since,
                                             std::function<void(const storage::Rescore&)> on_page) {
  if (!readers_.is_enabled())
    co_return Error(ErrorKind::conflict, "Reading messages is switched off. Set nlp.enabled = true.")
        .with_field("nlp.enabled");
  auto reader = co_await readers_.open(tenant_id);
  std::string model = reader->model()->version();
  auto state = co_await rescores_.begin(tenant_id, model, since);
  while (!state.finished_at) {
    auto page = co_await rescores_.page(tenant_id, model, reader, kPage);
    if (!page) co_return page.error();
    state = std::move(*page);
    if (on_page) on_page(state);
  }
  co_return state;
}

Task<std::optional<storage::Rescore>> Rescorer::status(std::string tenant_id) {
  return rescores_.find(std::move(tenant_id));
}

}  // namespace easyflow::understanding
