#include "core/app/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace easyflow::app {
namespace {

constexpr std::size_t kMost = std::size_t{256} << 20U;

Error file_error(const std::string& path, const char* verb, int reason) {
  return Error(ErrorKind::invalid_input, "The file " + path + " can't be " + verb + ": " + std::strerror(reason));
}

/// Writes all of it to the disk; 0, or errno.
int write_all(int file, const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const auto written = ::write(file, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    done += static_cast<std::size_t>(written);
  }
  // a pipe or /dev/null has no disk
  return ::fsync(file) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const bool standard = path == "-";
  const int file = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return file_error(path, "read", errno);
  std::string out;
  char buffer[1 << 16];
  int reason = 0;
  for (;;) {
    const auto got = ::read(file, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) reason = errno;
    if (got <= 0) break;
    out.append(buffer, static_cast<std::size_t>(got));
    if (out.size() > kMost) reason = EFBIG;
    if (reason != 0) break;
  }
  if (!standard) ::close(file);
  if (reason != 0) return file_error(path, "read", reason);
  return out;
}

Result<void> write_file(const std::string& path, const std::string& bytes) {
  struct stat there {};
  // what is no regular file (a pipe, /dev/stdout) can't be replaced, only written to
  if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) return file_error(path, "written", errno);
    const int reason = write_all(file, bytes);
    ::close(file);
    if (reason != 0) return file_error(path, "written", reason);
    return {};
  }
  const auto beside = path + ".part" + std::to_string(::getpid());
  const int file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return file_error(path, "written", errno);
  int reason = write_all(file, bytes);
  if (::close(file) != 0 && reason == 0) reason = errno;
  if (reason == 0 && std::rename(beside.c_str(), path.c_str()) != 0) reason = errno;
  if (reason != 0) {
    ::unlink(beside.c_str());
    return file_error(path, "written", reason);
  }
  return {};
}

}  // namespace easyflow::app
