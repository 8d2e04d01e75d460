#include "storage/embedded_postgres.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include "storage/connect.hpp"
#include "storage/database.hpp"

namespace easyflow::storage {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kPollInterval = std::chrono::milliseconds(20);
constexpr std::uintmax_t kLogLimit = 10 * 1024 * 1024;
// sun_path holds 108 bytes with the closing zero; PostgreSQL adds "/.s.PGSQL.5432" (14), its lock file ".lock" (5)
constexpr std::size_t kLongestSocketFolder = 107 - 14 - 5;

/// The operating system's user that owns the cluster and runs the server.
struct OsUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
};

/// A file descriptor closed at the end of the scope.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  int get() const noexcept { return fd_; }
  void reset() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

Error unavailable(std::string text) { return Error(ErrorKind::unavailable, std::move(text)); }
Error invalid(std::string text) { return Error(ErrorKind::invalid_input, std::move(text)); }
std::string reason(int error) { return std::generic_category().message(error); }

std::optional<OsUser> user_by_name(const char* name) {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
  return OsUser{entry.pw_uid, entry.pw_gid, entry.pw_name};
}

std::optional<OsUser> user_by_id(uid_t uid) {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
  return OsUser{entry.pw_uid, entry.pw_gid, entry.pw_name};
}

std::string name_of(uid_t uid) {
  const auto user = user_by_id(uid);
  return user ? user->name : "uid " + std::to_string(uid);
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The last lines of a text, for an error message.
std::string tail(const std::string& text, std::size_t bytes = 1500) {
  auto end = text.find_last_not_of(" \n\r\t");
  if (end == std::string::npos) return {};
  auto cut = text.substr(0, end + 1);
  if (cut.size() > bytes) {
    cut.erase(0, cut.size() - bytes);
    cut.erase(0, cut.find('\n') + 1);
  }
  return cut;
}

/// What follows from the server's own words.
std::string remedy(const std::string& output) {
  if (output.find("No space left on device") != std::string::npos) return "\nThe disk is full: free some space.";
  if (output.find("could not access directory") != std::string::npos) {
    return "\nThe server's user cannot enter the folder: give it search permission (chmod o+x) on every parent.";
  }
  return {};
}

// ---- Processes --------------------------------------------------------------------------------------------------

/// All that a child needs after fork, where allocating is not allowed.
struct Program {
  std::vector<std::string> arguments;  ///< the first is the program's path
  std::vector<const char*> argv() const {
    std::vector<const char*> pointers;
    for (const auto& argument : arguments) pointers.push_back(argument.c_str());
    pointers.push_back(nullptr);
    return pointers;
  }
};

// The server and its tools get no more of the hub's environment than this: it may hold secrets, and PG* variables.
constexpr const char* kEnvironment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", nullptr};

/// In the child: becomes `user`, runs the program with nothing open but stdio and `keep` (if any). Only
/// async-signal-safe calls. With `parent` given the program dies with it. Returns the errno of what failed.
int become_and_exec(const OsUser& user, const char* const* argv, int input, int output, int keep, pid_t parent) {
  if (::geteuid() == 0) {
    if (::setgroups(1, &user.gid) != 0 || ::setresgid(user.gid, user.gid, user.gid) != 0 ||
        ::setresuid(user.uid, user.uid, user.uid) != 0) {
      return errno;
    }
  }
  if (parent != 0) {
    // after the change of user, which clears it; a parent that is gone already shows in getppid()
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
    if (::getppid() != parent) return ESRCH;
  }
  if (::dup2(input, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) return errno;
  // Sockets of the hub that lack O_CLOEXEC would otherwise stay open for as long as the server runs.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (keep >= 0 && ::fcntl(keep, F_SETFD, 0) != 0) return errno;
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_DFL);
  ::umask(0077);
  if (::chdir("/") != 0) return errno;
  ::execve(argv[0], const_cast<char* const*>(argv), const_cast<char* const*>(kEnvironment));
  return errno;
}

struct Finished {
  int status = -1;  ///< exit status, or 128 + signal
  std::string output;
};

/// Runs a program to its end as `user` and returns its output. It dies with the hub.
Result<Finished> run_program(const OsUser& user, const Program& program) {
  int out[2];
  int failed[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return Error(ErrorKind::internal, "pipe: " + reason(errno));
  Descriptor out_read(out[0]), out_write(out[1]);
  if (::pipe2(failed, O_CLOEXEC) != 0) return Error(ErrorKind::internal, "pipe: " + reason(errno));
  Descriptor failed_read(failed[0]), failed_write(failed[1]);
  Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto argv = program.argv();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return unavailable("no process can be started: " + reason(errno));
  if (child == 0) {
    const int error = become_and_exec(user, argv.data(), nothing.get(), out_write.get(), /*keep=*/-1, parent);
    [[maybe_unused]] auto told = ::write(failed_write.get(), &error, sizeof error);
    ::_exit(127);
  }
  out_write.reset();
  failed_write.reset();
  Finished finished;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto n = ::read(out_read.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (finished.output.size() < 1024 * 1024) finished.output.append(buffer.data(), static_cast<std::size_t>(n));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  int error = 0;
  if (::read(failed_read.get(), &error, sizeof error) == sizeof error) {
    return unavailable(program.arguments[0] + " cannot be run as user " + user.name + ": " + reason(error));
  }
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

/// Starts the server as a daemon of its own session, so that it outlives the hub. Returns its process id.
/// It and its children keep `keep` open.
Result<pid_t> start_daemon(const OsUser& user, const Program& program, int log, int keep) {
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return Error(ErrorKind::internal, "pipe: " + reason(errno));
  Descriptor report_read(report[0]), report_write(report[1]);
  Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto argv = program.argv();
  struct Said {
    pid_t pid;
    int error;
  };
  const pid_t middle = ::fork();
  if (middle < 0) return unavailable("no process can be started: " + reason(errno));
  if (middle == 0) {
    ::setsid();
    const pid_t server = ::fork();
    if (server != 0) {
      const Said said{server, server < 0 ? errno : 0};
      [[maybe_unused]] auto told = ::write(report_write.get(), &said, sizeof said);
      ::_exit(0);
    }
    const Said said{-1, become_and_exec(user, argv.data(), nothing.get(), log, keep, /*parent=*/0)};
    [[maybe_unused]] auto told = ::write(report_write.get(), &said, sizeof said);
    ::_exit(127);
  }
  report_write.reset();
  while (::waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_t pid = -1;
  for (Said said{}; ::read(report_read.get(), &said, sizeof said) == sizeof said;) {
    if (said.error != 0) {
      return unavailable(program.arguments[0] + " cannot be run as user " + user.name + ": " + reason(said.error));
    }
    if (said.pid > 0) pid = said.pid;
  }
  return pid;
}

/// True while `pid` runs; a zombie does not.
bool is_alive(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto after_name = stat.rfind(')');
  if (after_name == std::string::npos || after_name + 2 >= stat.size()) return false;
  const char state = stat[after_name + 2];
  return state != 'Z' && state != 'X';
}

/// True when `pid` is a PostgreSQL process (the postmaster or a child of it) working in `cluster`. Its working
/// directory tells, so a number used again by another program is no match.
bool works_in(pid_t pid, const fs::path& cluster) {
  const auto proc = "/proc/" + std::to_string(pid);
  struct stat working {};
  struct stat wanted {};
  if (::stat((proc + "/cwd").c_str(), &working) != 0 || ::stat(cluster.c_str(), &wanted) != 0) return false;
  if (working.st_dev != wanted.st_dev || working.st_ino != wanted.st_ino) return false;
  return read_file(proc + "/comm").rfind("postgres", 0) == 0 && is_alive(pid);
}

/// The processes of the cluster, children that outlived their postmaster included.
std::vector<pid_t> processes_of(const fs::path& cluster) {
  std::vector<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    pid_t pid = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (read.ec == std::errc() && read.ptr == name.data() + name.size() && works_in(pid, cluster)) found.push_back(pid);
  }
  return found;
}

template <class F>
bool poll_until(SteadyClock::time_point deadline, F&& condition) {
  for (;;) {
    if (condition()) return true;
    if (SteadyClock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPollInterval);
  }
}

// ---- The cluster on disk ----------------------------------------------------------------------------------------

/// The places of a cluster. Everything follows from the data folder, so every command finds the same.
struct Layout {
  explicit Layout(const std::string& data_dir)
      : data(fs::absolute(data_dir).lexically_normal()),
        cluster(data / "postgres"),
        fresh(data / "postgres.new"),
        log(data / "postgres.log"),
        lock(data / "postgres.lock"),
        alive(data / "postgres.alive"),
        sockets(data / "run") {
    const auto& path = sockets.native();
    if (path.size() > kLongestSocketFolder || path.find_first_of("\",\n") != std::string::npos) {
      std::ostringstream name;
      name << "/tmp/easyflow-" << std::hex << fnv1a(data.native());
      sockets = name.str();
    }
  }

  static std::uint64_t fnv1a(const std::string& text) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ULL;
    return hash;
  }

  fs::path data, cluster, fresh, log, lock, alive, sockets;
};

/// The user that runs the server: the caller, or for root an unprivileged one (PostgreSQL refuses to run as root).
Result<OsUser> cluster_user() {
  if (::geteuid() == 0) {
    for (const char* name : {"postgres", "nobody"}) {
      if (auto user = user_by_name(name); user && user->uid != 0) return *user;
    }
    return unavailable(
        "PostgreSQL does not run as root and there is no user `postgres`: apt-get install postgresql-15");
  }
  if (auto user = user_by_id(::geteuid())) return *user;
  return invalid("the user with the id " + std::to_string(::geteuid()) +
                 " has no name: PostgreSQL needs an entry in /etc/passwd");
}

/// Creates `path` with `mode` for `owner`, or makes sure that it is a folder of `owner`.
Result<bool> own_folder(const fs::path& path, const OsUser& owner, mode_t mode) {
  const bool made = ::mkdir(path.c_str(), mode) == 0;
  if (!made && errno != EEXIST) {
    return invalid(path.string() + " cannot be created: " + reason(errno) +
                   ". Give the hub a data folder it may write to");
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return invalid(path.string() + ": " + reason(errno));
  if (!S_ISDIR(info.st_mode)) return invalid(path.string() + " is not a folder: move it away");
  if (made && info.st_uid != owner.uid) {
    if (::lchown(path.c_str(), owner.uid, owner.gid) != 0) return invalid(path.string() + ": " + reason(errno));
  } else if (info.st_uid != owner.uid) {
    return invalid(path.string() + " belongs to the user " + name_of(info.st_uid) + ", not to " + owner.name +
                   ": start the hub as the user that made it, or change the owner (chown -R " + owner.name + " " +
                   path.string() + ")");
  }
  if ((info.st_mode & 07777) != mode && ::chmod(path.c_str(), mode) != 0) {
    return invalid(path.string() + ": " + reason(errno));
  }
  return true;
}

/// Makes the data folder, and when root hands the cluster to another user, lets that user pass through it.
Result<bool> prepare_data_folder(const Layout& layout, const OsUser& user) {
  std::error_code error;
  const bool existed = fs::exists(layout.data, error);
  if (!existed) {
    fs::create_directories(layout.data, error);
    if (error) {
      return invalid("the data folder " + layout.data.string() + " cannot be created: " + error.message() +
                     ". Choose another one, or create it for the hub's user");
    }
  }
  if (!fs::is_directory(layout.data, error)) return invalid(layout.data.string() + " is not a folder");
  if (::access(layout.data.c_str(), W_OK | X_OK) != 0) {
    return invalid("the data folder " + layout.data.string() + " is not writable for the user " + name_of(::geteuid()) +
                   ": " + reason(errno) + ". Change its owner or choose another one");
  }
  if (::geteuid() != 0) {
    if (!existed) ::chmod(layout.data.c_str(), 0700);
    return true;
  }
  struct stat info {};
  if (::stat(layout.data.c_str(), &info) == 0 && info.st_uid == 0 && (info.st_mode & 0011) != 0011) {
    // Search permission only: names inside can be used when known, but not listed.
    ::chmod(layout.data.c_str(), (info.st_mode & 07777) | 0011);
  }
  for (auto folder = layout.data; !folder.empty(); folder = folder.parent_path()) {
    if (::stat(folder.c_str(), &info) == 0) {
      const bool passes = info.st_uid == user.uid   ? (info.st_mode & S_IXUSR) != 0
                          : info.st_gid == user.gid ? (info.st_mode & S_IXGRP) != 0
                                                    : (info.st_mode & S_IXOTH) != 0;
      if (!passes) {
        return invalid("the user " + user.name + ", who runs PostgreSQL for root, cannot enter " + folder.string() +
                       ": choose a data folder elsewhere (for example /var/lib/easyflow), or allow it (chmod o+x " +
                       folder.string() + ")");
      }
    }
    if (folder == folder.root_path()) break;
  }
  return true;
}

/// Waits for the lock that keeps two starters of one cluster apart.
Result<Descriptor> take_lock(const Layout& layout, SteadyClock::time_point deadline) {
  Descriptor file(::open(layout.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return invalid(layout.lock.string() + " cannot be opened: " + reason(errno));
  const bool taken = poll_until(deadline, [&] { return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0; });
  if (!taken) {
    return unavailable("another process has been starting or stopping the cluster in " + layout.data.string() +
                       " for too long");
  }
  return file;
}

/// The postmaster's id from its pid file, when it runs.
std::optional<pid_t> postmaster(const Layout& layout) {
  pid_t pid = 0;
  std::ifstream(layout.cluster / "postmaster.pid") >> pid;
  if (pid <= 1 || !works_in(pid, layout.cluster)) return std::nullopt;
  return pid;
}

/// True when the pid file says that the server takes connections.
bool is_ready(const Layout& layout) {
  std::ifstream file(layout.cluster / "postmaster.pid");
  std::string line;
  for (int number = 1; number <= 8; ++number) {
    if (!std::getline(file, line)) return false;
  }
  return line.rfind("ready", 0) == 0;
}

// ---- PostgreSQL's programs --------------------------------------------------------------------------------------

int major_of(const std::string& text) {
  int major = 0;
  const auto digit = text.find_first_of("0123456789");
  if (digit != std::string::npos) std::from_chars(text.data() + digit, text.data() + text.size(), major);
  return major;
}

bool has_programs(const fs::path& folder) {
  return ::access((folder / "postgres").c_str(), X_OK) == 0 && ::access((folder / "initdb").c_str(), X_OK) == 0;
}

/// The folder with the programs that fit the cluster (any version when there is no cluster yet).
Result<fs::path> find_programs(const EmbeddedOptions& options, const Layout& layout, const OsUser& user) {
  const int needed = major_of(read_file(layout.cluster / "PG_VERSION"));
  std::vector<std::pair<int, fs::path>> candidates;
  if (!options.bin_dir.empty()) {
    candidates.emplace_back(0, options.bin_dir);
  } else {
    std::error_code error;
    for (fs::directory_iterator entry("/usr/lib/postgresql", error), end; entry != end; entry.increment(error)) {
      candidates.emplace_back(major_of(entry->path().filename().string()), entry->path() / "bin");
    }
    std::sort(candidates.rbegin(), candidates.rend());
    const char* path = ::getenv("PATH");
    std::istringstream folders(path ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');) {
      if (!folder.empty() && folder.front() == '/') candidates.emplace_back(0, folder);
    }
  }
  int other = 0;
  for (auto& [major, folder] : candidates) {
    if (!has_programs(folder)) continue;
    if (major == 0) {
      EASYFLOW_TRY(version, run_program(user, Program{{(folder / "postgres").string(), "--version"}}));
      major = major_of(version.output);
    }
    if (needed == 0 || major == needed) return folder;
    other = std::max(other, major);
  }
  const auto wanted = std::to_string(needed == 0 ? 15 : needed);
  if (needed != 0 && other != 0) {
    return invalid("the cluster in " + layout.cluster.string() + " was made by PostgreSQL " + wanted +
                   ", installed is " + std::to_string(other) + ": apt-get install postgresql-" + wanted +
                   ", or move the data with pg_upgrade");
  }
  return unavailable("PostgreSQL is not installed" +
                     (options.bin_dir.empty() ? std::string() : " in " + options.bin_dir) +
                     ": apt-get install postgresql-" + wanted + ", or configure the DSN of a server");
}

// ---- Configuration ----------------------------------------------------------------------------------------------

std::string quoted_setting(const std::string& value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

std::string settings_text(const EmbeddedOptions& options, const Layout& layout) {
  std::vector<std::pair<std::string, std::string>> settings = {
      {"listen_addresses", ""},
      {"port", "5432"},
      {"unix_socket_directories", "\"" + layout.sockets.string() + "\""},
      {"unix_socket_permissions", "0700"},
      {"max_connections", "60"},
      {"shared_buffers", "64MB"},
      {"fsync", "on"},
      {"synchronous_commit", "on"},
      {"full_page_writes", "on"},
      {"timezone", "UTC"},
      {"log_timezone", "UTC"},
      {"log_line_prefix", "%m [%p] %u@%d "},
      {"log_checkpoints", "off"},
      // statements and details quote values, which may be personal data
      {"log_error_verbosity", "terse"},
      {"log_min_error_statement", "panic"},
      {"jit", "off"},
  };
  settings.insert(settings.end(), options.extra_settings.begin(), options.extra_settings.end());
  std::string text = "# Rewritten by the hub at every start. Your own settings belong into postgresql.conf.\n";
  for (const auto& [name, value] : settings) text += name + " = " + quoted_setting(value) + "\n";
  return text;
}

constexpr const char* kMainSettings =
    "# Settings of this cluster. The hub's own come first; what stands below them wins.\n"
    "include = 'easyflow.conf'\n";

constexpr const char* kAccess =
    "# Rewritten by the hub at every start: local users named in pg_ident.conf, nobody else.\n"
    "local all all peer map=easyflow\n";

std::string user_map_text(const OsUser& user) {
  std::string text = "# Rewritten by the hub at every start: which user of the system may be which role.\n";
  auto names = std::vector<std::string>{user.name};
  if (const auto self = user_by_id(::geteuid()); self && self->name != user.name) names.push_back(self->name);
  for (const auto& name : names) {
    for (const char* role : {"easyflow_app", "easyflow_owner"}) text += "easyflow \"" + name + "\" " + role + "\n";
  }
  return text + "easyflow \"" + user.name + "\" postgres\n";
}

/// Writes `text` to `path` for `owner` when it differs, by way of a rename. True when it was written.
Result<bool> write_if_changed(const fs::path& path, const std::string& text, const OsUser& owner) {
  if (read_file(path) == text) return false;
  const auto fresh = path.string() + ".new";
  ::unlink(fresh.c_str());
  Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  bool written = file.get() >= 0;
  for (std::size_t at = 0; written && at < text.size();) {
    const auto n = ::write(file.get(), text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    written = n > 0;
    if (written) at += static_cast<std::size_t>(n);
  }
  if (!written || ::fsync(file.get()) != 0 || ::fchown(file.get(), owner.uid, owner.gid) != 0 ||
      ::rename(fresh.c_str(), path.c_str()) != 0) {
    const int error = errno;
    return unavailable(path.string() + " cannot be written: " + reason(error) + remedy(reason(error)));
  }
  return true;
}

Result<bool> write_configuration(const fs::path& cluster, const EmbeddedOptions& options, const Layout& layout,
                                 const OsUser& user) {
  EASYFLOW_TRY(settings, write_if_changed(cluster / "easyflow.conf", settings_text(options, layout), user));
  EASYFLOW_TRY(access, write_if_changed(cluster / "pg_hba.conf", kAccess, user));
  EASYFLOW_TRY(users, write_if_changed(cluster / "pg_ident.conf", user_map_text(user), user));
  return settings || access || users;
}

// ---- Steps of a start -------------------------------------------------------------------------------------------

/// initdb into a folder beside the final one: the rename at the end makes a cluster whole or absent.
Result<bool> create_cluster(const EmbeddedOptions& options, const Layout& layout, const OsUser& user,
                            const fs::path& programs) {
  std::error_code error;
  fs::remove_all(layout.fresh, error);
  if (error) return invalid(layout.fresh.string() + " cannot be removed: " + error.message());
  EASYFLOW_TRY(made, own_folder(layout.fresh, user, 0700));
  (void)made;
  Program initdb{{(programs / "initdb").string(), "--pgdata=" + layout.fresh.string(), "--username=postgres",
                  "--auth=peer", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"}};
  for (const auto& [name, value] : options.extra_settings) {
    if (name == "fsync" && value == "off") initdb.arguments.push_back("--no-sync");
  }
  EASYFLOW_TRY(finished, run_program(user, initdb));
  if (finished.status != 0) {
    return unavailable("the database cluster cannot be created in " + layout.data.string() + ":\n" +
                       tail(finished.output) + remedy(finished.output));
  }
  EASYFLOW_TRY(main, write_if_changed(layout.fresh / "postgresql.conf", kMainSettings, user));
  (void)main;
  EASYFLOW_TRY(others, write_configuration(layout.fresh, options, layout, user));
  (void)others;
  fs::rename(layout.fresh, layout.cluster, error);
  if (error) return invalid(layout.cluster.string() + " cannot be created: " + error.message());
  Descriptor folder(::open(layout.data.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::fsync(folder.get());
  return true;
}

/// Waits for the children of a killed postmaster. They end by themselves unless they are stuck in a statement; those
/// are told to quit, then killed: recovery makes up for it, and a new server must not start beside them.
/// Returns the lock that every process of the next server inherits. It is free only when all of the last one are gone,
/// also those in another container, which no process id shows.
Result<Descriptor> await_leftovers(const Layout& layout, SteadyClock::time_point deadline) {
  Descriptor alive(::open(layout.alive.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (alive.get() < 0) return invalid(layout.alive.string() + " cannot be opened: " + reason(errno));
  const auto started = SteadyClock::now();
  int told = 0;
  const bool gone = poll_until(deadline, [&] {
    const auto left = processes_of(layout.cluster);
    const auto waited = SteadyClock::now() - started;
    const int tell = waited > std::chrono::seconds(6) ? 2 : waited > std::chrono::seconds(2) ? 1 : 0;
    if (tell > told) {
      for (const auto pid : left) ::kill(pid, tell == 1 ? SIGQUIT : SIGKILL);
      told = tell;
    }
    return left.empty() && ::flock(alive.get(), LOCK_EX | LOCK_NB) == 0;
  });
  if (!gone) {
    return unavailable("processes of a PostgreSQL server work in " + layout.cluster.string() +
                       " and do not end; they may run in another container");
  }
  return alive;
}

/// Starts the server and waits until it takes connections.
Result<bool> start_server(const Layout& layout, const OsUser& user, const fs::path& programs, int alive,
                          SteadyClock::time_point deadline) {
  EASYFLOW_TRY(sockets, own_folder(layout.sockets, user, 0700));
  (void)sockets;
  std::error_code error;
  if (const auto size = fs::file_size(layout.log, error); !error && size > kLogLimit) {
    fs::rename(layout.log, layout.log.string() + ".1", error);
  }
  Descriptor log(::open(layout.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (log.get() < 0) return invalid(layout.log.string() + " cannot be written: " + reason(errno));
  const auto log_start = fs::file_size(layout.log, error);
  // Nothing of the cluster runs: `alive` says so. The numbers in the lock files of a killed server may belong to
  // another program by now, or to a zombie that nobody reaps, and either would make PostgreSQL refuse to start.
  for (const auto& left : {layout.cluster / "postmaster.pid", layout.sockets / ".s.PGSQL.5432.lock"}) {
    ::unlink(left.c_str());
  }
  const Program server{{(programs / "postgres").string(), "-D", layout.cluster.string()}};
  EASYFLOW_TRY(pid, start_daemon(user, server, log.get(), alive));
  bool ended = false;
  const bool ready = poll_until(deadline, [&] {
    ended = !is_alive(pid);
    return ended || is_ready(layout);
  });
  if (ready && !ended) return true;
  const auto written = read_file(layout.log);
  const auto output = tail(written.size() > log_start ? written.substr(log_start) : written);
  return unavailable(std::string("PostgreSQL ") + (ended ? "did not start" : "is not ready in time") + ". Its log (" +
                     layout.log.string() + ") ends with:\n" + output + remedy(output));
}

/// Runs statements as the cluster's superuser, which only the server's own user may be.
Result<std::string> as_superuser(const Layout& layout, const OsUser& user, const fs::path& programs,
                                 const std::string& statement) {
  const Program psql{{(programs / "psql").string(), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only",
                      "--set=ON_ERROR_STOP=1", "--host=" + layout.sockets.string(), "--port=5432",
                      "--username=postgres", "--dbname=postgres", "--command=" + statement}};
  EASYFLOW_TRY(finished, run_program(user, psql));
  if (finished.status != 0) {
    return unavailable("the roles of the hub cannot be set up:\n" + tail(finished.output) + remedy(finished.output));
  }
  return finished.output;
}

constexpr const char* kRoles = R"sql(
do $$
begin
  if not exists (select from pg_roles where rolname = 'easyflow_owner') then create role easyflow_owner; end if;
  if not exists (select from pg_roles where rolname = 'easyflow_app') then create role easyflow_app; end if;
end
$$;
alter role easyflow_owner login nosuperuser createrole createdb noreplication nobypassrls;
alter role easyflow_app login nosuperuser nocreaterole nocreatedb noreplication nobypassrls;
)sql";

/// True when both roles can enter the database `easyflow`.
bool can_enter(const EmbeddedPostgres& cluster) {
  try {
    for (const auto& dsn : {cluster.owner_dsn(), cluster.app_dsn()}) open_connection(dsn, std::chrono::seconds(5), "");
    return true;
  } catch (const StorageDown&) {
    return false;
  }
}

Result<bool> set_up_roles(const EmbeddedPostgres& cluster, const Layout& layout, const OsUser& user,
                          const fs::path& programs, SteadyClock::time_point deadline) {
  if (can_enter(cluster)) return true;
  EASYFLOW_TRY(roles, as_superuser(layout, user, programs, kRoles));
  (void)roles;
  EASYFLOW_TRY(known, as_superuser(layout, user, programs, "select 1 from pg_database where datname = 'easyflow'"));
  if (known.empty()) {
    EASYFLOW_TRY(made, as_superuser(layout, user, programs, "create database easyflow owner easyflow_owner"));
    (void)made;
  }
  // A changed user map takes effect a moment after the server was told to read it again.
  const auto usable = [&] { return can_enter(cluster); };
  if (poll_until(deadline, [&] { return usable() || !postmaster(layout); }) && usable()) return true;
  return unavailable("the hub's roles cannot enter the database; see " + layout.log.string());
}

}  // namespace

EmbeddedPostgres::EmbeddedPostgres(EmbeddedOptions options) : options_(std::move(options)) {}

Result<bool> EmbeddedPostgres::ensure_running() {
  const auto deadline = SteadyClock::now() + options_.start_timeout;
  const Layout layout(options_.data_dir);
  EASYFLOW_TRY(user, cluster_user());
  EASYFLOW_TRY(folder, prepare_data_folder(layout, user));
  (void)folder;
  EASYFLOW_TRY(lock, take_lock(layout, deadline));
  (void)lock;
  EASYFLOW_TRY(programs, find_programs(options_, layout, user));

  std::error_code error;
  if (!fs::exists(layout.cluster / "PG_VERSION", error)) {
    if (fs::exists(layout.cluster, error)) {
      return invalid(layout.cluster.string() + " exists but holds no cluster: move it away");
    }
    EASYFLOW_TRY(created, create_cluster(options_, layout, user, programs));
    (void)created;
  }
  EASYFLOW_TRY(owned, own_folder(layout.cluster, user, 0700));
  (void)owned;
  EASYFLOW_TRY(changed, write_configuration(layout.cluster, options_, layout, user));

  bool started = false;
  for (int attempt = 1;; ++attempt) {
    if (const auto pid = postmaster(layout)) {
      if (changed) ::kill(*pid, SIGHUP);
      if (!poll_until(deadline, [&] { return is_ready(layout) || !is_alive(*pid); })) {
        return unavailable("PostgreSQL (process " + std::to_string(*pid) + ") is not ready in time; see " +
                           layout.log.string());
      }
    }
    if (!postmaster(layout)) {
      EASYFLOW_TRY(alive, await_leftovers(layout, deadline));
      EASYFLOW_TRY(running, start_server(layout, user, programs, alive.get(), deadline));
      started = running;
    }
    const auto usable = set_up_roles(*this, layout, user, programs, deadline);
    if (usable) return started;
    // A server that is being killed looks alive for a moment.
    if (postmaster(layout) || attempt == 3) return usable.error();
  }
}

Result<bool> EmbeddedPostgres::stop() {
  const auto deadline = SteadyClock::now() + options_.start_timeout;
  const Layout layout(options_.data_dir);
  std::error_code error;
  if (!fs::exists(layout.cluster, error)) return false;
  EASYFLOW_TRY(lock, take_lock(layout, deadline));
  (void)lock;
  const auto pid = postmaster(layout);
  if (!pid) return false;
  if (::kill(*pid, SIGINT) != 0 && errno == EPERM) {
    return invalid("the server runs as another user: stop it as root or as that user");
  }
  if (!poll_until(deadline, [&] { return !is_alive(*pid); })) {
    return unavailable("PostgreSQL (process " + std::to_string(*pid) + ") has not ended in time; see " +
                       layout.log.string());
  }
  if (layout.sockets.parent_path() != layout.data) ::rmdir(layout.sockets.c_str());  // nobody else would
  return true;
}

std::optional<int> EmbeddedPostgres::running_pid() const { return postmaster(Layout(options_.data_dir)); }

std::string EmbeddedPostgres::dsn(std::string_view role, std::string_view database) const {
  // a connection string quotes by backslash
  const auto quoted = [](std::string_view value) {
    std::string out = "'";
    for (const char c : value) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    return out + "'";
  };
  return "host=" + quoted(Layout(options_.data_dir).sockets.native()) + " port=5432 dbname=" + quoted(database) +
         " user=" + quoted(role);
}

std::string EmbeddedPostgres::app_dsn() const { return dsn("easyflow_app", "easyflow"); }
std::string EmbeddedPostgres::owner_dsn() const { return dsn("easyflow_owner", "easyflow"); }

}  // namespace easyflow::storage
