#include "stacks/services/service_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace warren::stacks {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the architecture of its system calls is not known here"
#endif
constexpr std::uint32_t kOtherNumbers = 0x40000000;  // x32's numbers begin here
constexpr std::uint32_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr);
constexpr std::uint32_t kFirstArgument = offsetof(seccomp_data, args);  // its low half: both are little-endian

constexpr std::array kRefused{
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_memfd_create,
    SYS_shmget,
    SYS_shmat,
    SYS_msgget,
    SYS_semget,
    SYS_mq_open,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_io_uring_setup,
    SYS_bpf,
    SYS_userfaultfd,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_perf_event_open,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_pidfd_getfd,
    SYS_kcmp,
};
constexpr std::array kFamilies{AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

constexpr sock_filter load(std::uint32_t place) {
    return {BPF_LD | BPF_W | BPF_ABS, 0, 0, place};
}
constexpr sock_filter answer(std::uint32_t what) {
    return {BPF_RET | BPF_K, 0, 0, what};
}
// Goes on with the next one if so, and else behind it.
constexpr sock_filter if_equal(std::uint32_t value) {
    return {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value};
}
constexpr std::uint32_t error(int number) {
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number);
}

constexpr std::size_t kLength = 4 + 2 + 2 * kRefused.size() + 2 + 5 + 3 + 2 * kFamilies.size() + 1;

constexpr std::array<sock_filter, kLength> make_program() {
    std::array<sock_filter, kLength> out{};
    std::size_t at = 0;
    const auto add = [&](const sock_filter& each) { out[at++] = each; };
    add(load(offsetof(seccomp_data, arch)));
    add({BPF_JMP | BPF_JEQ | BPF_K, 1, 0, kArchitecture});
    add(answer(SECCOMP_RET_KILL_PROCESS));
    add(load(kNumber));
    add({BPF_JMP | BPF_JGE | BPF_K, 0, 1, kOtherNumbers});
    add(answer(SECCOMP_RET_KILL_PROCESS));
    for (const long call : kRefused) {
        add(if_equal(static_cast<std::uint32_t>(call)));
        add(answer(error(EPERM)));
    }
    // Its flags are in memory, which a filter cannot see; C libraries fall back to clone().
    add(if_equal(SYS_clone3));
    add(answer(error(ENOSYS)));
    add({BPF_JMP | BPF_JEQ | BPF_K, 0, 4, SYS_clone});
    add(load(kFirstArgument));
    add({BPF_JMP | BPF_JSET | BPF_K, 0, 1, kNewNamespaces});
    add(answer(error(EPERM)));
    add(answer(SECCOMP_RET_ALLOW));
    add({BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_socket});
    add(answer(SECCOMP_RET_ALLOW));
    add(load(kFirstArgument));
    for (const int family : kFamilies) {
        add(if_equal(static_cast<std::uint32_t>(family)));
        add(answer(SECCOMP_RET_ALLOW));
    }
    add(answer(error(EAFNOSUPPORT)));
    return out;
}

constexpr std::array kProgram = make_program();
static_assert(kProgram.back().code == (BPF_RET | BPF_K), "kLength is what make_program() adds");

}  // namespace

bool filter_service_calls() {
    std::array<sock_filter, kLength> program = kProgram;  // the kernel's type wants what it could write to
    const sock_fprog all{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all, 0, 0) == 0;
}

}  // namespace warren::stacks
