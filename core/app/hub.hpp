// The running hub: server, engines, upkeep, and their orderly end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "core/app/core.hpp"
#include "core/async/task_group.hpp"

namespace easyflow::app {

/// Serves until stop() is called. Thread: the I/O thread.
class Hub {
 public:
  Hub(boost::asio::any_io_executor executor, const Config& config, Installation& installation, Core& core);
  ~Hub();

  /// Binds the port, opens the database, starts the engines; `on_ready` runs once requests are answered.
  /// Returns after stop() and the orderly end. Errors of start-up come back as text for the operator.
  Task<Result<void>> run(std::function<void()> on_ready);
  void stop();
  /// Where the hub listens, "http://127.0.0.1:8080".
  std::string address() const;

 private:
  struct Engines;
  Task<> keep_partitions();
  Task<> watch_postgres();
  void on_notify(const std::string& channel);
  Task<> adopt_keys();

  boost::asio::any_io_executor executor_;
  const Config& config_;
  Installation& installation_;
  Core& core_;
  Signal stop_;
  bool stopping_ = false;
  std::unique_ptr<Engines> engines_;
};

}  // namespace easyflow::app
