// SPDX-License-Identifier: Apache-2.0
// Runs a command as where io_uring is refused: a seccomp filter answers EPERM to io_uring_setup, as Docker's default
// profile does, in the command and in whatever it starts. It must refuse nothing else.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace {

constexpr int cannot_run_here = 77;
constexpr int failed_start = 127;

bool refuse_io_uring() {
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(SYS_io_uring_setup), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(EPERM)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 2) {
        std::fprintf(stderr, "usage: %s COMMAND [ARGUMENT...]\n", arguments[0]);
        return 2;
    }
    if (!refuse_io_uring()) {
        std::perror("skipped: no seccomp filter can be installed here");
        return cannot_run_here;
    }
    execvp(arguments[1], arguments + 1);
    std::perror(arguments[1]);
    return failed_start;
}
