#include "ctl/ask/program_filter.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>

namespace warren::ctl {

namespace {

constexpr scmp_datum_t kRequestBits = 0xffffffffU;  // what the kernel reads of ioctl()'s request
constexpr scmp_datum_t kUserNamespace = CLONE_NEWUSER;
constexpr std::array<scmp_datum_t, 2> kTyping{TIOCSTI, TIOCLINUX};

// Programs of 32 bits run as well, and their calls have other numbers.
int add_other_architectures(scmp_filter_ctx filter) {
#if defined(__x86_64__)
    constexpr std::array<std::uint32_t, 2> kOthers{SCMP_ARCH_X86, SCMP_ARCH_X32};
#elif defined(__aarch64__)
    constexpr std::array<std::uint32_t, 1> kOthers{SCMP_ARCH_ARM};
#else
    constexpr std::array<std::uint32_t, 0> kOthers{};
#endif
    for (const std::uint32_t architecture : kOthers) {
        if (const int code = seccomp_arch_add(filter, architecture); code != 0 && code != -EEXIST) return code;
    }
    return 0;
}

}  // namespace

Status confine_program() {
    const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
    if (filter == nullptr) return fail(ErrorCode::kFailed, "seccomp_init");
    int code = add_other_architectures(filter.get());
    const auto refuse = [&](int error, int call, auto... arguments) {
        if (code == 0)
            code = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)), call,
                                    sizeof...(arguments), arguments...);
    };
    for (const int call : {SCMP_SYS(unshare), SCMP_SYS(clone)})
        refuse(EPERM, call, SCMP_A0(SCMP_CMP_MASKED_EQ, kUserNamespace, kUserNamespace));
    refuse(ENOSYS, SCMP_SYS(clone3));
    refuse(EPERM, SCMP_SYS(setns));
    for (const scmp_datum_t request : kTyping)
        refuse(EPERM, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, kRequestBits, request));
    if (code != 0) return fail_errno("seccomp rule", -code);
    if (code = seccomp_load(filter.get()); code != 0) return fail_errno("seccomp_load", -code);
    return {};
}

}  // namespace warren::ctl
