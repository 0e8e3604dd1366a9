#include "base/customer_group.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/fd.h"

namespace warren {

namespace {

constexpr std::string_view kPrefix = "customer-";
constexpr std::size_t kMostRead = 1 << 16;  // of a file

std::optional<std::string> text_of(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return std::nullopt;
    std::string out;
    std::array<char, 4096> piece{};
    while (out.size() < kMostRead) {
        const ssize_t size = ::read(file.get(), piece.data(), piece.size());
        if (size < 0) return std::nullopt;
        if (size == 0) break;
        out.append(piece.data(), static_cast<std::size_t>(size));
    }
    return out;
}

Status write_text(const std::string& path, std::string_view text) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.valid()) return fail_errno(path, errno);
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail_errno(path, errno);
    return {};
}

Status make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
    return fail_errno("make the control group " + path, errno);
}

// Has the groups below this one get controllers. One that this kernel or its administrator does not give is left out.
void hand_down(const std::string& path) {
    for (const std::string_view controller : {"+cpu", "+memory", "+pids"})
        (void)write_text(path + "/cgroup.subtree_control", controller);
}

std::optional<std::uint64_t> number_in(std::string_view text) {
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end == text.data()) return std::nullopt;
    return out;
}

// The number behind `name` in a file of lines "NAME NUMBER".
std::uint64_t number_of(std::string_view text, std::string_view name) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ' ')
            return number_in(line.substr(name.size() + 1)).value_or(0);
        at = end + 1;
    }
    return 0;
}

void set_weight(const std::string& path, std::uint32_t share) {
    const std::string wanted = std::to_string(weight_of(share));
    const auto now = text_of(path + "/cpu.weight");
    if (now && *now != wanted + "\n") (void)write_text(path + "/cpu.weight", wanted);
}

std::vector<std::string> directories_in(const std::string& path) {
    std::vector<std::string> out;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(path, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        std::error_code gone;
        if (it->is_directory(gone)) out.push_back(it->path().filename().string());
    }
    return out;
}

}  // namespace

Result<CustomerGroups> CustomerGroups::open() {
    for (const char* place : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        struct statfs about {};
        if (::statfs(place, &about) == 0 && about.f_type == CGROUP2_SUPER_MAGIC)
            return CustomerGroups(std::string(place) + "/warren.slice");
    }
    return fail(ErrorCode::kUnsupported, "no control groups of version 2 are mounted at /sys/fs/cgroup");
}

std::string CustomerGroups::path(const std::string& customer) const {
    return root_ + "/" + std::string(kPrefix) + customer;
}

Result<std::string> CustomerGroups::make(const std::string& customer, std::uint32_t share,
                                         const std::string& leaf) const {
    // Each level gives the next one its controllers; only leaves have processes.
    hand_down(root_.substr(0, root_.rfind('/')));
    WARREN_TRY(make_directory(root_));
    hand_down(root_);
    const std::string group = path(customer);
    WARREN_TRY(make_directory(group));
    hand_down(group);
    set_weight(group, share);
    WARREN_TRY(make_directory(group + "/" + leaf));
    return group + "/" + leaf;
}

Status CustomerGroups::can_limit() const {
    hand_down(root_.substr(0, root_.rfind('/')));
    WARREN_TRY(make_directory(root_));
    hand_down(root_);
    const std::string handed = " " + text_of(root_ + "/cgroup.subtree_control").value_or("");
    for (const std::string_view controller : {" memory", " pids"}) {
        if (handed.find(controller) == std::string::npos)
            return fail(ErrorCode::kUnsupported,
                        "there is no controller" + std::string(controller) + " below " + root_);
    }
    return {};
}

Status CustomerGroups::limit(const std::string& leaf, const Limits& limits) {
    WARREN_TRY(write_text(leaf + "/memory.max", std::to_string(limits.memory)));
    // Missing in a kernel without swap, or without accounting for it.
    if (::access((leaf + "/memory.swap.max").c_str(), F_OK) == 0)
        WARREN_TRY(write_text(leaf + "/memory.swap.max", "0"));
    return write_text(leaf + "/pids.max", std::to_string(limits.processes));
}

Status CustomerGroups::enter(const std::string& leaf) {
    return write_text(leaf + "/cgroup.procs", "0");
}

std::optional<CustomerGroups::Usage> CustomerGroups::usage(const std::string& customer) const {
    const std::string group = path(customer);
    const auto spent = text_of(group + "/cpu.stat");
    if (!spent) return std::nullopt;
    Usage out;
    out.cpu_nanoseconds = number_of(*spent, "usage_usec") * 1000;
    if (const auto memory = text_of(group + "/memory.current")) out.memory = number_in(*memory);
    if (const auto weight = text_of(group + "/cpu.weight")) {
        if (const auto number = number_in(*weight)) out.weight = static_cast<std::uint32_t>(*number);
    }
    return out;
}

std::vector<std::string> CustomerGroups::customers() const {
    std::vector<std::string> out;
    for (const std::string& name : directories_in(root_)) {
        if (name.starts_with(kPrefix)) out.push_back(name.substr(kPrefix.size()));
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::string> CustomerGroups::leaves(const std::string& customer) const {
    return directories_in(path(customer));
}

void CustomerGroups::remove(const std::string& customer) const {
    const std::string group = path(customer);
    for (const std::string& leaf : leaves(customer)) ::rmdir((group + "/" + leaf).c_str());
    ::rmdir(group.c_str());
}

void CustomerGroups::remove_leaf(const std::string& customer, const std::string& leaf) const {
    ::rmdir((path(customer) + "/" + leaf).c_str());
}

void CustomerGroups::tend(const std::function<std::optional<std::uint32_t>(const std::string& customer)>& share_of,
                          const std::function<bool(const std::string& customer)>& is_gone) const {
    for (const std::string& customer : customers()) {
        if (const auto share = share_of(customer)) {
            set_weight(path(customer), *share);
        } else if (is_gone(customer)) {
            remove(customer);
        }
    }
}

void CustomerGroups::rename(const std::vector<Rename>& renames) const {
    struct Move {
        std::string to;
        std::string leaf;
        std::string pids;  // one a line
    };
    // All are read before any moves: two customers may exchange their ids.
    std::vector<Move> moves;
    for (const Rename& rename : renames)
        for (const std::string& leaf : leaves(rename.from))
            moves.push_back({rename.to, leaf, text_of(path(rename.from) + "/" + leaf + "/cgroup.procs").value_or("")});
    for (const Move& move : moves) {
        const auto target = make(move.to, 1, move.leaf);
        for (std::size_t at = 0; target && at < move.pids.size();) {
            const std::size_t end = std::min(move.pids.find('\n', at), move.pids.size());
            // "0" stands for a process that this PID namespace does not have, and when it is written for the writer.
            const std::string pid = move.pids.substr(at, end - at);
            if (pid != "0") (void)write_text(*target + "/cgroup.procs", pid);
            at = end + 1;
        }
    }
    for (const Rename& rename : renames) remove(rename.from);
}

}  // namespace warren
