#include "core/app/installation.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/base/ids.hpp"
#include "core/base/log.hpp"

namespace easyflow::app {
namespace {

namespace fs = std::filesystem;

Error folder_error(const std::string& path, const std::string& what) {
  return Error(ErrorKind::invalid_input,
               "The data folder " + path + " can't be used: " + what +
                   ". Choose another with data.dir (--data-dir) or give this user access to it.")
      .with_field("data.dir");
}

int open_lock(const std::string& path) { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); }

}  // namespace

Result<std::unique_ptr<Installation>> Installation::open(const Config& config, Use use) {
  std::unique_ptr<Installation> self(new Installation());
  self->data_dir_ = config.data.dir;
  if (auto done = self->prepare_folder(); !done) return done.error();
  if (auto done = self->take_lock(use); !done) return done.error();
  if (auto done = self->read_node(); !done) return done.error();
  if (auto done = self->start_database(config, use); !done) return done.error();
  return self;
}

Result<void> Installation::prepare_folder() {
  std::error_code failure;
  fs::create_directories(data_dir_, failure);
  if (failure) return folder_error(data_dir_, failure.message());
  data_dir_ = fs::absolute(data_dir_).lexically_normal().string();
  if (data_dir_.size() > 1 && data_dir_.back() == '/') data_dir_.pop_back();
  // the cluster's own user must be able to pass through to its folder, others see nothing that is not theirs
  ::chmod(data_dir_.c_str(), ::geteuid() == 0 ? 0711 : 0700);
  if (::access(data_dir_.c_str(), W_OK | X_OK) != 0) return folder_error(data_dir_, std::strerror(errno));
  return {};
}

Result<void> Installation::take_lock(Use use) {
  use_lock_ = open_lock(data_dir_ + "/postgres.use");
  if (use_lock_ < 0) return folder_error(data_dir_, std::strerror(errno));
  ::flock(use_lock_, LOCK_SH);
  if (use == Use::command) return {};

  const auto path = data_dir_ + "/hub.lock";
  hub_lock_ = open_lock(path);
  if (hub_lock_ < 0) return folder_error(data_dir_, std::strerror(errno));
  if (::flock(hub_lock_, LOCK_EX | LOCK_NB) != 0) {
    std::ifstream holder(path);
    std::string pid;
    std::getline(holder, pid);
    return Error(ErrorKind::conflict, "Another hub (process " + (pid.empty() ? "unknown" : pid) +
                                          ") already works on the data folder " + data_dir_ +
                                          ". Stop it first, or give this one a folder of its own with --data-dir.");
  }
  auto pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(hub_lock_, 0) != 0 || ::pwrite(hub_lock_, pid.data(), pid.size(), 0) < 0)
    return folder_error(data_dir_, std::strerror(errno));
  return {};
}

Result<void> Installation::read_node() {
  const auto path = data_dir_ + "/node_id";
  {
    std::ifstream stored(path);
    std::getline(stored, node_);
  }
  if (is_uuid(node_)) return {};
  node_ = new_uuid();
  std::ofstream fresh(path, std::ios::trunc);
  fresh << node_ << '\n';
  fresh.close();
  if (!fresh) return folder_error(data_dir_, "node_id could not be written (is the disk full?)");
  return {};
}

Result<void> Installation::start_database(const Config& config, Use use) {
  if (!config.database.dsn.empty()) {
    app_dsn_ = config.database.dsn.reveal();
    owner_dsn_ = config.database.owner_dsn.reveal();
    return {};
  }
  storage::EmbeddedOptions options;
  options.data_dir = data_dir_;
  options.bin_dir = config.database.bin_dir;
  embedded_.emplace(std::move(options));
  EASYFLOW_TRY(started, embedded_->ensure_running());
  stops_postgres_ = started || use == Use::hub;
  app_dsn_ = embedded_->app_dsn();
  owner_dsn_ = embedded_->owner_dsn();
  return {};
}

Result<crypto::MasterKeys> Installation::master_keys(const Config& config, bool create) const {
  if (!config.keys.master_key.empty()) return crypto::MasterKeys::parse(config.keys.master_key);
  return crypto::MasterKeys::load_file(config.keys.file, create);
}

Installation::~Installation() {
  const bool keep = ::access(keep_running_file(data_dir_).c_str(), F_OK) == 0;
  if (embedded_ && stops_postgres_ && !keep && ::flock(use_lock_, LOCK_EX | LOCK_NB) == 0) {
    auto stopped = embedded_->stop();
    if (!stopped) log::warn("postgres.not_stopped", {{"error", stopped.error().message()}});
  }
  if (use_lock_ >= 0) ::close(use_lock_);
  if (hub_lock_ >= 0) ::close(hub_lock_);
}

}  // namespace easyflow::app
