#include "ctl/ask/stack_sockets.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "base/bytes.h"
#include "base/fd.h"
#include "ctl/ask/netns.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kMostRead = 16 << 20;  // of a file: a hundred thousand sockets

// include/net/tcp_states.h
constexpr std::array<std::string_view, 13> kStates{
    "",       "established", "syn-sent", "syn-received", "fin-wait-1", "fin-wait-2",  "time-wait",
    "closed", "close-wait",  "last-ack", "listen",       "closing",    "syn-received"};

std::string text_of(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string out;
    std::array<char, 65536> piece{};
    while (file.valid() && out.size() < kMostRead) {
        const ssize_t size = ::read(file.get(), piece.data(), piece.size());
        if (size <= 0) break;
        out.append(piece.data(), static_cast<std::size_t>(size));
    }
    return out;
}

template <typename T>
std::optional<T> hex(std::string_view text) {
    T out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

// "0100007F:1F90": words of 32 bits in the machine's byte order, then the port.
std::optional<Endpoint> parse_endpoint(std::string_view text, bool is_v4) {
    const std::size_t size = is_v4 ? 8 : 32;
    if (text.size() != size + 5 || text[size] != ':') return std::nullopt;
    std::array<std::uint8_t, 16> octets{};
    for (std::size_t word = 0; word < size / 8; ++word) {
        const auto value = hex<std::uint32_t>(text.substr(word * 8, 8));
        if (!value) return std::nullopt;
        store_le(octets.data() + word * 4, *value);
    }
    const auto port = hex<std::uint16_t>(text.substr(size + 1));
    if (!port) return std::nullopt;
    Endpoint out;
    out.address = IpAddress::from_bytes(Bytes(octets).first(size / 2));
    out.port = *port;
    return out;
}

// Runs `work` in a thread that is in the stack.
Status inside(const std::string& customer, const std::function<void()>& work) {
    const auto stack = open_stack(customer);
    if (!stack) return tl::unexpected<Error>(stack.error());
    Status entered;
    std::thread([&] {
        entered = enter(*stack, customer);
        if (entered) work();
    }).join();
    return entered;
}

// Which of these processes holds a socket, by the socket's inode.
std::map<std::uint64_t, pid_t> holders(const std::vector<pid_t>& pids) {
    constexpr std::string_view kSocket = "socket:[";
    std::map<std::uint64_t, pid_t> out;
    for (const pid_t pid : pids) {
        const std::string directory = fmt::format("/proc/{}/fd", pid);
        const std::unique_ptr<DIR, int (*)(DIR*)> fds(::opendir(directory.c_str()), &::closedir);
        if (fds == nullptr) continue;
        while (const dirent* entry = ::readdir(fds.get())) {
            std::array<char, 64> target{};
            const ssize_t size = ::readlinkat(::dirfd(fds.get()), entry->d_name, target.data(), target.size() - 1);
            const std::string_view text(target.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            if (text.starts_with(kSocket)) out.emplace(std::strtoull(target.data() + kSocket.size(), nullptr, 10), pid);
        }
    }
    return out;
}

}  // namespace

std::vector<StackSocket> parse_sockets(std::string_view text, const std::string& protocol, bool is_v4) {
    std::vector<StackSocket> out;
    std::istringstream lines{std::string(text)};
    std::string line;
    std::getline(lines, line);  // the titles
    while (std::getline(lines, line)) {
        // number, local, remote, state, queues, timer, retransmissions, user, timeout, inode
        std::istringstream words(line);
        std::array<std::string, 10> word;
        for (std::string& each : word) words >> each;
        const auto local = parse_endpoint(word[1], is_v4);
        const auto remote = parse_endpoint(word[2], is_v4);
        const auto state = hex<std::uint8_t>(word[3]);
        if (!local || !remote || !state || word[9].empty()) continue;
        StackSocket socket;
        socket.protocol = protocol;
        if (protocol == "tcp" && *state < kStates.size()) socket.state = kStates[*state];
        socket.local = *local;
        socket.remote = *remote;
        socket.inode = std::strtoull(word[9].c_str(), nullptr, 10);
        out.push_back(std::move(socket));
    }
    return out;
}

Result<std::vector<StackSocket>> sockets_of(const std::string& customer, const std::vector<pid_t>& pids) {
    std::vector<StackSocket> out;
    WARREN_TRY(inside(customer, [&out] {
        for (const char* protocol : {"tcp", "udp", "raw"}) {
            for (const bool is_v4 : {true, false}) {
                auto some = parse_sockets(
                    text_of(fmt::format("/proc/thread-self/net/{}{}", protocol, is_v4 ? "" : "6")), protocol, is_v4);
                std::move(some.begin(), some.end(), std::back_inserter(out));
            }
        }
    }));
    const auto holding = holders(pids);
    for (StackSocket& socket : out) {
        if (const auto found = holding.find(socket.inode); found != holding.end()) socket.pid = found->second;
    }
    return out;
}

std::map<std::string, std::uint64_t> parse_snmp(std::string_view text) {
    std::map<std::string, std::uint64_t> out;
    std::istringstream lines{std::string(text)};
    std::string titles;
    std::string line;
    while (std::getline(lines, titles)) {
        const std::size_t colon = titles.find(": ");
        if (colon == std::string::npos) {  // snmp6: a name and a number
            std::istringstream words(titles);
            std::string name;
            std::uint64_t value = 0;
            if (words >> name >> value) out[name] = value;
            continue;
        }
        if (!std::getline(lines, line)) break;
        const std::string group = titles.substr(0, colon);
        std::istringstream names(titles.substr(colon + 1));
        std::istringstream values(line.substr(std::min(colon + 1, line.size())));
        std::string name;
        std::string value;
        while (names >> name && values >> value) out[group + name] = std::strtoull(value.c_str(), nullptr, 10);
    }
    return out;
}

Result<std::map<std::string, std::uint64_t>> counters_of_stack(const std::string& customer) {
    std::map<std::string, std::uint64_t> out;
    WARREN_TRY(inside(customer, [&out] {
        out = parse_snmp(text_of("/proc/thread-self/net/snmp"));
        out.merge(parse_snmp(text_of("/proc/thread-self/net/snmp6")));
    }));
    return out;
}

Result<std::map<std::string, std::string>> sysctls_of_stack(const std::string& customer,
                                                            const std::vector<std::string>& paths) {
    std::map<std::string, std::string> out;
    WARREN_TRY(inside(customer, [&] {
        // /proc/sys/net shows the namespace of the task that looks.
        for (const std::string& path : paths) {
            std::string value = text_of("/proc/sys/net/" + path);
            if (value.empty()) continue;
            while (!value.empty() && value.back() == '\n') value.pop_back();
            out[path] = std::move(value);
        }
    }));
    return out;
}

}  // namespace warren::ctl
