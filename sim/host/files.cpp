// SPDX-License-Identifier: Apache-2.0
// Files of the harness, and replay files on the disk.
#include "sim/host/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "sim/harness/text.hpp"
#include "sim/replay_file.hpp"

namespace tina::sim::host {

namespace {

class descriptor {
public:
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

private:
    int fd_;
};

[[nodiscard]] std::string reason_of(int error, std::string_view doing, const std::string& path) {
    std::string text =
        "cannot " + std::string(doing) + " " + quoted(path) + ": " + std::generic_category().message(error);
    if (error == ENOENT) text += "; is the name right?";
    if (error == EACCES || error == EROFS) text += "; give a name where that is allowed";
    if (error == EISDIR) text += "; give the name of a file";
    if (error == EMFILE || error == ENFILE) text += "; let the process have more open files (ulimit -n)";
    if (error == ENOSPC || error == EDQUOT) text += "; make room there";
    return text;
}

[[nodiscard]] bool is_special(const std::string& path) noexcept {
    struct stat found{};
    return ::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode);
}

/// Opens, writes, syncs where that is possible, and closes; 0 or an error.
[[nodiscard]] int write_through(const std::string& path, int flags, std::string_view text) noexcept {
    const descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666));
    if (!file.is_open() || !write_all(file.get(), text)) return errno;
    if (::fsync(file.get()) != 0 && errno != EINVAL && errno != EROFS) return errno;
    return 0;
}

}  // namespace

bool write_all(int fd, std::string_view bytes) noexcept {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

text_or_reason read_file(const std::string& path, std::size_t bytes_max) {
    const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return {{}, reason_of(errno, "read", path), errno == ENOENT};
    text_or_reason read;
    std::string buffer(64 * 1024, '\0');
    for (;;) {
        const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return {{}, reason_of(errno, "read", path)};
        if (got == 0) return read;
        read.text.append(buffer, 0, static_cast<std::size_t>(got));
        if (read.text.size() > bytes_max) {
            return {{}, quoted(path) + " has more than " + grouped(bytes_max) + " bytes; is it the right file?"};
        }
    }
}

std::string write_file(const std::string& path, std::string_view text) {
    if (is_special(path)) {
        const int error = write_through(path, 0, text);
        return error == 0 ? std::string() : reason_of(error, "write", path);
    }
    const std::string beside = path + ".part" + std::to_string(::getpid());
    int error = write_through(beside, O_CREAT | O_TRUNC, text);
    if (error == 0 && ::rename(beside.c_str(), path.c_str()) != 0) error = errno;
    if (error == 0) return {};
    ::unlink(beside.c_str());
    return reason_of(error, "write", path);
}

std::string append_file(const std::string& path, std::string_view text) {
    const int error = write_through(path, O_CREAT | O_APPEND, text);
    return error == 0 ? std::string() : reason_of(error, "append to", path);
}

temporary_file::temporary_file() {
    const char* folder = std::getenv("TMPDIR");
    std::string name =
        (folder != nullptr && *folder != '\0' ? std::string(folder) : std::string("/tmp")) + "/tina-run-XXXXXX";
    const descriptor made(::mkostemp(name.data(), O_CLOEXEC));
    if (made.is_open()) path_ = name;
    else reason_ = reason_of(errno, "make the temporary file", name);
}

temporary_file::~temporary_file() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace tina::sim::host

namespace tina::sim {

replay_or_reason read_replay(const std::string& path) {
    host::text_or_reason read = host::read_file(path, replay_bytes_max);
    if (!read.reason.empty()) return {{}, std::move(read.reason)};
    replay_or_reason parsed = parse_replay(read.text);
    if (!parsed.reason.empty()) parsed.reason = path + ": " + parsed.reason;
    return parsed;
}

std::string write_replay(const std::string& path, const replay_file& what) {
    return host::write_file(path, to_text(what));
}

}  // namespace tina::sim
