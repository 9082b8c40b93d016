// SPDX-License-Identifier: Apache-2.0
// The table of refusals: what a kernel, a filter or a limit answers, what it means, what to do. Boot only; it
// must never guess where it can look: settings and limits are read, and their values are named.
#include "reactor/refusal.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tina::detail {
namespace {

constexpr std::string_view oldest_kernel = "6.1";

/// The beginning of a file in /proc; empty if it cannot be read.
std::string read_beginning(const char* path) {
    std::array<char, 4096> text{};
    const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) { return {}; }
    const auto bytes = ::read(descriptor, text.data(), text.size());
    ::close(descriptor);
    return bytes > 0 ? std::string(text.data(), static_cast<std::size_t>(bytes)) : std::string();
}

/// Whether a seccomp filter applies to this process.
bool is_filtered() { return read_beginning("/proc/self/status").find("\nSeccomp:\t2") != std::string::npos; }

/// kernel.io_uring_disabled: '0', '1' or '2'; ' ' if there is no such setting (before Linux 6.6).
char disabled_setting() {
    const auto text = read_beginning("/proc/sys/kernel/io_uring_disabled");
    return text.empty() ? ' ' : text.front();
}

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? std::string("Linux ") + names.release : std::string("this kernel");
}

std::string limit_text(rlim_t value, std::string_view unit, rlim_t divisor) {
    return value == RLIM_INFINITY ? std::string("unlimited") : std::to_string(value / divisor) + std::string(unit);
}

rlimit limit_of(__rlimit_resource resource) {
    rlimit limit{};
    ::getrlimit(resource, &limit);
    return limit;
}

std::string call_of(boot_step step) {
    switch (step) {
    case boot_step::pages: return "mmap";
    case boot_step::event: return "eventfd";
    case boot_step::setup: return "io_uring_setup";
    case boot_step::register_buffers: return "io_uring_register";
    case boot_step::enter: return "io_uring_enter";
    case boot_step::sockets: return "socketpair";
    }
    return "a system call";
}

bool is_io_uring_call(boot_step step) {
    return step == boot_step::setup || step == boot_step::register_buffers || step == boot_step::enter;
}

std::string error_text(int error) {
    const char* name = ::strerrorname_np(-error);
    return name != nullptr ? name : "error " + std::to_string(-error);
}

std::string line(std::string_view verdict, const std::string& cause, std::string_view cure,
                 std::string_view subject = "io_uring") {
    return std::string(subject)
        .append(" is ")
        .append(verdict)
        .append(": ")
        .append(cause)
        .append("; cure: ")
        .append(cure);
}

constexpr std::string_view allow_calls =
    "allow io_uring_setup, io_uring_enter and io_uring_register in the profile of the container or service"
    " (docker run --security-opt seccomp=PROFILE, systemd SystemCallFilter=@aio)";

std::string explain_permission(boot_step step, int error) {
    const char setting = disabled_setting();
    const bool is_setup = step == boot_step::setup;
    if (is_setup && (setting == '2' || (setting == '1' && ::geteuid() != 0 && !is_filtered()))) {
        const auto whom =
            setting == '2' ? " (nobody may use it)" : " (only CAP_SYS_ADMIN and kernel.io_uring_group may)";
        return line("not permitted", std::string("kernel.io_uring_disabled is ") + setting + whom,
                    "sysctl -w kernel.io_uring_disabled=0, as root");
    }
    const auto refused = call_of(step) + " was refused with " + error_text(error);
    if (is_filtered()) { return line("not permitted", refused + " by a seccomp filter", allow_calls); }
    return line("not permitted", refused + " by a security module (no seccomp filter applies)",
                "allow io_uring in the SELinux or AppArmor policy of this program");
}

std::string explain_absence(boot_step step) {
    if (is_filtered()) {
        return line("not permitted", call_of(step) + " was refused with ENOSYS by a seccomp filter", allow_calls);
    }
    return line("not there", kernel_release() + " has no " + call_of(step),
                std::string("a kernel of at least ").append(oldest_kernel).append(", built with CONFIG_IO_URING"));
}

std::string explain_memory(boot_step step, std::size_t locked_bytes) {
    const auto limit = limit_of(RLIMIT_MEMLOCK).rlim_cur;
    const auto needed = std::to_string((locked_bytes + 1023) / 1024) + " KiB";
    if (limit == RLIM_INFINITY || !is_io_uring_call(step)) {
        return line("not usable", call_of(step) + " found no memory", "more memory, or smaller queues");
    }
    return line("not usable",
                "the smallest ring with its buffer ring locks about " + needed + ", and RLIMIT_MEMLOCK is " +
                    limit_text(limit, " KiB", 1024) + " for all rings of the user together",
                "raise it (ulimit -l, LimitMEMLOCK=, docker run --ulimit memlock=-1), or take fewer shards "
                "or buffers");
}

std::string explain_descriptors(boot_step step) {
    return line("not usable",
                call_of(step) + " found no free descriptor, and RLIMIT_NOFILE is " +
                    limit_text(limit_of(RLIMIT_NOFILE).rlim_cur, "", 1),
                "raise it (ulimit -n, LimitNOFILE=)");
}

}  // namespace

std::string explain_refusal(boot_step step, int error, std::size_t locked_bytes) {
    switch (-error) {
    case EPERM:
    case EACCES: return explain_permission(step, error);
    case ENOSYS: return explain_absence(step);
    case ENOMEM: return explain_memory(step, locked_bytes);
    case EMFILE: return explain_descriptors(step);
    case ENFILE:
        return line("not usable", call_of(step) + " found no free descriptor in the whole system",
                    "sysctl -w fs.file-max to a higher value, as root");
    case EINVAL:
        return line("not usable", kernel_release() + " does not know what " + call_of(step) + " was asked for",
                    std::string("a kernel of at least ").append(oldest_kernel));
    default: break;
    }
    return line(
        "not usable", call_of(step) + " failed with " + error_text(error),
        std::string("see io_uring_setup(2) for this error; tina needs a kernel of at least ").append(oldest_kernel));
}

std::string explain_epoll_refusal(std::string_view call, int error) {
    std::string cause(call);
    std::string_view cure = "see its manual page for this error; tina needs epoll where there is no io_uring";
    switch (-error) {
    case EPERM:
    case EACCES:
    case ENOSYS: cure = "allow it in the seccomp profile of the container or service"; break;
    case ENOMEM: cure = "more memory, or fewer descriptors"; break;
    case EMFILE:
        cause +=
            " found no free descriptor, and RLIMIT_NOFILE is " + limit_text(limit_of(RLIMIT_NOFILE).rlim_cur, "", 1);
        return line("not usable", cause, "raise it (ulimit -n, LimitNOFILE=)", "epoll");
    default: break;
    }
    return line("not usable", cause + " failed with " + error_text(error), cure, "epoll");
}

std::string explain_misbehaviour(std::string_view what, std::string_view result) {
    return line("not usable", kernel_release().append(": ").append(what).append(" ").append(result),
                std::string("a kernel of at least ").append(oldest_kernel));
}

}  // namespace tina::detail
