#include "ctl/ask/stack_processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/clock.h"
#include "base/customer_group.h"
#include "base/fd.h"
#include "ctl/ask/netns.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kMostRead = 1 << 16;  // of a file
constexpr std::size_t kMostShown = 200;     // characters of a command
constexpr std::uint64_t kSecond = 1'000'000'000;

std::string text_of(pid_t pid, const char* name) {
    const UniqueFd file(::open(fmt::format("/proc/{}/{}", pid, name).c_str(), O_RDONLY | O_CLOEXEC));
    std::string out;
    std::array<char, 4096> piece{};
    while (file.valid() && out.size() < kMostRead) {
        const ssize_t size = ::read(file.get(), piece.data(), piece.size());
        if (size <= 0) break;
        out.append(piece.data(), static_cast<std::size_t>(size));
    }
    return out;
}

std::vector<pid_t> all_pids() {
    std::vector<pid_t> out;
    const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
    if (proc == nullptr) return out;
    while (const dirent* entry = ::readdir(proc.get())) {
        const std::string_view name = entry->d_name;
        if (std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }))
            out.push_back(static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10)));
    }
    return out;
}

std::uint64_t ticks_to_nanoseconds(std::uint64_t ticks) {
    static const long per_second = std::max(1L, ::sysconf(_SC_CLK_TCK));
    return ticks * (kSecond / static_cast<std::uint64_t>(per_second));
}

std::string user_of(pid_t pid) {
    struct stat about {};
    if (::stat(fmt::format("/proc/{}", pid).c_str(), &about) != 0) return "?";
    const passwd* entry = ::getpwuid(about.st_uid);
    return entry == nullptr ? fmt::format("{}", about.st_uid) : entry->pw_name;
}

std::string command_of(pid_t pid) {
    std::string out = text_of(pid, "cmdline");
    while (!out.empty() && out.back() == '\0') out.pop_back();
    std::replace(out.begin(), out.end(), '\0', ' ');
    if (out.empty()) {
        out = text_of(pid, "comm");
        while (!out.empty() && out.back() == '\n') out.pop_back();
        return fmt::format("[{}]", out);
    }
    if (out.size() > kMostShown) out = out.substr(0, kMostShown) + "...";
    return out;
}

// The number behind `name` in a file of lines "NAME:  N kB" or "NAME:  N".
std::optional<std::uint64_t> number_of(const std::string& text, std::string_view name) {
    const std::size_t at = text.find(std::string(name) + ":");
    if (at == std::string::npos) return std::nullopt;
    return std::strtoull(text.c_str() + at + name.size() + 1, nullptr, 10);
}

std::uint64_t memory_of(pid_t pid) {
    if (const auto part = number_of(text_of(pid, "smaps_rollup"), "Pss")) return *part * 1024;
    return number_of(text_of(pid, "status"), "VmRSS").value_or(0) * 1024;
}

std::uint64_t since_boot() {
    return static_cast<std::uint64_t>(read_instant().nanoseconds);
}

std::uint64_t namespace_of(pid_t pid) {
    struct stat about {};
    return ::stat(fmt::format("/proc/{}/ns/net", pid).c_str(), &about) == 0 ? about.st_ino : 0;
}

// A number may be another process's the next time.
struct Inhabitant {
    pid_t pid = 0;
    std::uint64_t began = 0;
    bool operator==(const Inhabitant&) const = default;
};

bool runs_own_daemon(pid_t pid) {
    struct stat about {};
    std::array<char, 4096> program{};
    const ssize_t size = ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), program.data(), program.size());
    if (size <= 0 || ::stat(fmt::format("/proc/{}", pid).c_str(), &about) != 0) return false;
    return ctl::is_own_daemon(about.st_uid, std::string(program.data(), static_cast<std::size_t>(size)));
}

std::vector<Inhabitant> look_into(std::uint64_t stack) {
    std::vector<Inhabitant> out;
    for (const pid_t pid : all_pids()) {
        if (namespace_of(pid) != stack || runs_own_daemon(pid)) continue;
        if (const auto times = parse_times(text_of(pid, "stat"))) out.push_back({pid, times->began});
    }
    return out;
}

// The process that has the number now is the one that is looked at, and the one that gets the signal.
void send(pid_t pid, std::uint64_t stack, int signal) {
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    const bool is_old_kernel = !process.valid() && errno == ENOSYS;  // before Linux 5.3
    if (namespace_of(pid) != stack || runs_own_daemon(pid)) return;
    if (process.valid()) {
        (void)::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
    } else if (is_old_kernel) {
        (void)::kill(pid, signal);
    }
}

}  // namespace

std::optional<ProcessTimes> parse_times(const std::string& stat) {
    // Behind the name's last bracket: the state is word 3 of the manual.
    const std::size_t name = stat.rfind(')');
    if (name == std::string::npos) return std::nullopt;
    std::istringstream words(stat.substr(name + 1));
    std::string word;
    ProcessTimes out;
    for (int number = 3; words >> word; ++number) {
        const std::uint64_t value = std::strtoull(word.c_str(), nullptr, 10);
        if (number == 14) out.user = value;
        if (number == 15) out.system = value;
        if (number != 22) continue;
        out.began = value;
        return out;
    }
    return std::nullopt;
}

std::string leaf_in(const std::string& groups) {
    constexpr std::string_view kBelow = "/warren.slice/customer-";
    std::istringstream lines(groups);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t at = line.find(kBelow);
        if (!line.starts_with("0::") || at == std::string::npos) continue;
        const std::size_t leaf = line.find('/', at + kBelow.size());
        return leaf == std::string::npos ? std::string() : line.substr(leaf + 1);
    }
    return {};
}

std::map<std::uint64_t, std::vector<pid_t>> pids_by_namespace() {
    std::map<std::uint64_t, std::vector<pid_t>> out;
    for (const pid_t pid : all_pids()) {
        struct stat about {};
        if (::stat(fmt::format("/proc/{}/ns/net", pid).c_str(), &about) == 0) out[about.st_ino].push_back(pid);
    }
    return out;
}

Result<std::uint64_t> stack_number(const std::string& customer) {
    const auto stack = open_stack(customer);
    if (!stack) return tl::unexpected<Error>(stack.error());
    struct stat about {};
    if (::fstat(stack->get(), &about) != 0) return fail_errno("look at the stack", errno);
    return about.st_ino;  // of one file system, nsfs
}

std::vector<StackProcess> processes_of(const std::vector<pid_t>& pids) {
    std::vector<StackProcess> out;
    const std::uint64_t now = since_boot();
    for (const pid_t pid : pids) {
        const auto times = parse_times(text_of(pid, "stat"));
        if (!times) continue;
        StackProcess process;
        process.pid = pid;
        process.user = user_of(pid);
        process.command = command_of(pid);
        process.cpu_nanoseconds = ticks_to_nanoseconds(times->user + times->system);
        process.memory = memory_of(pid);
        const std::uint64_t began = ticks_to_nanoseconds(times->began);
        process.seconds = began < now ? (now - began) / kSecond : 0;
        process.leaf = leaf_in(text_of(pid, "cgroup"));
        process.parent = static_cast<pid_t>(number_of(text_of(pid, "status"), "PPid").value_or(0));
        out.push_back(std::move(process));
    }
    return out;
}

std::vector<pid_t> noted_services(const std::string& run_dir, const std::string& customer) {
    std::vector<pid_t> out;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(run_dir + "/services", error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        const std::string name = it->path().filename().string();  // and not that of a customer of this reseller
        if (!name.starts_with(customer + ".") || name.rfind('.') != customer.size()) continue;
        pid_t pid = 0;
        std::uint64_t began = 0;
        if (!(std::ifstream(it->path() / "pid") >> pid >> began) || pid <= 1) continue;
        // The number may be another process's by now.
        const auto times = parse_times(text_of(pid, "stat"));
        if (times && times->began == began) out.push_back(pid);
    }
    return out;
}

bool is_service(const StackProcess& process, const std::vector<pid_t>& noted) {
    const auto has = [&noted](pid_t pid) { return std::find(noted.begin(), noted.end(), pid) != noted.end(); };
    return has(process.pid) || has(process.parent) || (!process.leaf.empty() && process.leaf != kOperatorsGroup);
}

bool is_own_daemon(uid_t user, const std::string& program) {
    // A program of a customer's may have any name, but is not root's.
    std::string_view name = program;
    name = name.substr(name.rfind('/') + 1);
    constexpr std::string_view kReplaced = " (deleted)";  // by a newer package
    if (name.ends_with(kReplaced)) name.remove_suffix(kReplaced.size());
    return user == 0 && name == "stackd";
}

std::vector<pid_t> inhabitants_of(std::uint64_t stack) {
    constexpr std::chrono::milliseconds kVisit(50);  // longer than stackd's visits
    const std::vector<Inhabitant> before = look_into(stack);
    if (before.empty()) return {};
    std::this_thread::sleep_for(kVisit);
    std::vector<pid_t> out;
    for (const Inhabitant& one : look_into(stack))
        if (std::find(before.begin(), before.end(), one) != before.end()) out.push_back(one.pid);
    return out;
}

std::vector<pid_t> end_processes(std::uint64_t stack, std::chrono::milliseconds patience) {
    const auto send_all = [stack](const std::vector<pid_t>& pids, int signal) {
        for (const pid_t pid : pids) send(pid, stack, signal);
    };
    constexpr std::chrono::milliseconds kLast(500);  // what SIGKILL takes at the most
    std::vector<pid_t> left = inhabitants_of(stack);
    send_all(left, SIGTERM);
    const auto begin = std::chrono::steady_clock::now();
    while (!left.empty()) {
        left = inhabitants_of(stack);
        const auto waited = std::chrono::steady_clock::now() - begin;
        if (waited > patience + kLast) break;
        if (waited <= patience || left.empty()) continue;
        send_all(left, SIGKILL);
    }
    return left;
}

}  // namespace warren::ctl
