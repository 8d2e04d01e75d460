// Group commit: concurrent webhooks share a transaction, each is answered after its COMMIT.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <vector>

#include "core/async/task.hpp"
#include "core/base/error.hpp"
#include "storage/repositories/inbound.hpp"

namespace easyflow::ingest {

struct BatcherOptions {
  std::size_t max_batch = 256;      ///< deliveries in one transaction
  std::size_t max_waiting = 10000;  ///< over it: unavailable, so that the platform repeats later
  int parallel = 2;                 ///< transactions in flight; what arrives meanwhile is the next batch
};

/// Thread: the I/O thread.
class IngestBatcher {
 public:
  IngestBatcher(boost::asio::any_io_executor executor, storage::InboundRepository& inbound, BatcherOptions options);

  /// Returns once the delivery is durable. A batch that fails is tried delivery by delivery, so that one bad delivery
  /// does not take others with it. Errors: unavailable (database down, queue full): nothing is stored then, or the
  /// outcome is unknown and the platform's repetition will be deduplicated.
  Task<Result<void>> record(storage::Delivery delivery);

  /// Waits for what is being stored. Call after the server has stopped.
  Task<> close();

  std::size_t waiting() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace easyflow::ingest
