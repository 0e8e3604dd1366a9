#include "stacks/customer_logs.h"

#include <fcntl.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/kernel_names.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/utc_text.h"
#include "stacks/kernel/netns.h"
#include "stacks/kernel/packet_log.h"
#include "stacks/plan/policy.h"

namespace warren::stacks {

namespace {

constexpr int kReads = 4;                                    // of one customer in a round
constexpr std::size_t kReaders = 16;                         // in a round
constexpr Duration kPause = std::chrono::milliseconds(100);  // between rounds
constexpr std::size_t kReadSpace = std::size_t{64} << 10;

bool logs(const config::Customer& customer) {
    const auto& rules = customer.firewall.rules;
    return std::any_of(rules.begin(), rules.end(), [](const config::FirewallRule& rule) { return rule.log; });
}

std::string name_of(const std::map<std::uint32_t, std::string>& names, std::uint32_t device) {
    if (device == 0) return "stack";
    const auto found = names.find(device);
    return found == names.end() ? "device " + std::to_string(device) : found->second;
}

// Of the namespace that the thread is in.
std::map<std::uint32_t, std::string> device_names() {
    std::map<std::uint32_t, std::string> out;
    struct if_nameindex* const all = ::if_nameindex();
    for (const struct if_nameindex* each = all; each != nullptr && each->if_index != 0; ++each)
        out[each->if_index] = each->if_name;
    if (all != nullptr) ::if_freenameindex(all);
    return out;
}

}  // namespace

void CustomerLogs::follow(const config::Generation& generation) {
    std::set<std::string> wanted;
    std::size_t beyond = 0;
    for (const auto& accepted : generation.customers) {
        if (!logs(accepted->customer)) continue;
        if (wanted.size() < kMostLogs) {
            wanted.insert(accepted->customer.id);
        } else {
            ++beyond;
        }
    }
    if (beyond != std::exchange(not_read_, beyond) && beyond != 0)
        log(LogLevel::kWarn, "log_not_read",
            {{"customers", std::to_string(beyond)}, {"reason", "more customers log than can be listened to"}});
    std::erase_if(readers_, [&](const auto& each) { return !wanted.contains(each.first); });
    remove_others(generation);
    if (wanted.empty()) return ready_.reset();
    if (!ready_.valid()) ready_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    for (const std::string& customer : wanted) follow_stack(customer);
}

void CustomerLogs::follow_stack(const config::Customer& customer) {
    const bool has_reader = readers_.contains(customer.id);
    if (!logs(customer) || (!has_reader && readers_.size() >= kMostLogs)) return;
    if (!ready_.valid()) ready_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    follow_stack(customer.id);
}

void CustomerLogs::follow_stack(const std::string& customer) {
    const auto stack = namespace_number((kNamespacePrefix + customer));
    if (!stack) {  // it is parked or comes, or is a problem that is told elsewhere
        readers_.erase(customer);
        return;
    }
    const auto known = readers_.find(customer);
    if (known != readers_.end() && known->second.stack == *stack) return;
    if (const Status listening = listen(customer, *stack); !listening)
        log(LogLevel::kWarn, "log_not_read", {{"customer", customer}, {"reason", listening.error().what}});
}

Status CustomerLogs::listen(const std::string& customer, std::uint64_t stack) {
    readers_.erase(customer);
    if (!home_.valid()) {
        auto home = current_namespace();
        if (!home) return tl::unexpected<Error>(home.error());
        home_ = std::move(*home);
    }
    Reader reader;
    reader.stack = stack;
    {
        const auto there = open_namespace((kNamespacePrefix + customer));
        if (!there) return tl::unexpected<Error>(there.error());
        const auto inside = InNamespace::enter(there->get(), home_.get());
        if (!inside) return tl::unexpected<Error>(inside.error());
        auto socket = open_packet_log(kLogGroup);
        if (!socket) return tl::unexpected<Error>(socket.error());
        reader.socket = std::move(*socket);
        reader.names = device_names();
    }
    auto& added = *readers_.insert_or_assign(customer, std::move(reader)).first;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &added;
    if (::epoll_ctl(ready_.get(), EPOLL_CTL_ADD, added.second.socket.get(), &event) == 0) return {};
    const int error = errno;
    readers_.erase(customer);
    return fail_errno("epoll", error);
}

// Those that are not reached come first in the next round: the kernel puts who was told of at the end.
void CustomerLogs::run(Instant now, WallTime wall) {
    if (!ready_.valid() || now < due_) return;
    due_ = now + kPause;
    std::array<epoll_event, kReaders> ready{};
    const int count = ::epoll_wait(ready_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    for (int i = 0; i < count; ++i) {
        auto& [customer, reader] =
            *static_cast<decltype(readers_)::value_type*>(ready.at(static_cast<std::size_t>(i)).data.ptr);
        read(customer, reader, now, wall);
    }
}

void CustomerLogs::rename(const std::vector<Rename>& renames) {
    rename_keys(readers_, renames);
    std::error_code error;  // of files that are not there
    const std::filesystem::path directory = run_dir_ + "/log";
    // By way of names that no customer has: two may change places.
    for (const char* part : {"", ".1"}) {
        for (const Rename& each : renames)
            std::filesystem::rename(directory / (each.from + part), directory / ("." + each.to + part), error);
        for (const Rename& each : renames) {
            std::filesystem::remove(directory / (each.to + part), error);
            std::filesystem::rename(directory / ("." + each.to + part), directory / (each.to + part), error);
        }
    }
}

void CustomerLogs::read(const std::string& customer, Reader& reader, Instant now, WallTime wall) {
    space_.resize(kReadSpace);
    std::string lines;
    for (int i = 0; i < kReads; ++i) {
        const ssize_t size = ::recv(reader.socket.get(), space_.data(), space_.size(), 0);
        if (size < 0 && errno == ENOBUFS) ++reader.left_out;  // how many, the kernel does not say
        if (size <= 0) break;
        for (const LoggedPacket& packet : parse_packet_log(Bytes(space_).first(static_cast<std::size_t>(size)))) {
            if (!reader.lines.take(now, kLogLines)) {
                ++reader.left_out;
                continue;
            }
            lines += utc_text(wall) + " rule \"" + printable(packet.prefix) + "\" " +
                     name_of(reader.names, packet.in_device) + " -> " + name_of(reader.names, packet.out_device) +
                     ": " + packet_text(packet.packet);
            if (const std::uint64_t more = std::exchange(reader.left_out, 0); more != 0)
                lines += " (" + std::to_string(more) + " before it left out)";
            lines += '\n';
        }
    }
    if (!lines.empty()) add(customer, lines);
}

void CustomerLogs::add(const std::string& customer, const std::string& lines) {
    const Status appended = append(customer, lines);
    if (!appended && !std::exchange(has_failed_, true))
        log(LogLevel::kWarn, "log_not_written", {{"customer", customer}, {"reason", appended.error().what}});
    if (appended) has_failed_ = false;
}

Status CustomerLogs::append(const std::string& customer, const std::string& lines) const {
    const std::string directory = run_dir_ + "/log";
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("make " + directory, errno);
    const std::string path = directory + "/" + customer;
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_errno("open " + path, errno);
    if (::write(file.get(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size()))
        return fail_errno("write " + path, errno);
    struct stat about {};
    if (::fstat(file.get(), &about) != 0 || static_cast<std::size_t>(about.st_size) < kLogFileSize) return {};
    if (::rename(path.c_str(), (path + ".1").c_str()) != 0) return fail_errno("rename " + path, errno);
    return {};
}

void CustomerLogs::remove_others(const config::Generation& generation) const {
    std::error_code error;
    std::vector<std::filesystem::path> gone;
    for (auto it = std::filesystem::directory_iterator(run_dir_ + "/log", error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        const std::string name = it->path().filename().string();
        // The older half of one is ID.1, and no part of an id begins with a digit.
        const std::string id = name.ends_with(".1") ? name.substr(0, name.size() - 2) : name;
        if (generation.find(id) == nullptr) gone.push_back(it->path());
    }
    for (const std::filesystem::path& path : gone) std::filesystem::remove(path, error);
}

}  // namespace warren::stacks
