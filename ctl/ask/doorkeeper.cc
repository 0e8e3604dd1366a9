#include "ctl/ask/doorkeeper.h"

#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <list>
#include <utility>

#include "base/clock.h"
#include "base/sandbox.h"
#include "base/seccomp/filter.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kLength = 4;  // of a message, in bytes, before it; the most significant first
constexpr uid_t kNobody = 65534;
constexpr Duration kPatience = std::chrono::seconds(kDoorPatienceSeconds);
constexpr Duration kLeaving = std::chrono::seconds(1);  // more, before it is ended
constexpr int kBacklog = 16;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress address_of(const Endpoint& at) {
    SocketAddress out;
    if (at.address.is_v4()) {
        auto* to = reinterpret_cast<sockaddr_in*>(&out.storage);
        to->sin_family = AF_INET;
        to->sin_port = htons(at.port);
        std::memcpy(&to->sin_addr, at.address.octets.data(), sizeof to->sin_addr);
        out.size = sizeof *to;
    } else {
        auto* to = reinterpret_cast<sockaddr_in6*>(&out.storage);
        to->sin6_family = AF_INET6;
        to->sin6_port = htons(at.port);
        std::memcpy(&to->sin6_addr, at.address.octets.data(), sizeof to->sin6_addr);
        out.size = sizeof *to;
    }
    return out;
}

// Of whom a connection is: all of an IPv4 address, the first half of one of IPv6.
std::array<std::uint8_t, 8> source_of(const sockaddr_storage& from) {
    std::array<std::uint8_t, 8> out{};
    if (from.ss_family == AF_INET) {
        std::memcpy(out.data(), &reinterpret_cast<const sockaddr_in*>(&from)->sin_addr, sizeof(in_addr));
    } else {
        std::memcpy(out.data(), &reinterpret_cast<const sockaddr_in6*>(&from)->sin6_addr, out.size());
    }
    return out;
}

std::array<std::uint8_t, kLength> length_of(std::size_t size) {
    return {static_cast<std::uint8_t>(size >> 24U), static_cast<std::uint8_t>(size >> 16U & 255U),
            static_cast<std::uint8_t>(size >> 8U & 255U), static_cast<std::uint8_t>(size & 255U)};
}

std::size_t size_of(Bytes length) {
    std::size_t out = 0;
    for (const std::uint8_t byte : length.first(kLength)) out = out << 8U | byte;
    return out;
}

std::vector<std::uint8_t> framed(Bytes message) {
    const auto length = length_of(message.size());
    std::vector<std::uint8_t> out(length.begin(), length.end());
    out.insert(out.end(), message.begin(), message.end());
    return out;
}

// --- the process ---------------------------------------------------------------------------------

struct Client {
    UniqueFd socket;
    std::array<std::uint8_t, 8> source{};
    Instant until;
    std::vector<std::uint8_t> received;
};

class Door {
  public:
    Door(UniqueFd listener, UniqueFd channel, std::size_t most)
        : listener_(std::move(listener)), channel_(std::move(channel)), most_(most), space_(most + kLength) {}

    void run() {
        while (true) {
            std::vector<pollfd> waiting{{listener_.get(), POLLIN, 0}, {channel_.get(), POLLIN, 0}};
            for (const Client& client : clients_) waiting.push_back({client.socket.get(), POLLIN, 0});
            if (::poll(waiting.data(), waiting.size(), 1000) < 0 && errno != EINTR) return;
            if (waiting[1].revents != 0) return;  // whoever started us has ended
            std::size_t at = 2;
            for (auto client = clients_.begin(); client != clients_.end();) {
                const bool is_ready = waiting[at++].revents != 0;
                const bool stays = is_ready ? read_from(*client) : read_instant() < client->until;
                client = stays ? std::next(client) : clients_.erase(client);
            }
            if (waiting[0].revents != 0) accept_one();
        }
    }

  private:
    void accept_one() {
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        UniqueFd socket(
            ::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket.valid()) return;
        const auto source = source_of(from);
        const auto of_one = std::count_if(clients_.begin(), clients_.end(),
                                          [&source](const Client& each) { return each.source == source; });
        if (static_cast<std::size_t>(of_one) >= kDoorClientsOfOne) return;
        if (clients_.size() >= kDoorClients) clients_.pop_front();
        clients_.push_back({std::move(socket), source, read_instant() + kPatience, {}});
    }

    // False: it is over.
    bool read_from(Client& client) {
        const ssize_t size = ::recv(client.socket.get(), space_.data(), space_.size(), 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return read_instant() < client.until;
        if (size <= 0) return false;
        client.received.insert(client.received.end(), space_.begin(), space_.begin() + size);
        if (client.received.size() < kLength) return true;
        const std::size_t length = size_of(client.received);
        if (length == 0 || length > most_ || client.received.size() > kLength + length) return false;
        if (client.received.size() < kLength + length) return true;
        hand_over(client);
        return false;
    }

    void hand_over(const Client& client) {
        const Bytes message = Bytes(client.received).subspan(kLength);
        if (::send(channel_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) ::_exit(1);
        const ssize_t size = ::recv(channel_.get(), space_.data(), space_.size(), 0);
        if (size <= 0) ::_exit(0);
        // One byte alone: no answer.
        if (size == 1) {
            const timespec pause{0, kDoorPauseMilliseconds * 1'000'000L};
            (void)::nanosleep(&pause, nullptr);
            return;
        }
        send_all(client, framed(Bytes(space_).subspan(1, static_cast<std::size_t>(size) - 1)));
    }

    static void send_all(const Client& client, Bytes wire) {
        const Instant until = read_instant() + kPatience;
        while (!wire.empty() && read_instant() < until) {
            const ssize_t sent = ::send(client.socket.get(), wire.data(), wire.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN && errno != EINTR) return;
            if (sent > 0) wire = wire.subspan(static_cast<std::size_t>(sent));
            pollfd waiting{client.socket.get(), POLLOUT, 0};
            if (!wire.empty()) (void)::poll(&waiting, 1, 100);
        }
    }

    UniqueFd listener_;
    UniqueFd channel_;
    std::size_t most_;
    std::list<Client> clients_;
    std::vector<std::uint8_t> space_;
};

bool become(uid_t user, gid_t group) {
    return ::setgroups(0, nullptr) == 0 && ::setresgid(group, group, group) == 0 &&
           ::setresuid(user, user, user) == 0 && static_cast<bool>(drop_privileges());
}

bool confine() {
    SystemCallFilter filter;
    constexpr std::array kDoorCalls{SCMP_SYS(lseek)};
    filter.allow(kDoorCalls);
    return static_cast<bool>(filter.install());
}

[[noreturn]] void run_door(UniqueFd listener, UniqueFd channel, std::size_t most, uid_t user, gid_t group) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)::prctl(PR_SET_NAME, "warren-door");
    // Ctrl-C is for the one that started us.
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
    const int highest = std::max(listener.get(), channel.get());
    for (int fd = 3; fd < highest; ++fd) {
        if (fd != listener.get() && fd != channel.get()) ::close(fd);
    }
    (void)::close_range(static_cast<unsigned>(highest) + 1, ~0U, 0);
    if (!become(user, group)) ::_exit(2);
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of the user has cleared it
    if (!confine()) ::_exit(3);
    Door(std::move(listener), std::move(channel), most).run();
    ::_exit(0);
}

}  // namespace

Result<Doorkeeper> Doorkeeper::open(const Endpoint& at, const std::string& user, std::size_t most) {
    const SocketAddress address = address_of(at);
    UniqueFd listener(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    if (!listener.valid()) return fail_errno("socket", errno);
    (void)::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(listener.get(), address.get(), address.size) != 0 || ::listen(listener.get(), kBacklog) != 0)
        return fail_errno("listen on " + to_string(at), errno);
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return fail_errno("socketpair", errno);
    UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    const int space = static_cast<int>(2 * most + 4096);
    for (const int end : ends) (void)::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &space, sizeof space);
    const passwd* entry = user.empty() ? nullptr : ::getpwnam(user.c_str());
    const bool is_user = entry != nullptr && entry->pw_uid != 0;
    const uid_t uid = is_user ? entry->pw_uid : kNobody;
    const gid_t gid = is_user ? entry->pw_gid : kNobody;
    const pid_t process = ::fork();
    if (process < 0) return fail_errno("fork", errno);
    if (process == 0) {
        ours.reset();
        run_door(std::move(listener), std::move(theirs), most, uid, gid);
    }
    return Doorkeeper(std::move(ours), process);
}

Doorkeeper::Doorkeeper(Doorkeeper&& other) noexcept
    : channel_(std::move(other.channel_)), process_(std::exchange(other.process_, -1)) {}

Doorkeeper::~Doorkeeper() {
    if (process_ < 0) return;
    channel_.reset();  // it ends as soon as it has sent what it is sending
    for (const Instant until = read_instant() + kPatience + kLeaving; read_instant() < until;) {
        if (::waitpid(process_, nullptr, WNOHANG) != 0) return;
        const timespec pause{0, 5'000'000};
        (void)::nanosleep(&pause, nullptr);
    }
    ::kill(process_, SIGKILL);
    (void)::waitpid(process_, nullptr, 0);
}

Result<std::optional<std::vector<std::uint8_t>>> Doorkeeper::next(int milliseconds) {
    pollfd waiting{channel_.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, milliseconds);
    if (ready <= 0) return std::optional<std::vector<std::uint8_t>>();
    std::vector<std::uint8_t> out(256 * 1024);
    const ssize_t size = ::recv(channel_.get(), out.data(), out.size(), 0);
    if (size <= 0) return fail(ErrorCode::kUnavailable, "the process that takes connections has ended");
    out.resize(static_cast<std::size_t>(size));
    return std::optional(std::move(out));
}

Status Doorkeeper::answer(Bytes message) {
    std::vector<std::uint8_t> wire{0};
    wire.insert(wire.end(), message.begin(), message.end());
    if (::send(channel_.get(), wire.data(), wire.size(), MSG_NOSIGNAL) < 0)
        return fail_errno("the process that takes connections", errno);
    return {};
}

Result<std::vector<std::uint8_t>> knock(const Endpoint& at, Bytes message, std::size_t most, int patience_seconds) {
    const SocketAddress address = address_of(at);
    const UniqueFd socket(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail_errno("socket", errno);
    const timeval patience{patience_seconds, 0};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
        (void)::setsockopt(socket.get(), SOL_SOCKET, option, &patience, sizeof patience);
    if (::connect(socket.get(), address.get(), address.size) != 0)
        return fail(ErrorCode::kUnavailable, "connect to " + to_string(at) + ": " + std::strerror(errno));
    const std::vector<std::uint8_t> wire = framed(message);
    for (std::size_t sent = 0; sent < wire.size();) {
        const ssize_t size = ::send(socket.get(), wire.data() + sent, wire.size() - sent, MSG_NOSIGNAL);
        if (size <= 0) return fail(ErrorCode::kUnavailable, to_string(at) + " hung up");
        sent += static_cast<std::size_t>(size);
    }
    std::vector<std::uint8_t> received;
    std::array<std::uint8_t, 4096> space{};
    while (received.size() < kLength || received.size() < kLength + size_of(received)) {
        if (received.size() >= kLength && size_of(received) > most) break;
        const ssize_t size = ::recv(socket.get(), space.data(), space.size(), 0);
        if (size <= 0) return fail(ErrorCode::kUnavailable, to_string(at) + " gave no answer");
        received.insert(received.end(), space.begin(), space.begin() + size);
    }
    received.erase(received.begin(), received.begin() + kLength);
    if (received.size() > most) return fail(ErrorCode::kInvalid, to_string(at) + ": its answer is too long");
    return received;
}

}  // namespace warren::ctl
