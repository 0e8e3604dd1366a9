#include "stacks/control_server.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/channel.h"

namespace warren::stacks {

namespace {

constexpr std::size_t kMaxRequest = 1024;  // with three names of 63 characters and a comment
constexpr std::size_t kMaxText = 8192;
constexpr std::size_t kMostWaiting = 256;
constexpr int kEventsAtOnce = 16;
constexpr int kBusy = 4;

struct Received {
    ipc::ControlRequest request;
    uid_t peer;
    UniqueFd descriptor;
};

Result<Received> receive_request(ipc::Channel& channel, bool is_for_group) {
    const auto credentials = channel.peer_credentials();
    if (!credentials) return tl::unexpected(credentials.error());
    if (!is_for_group && credentials->uid != ::geteuid())
        return fail(ErrorCode::kPermission, "only root may send requests");
    std::array<std::uint8_t, kMaxRequest> space{};
    auto received = channel.receive(space);
    if (!received) return tl::unexpected(received.error());
    const auto message = ipc::decode_control(Bytes(space).first(received->size));
    if (!message) return tl::unexpected(message.error());
    const auto* request = std::get_if<ipc::ControlRequest>(&*message);
    if (request == nullptr) return fail(ErrorCode::kInvalid, "not a request");
    if (request->comment.size() > ipc::kMaxComment || request->claimed_user.size() > ipc::kMaxClaimedUser)
        return fail(ErrorCode::kInvalid, "a comment or a name is too long");
    Received out{*request, credentials->uid, {}};
    if (!received->descriptors.empty()) out.descriptor = std::move(received->descriptors.front());
    return out;
}

// A message has a bound, and a person reads no more of one line.
std::string shortened(const std::string& text) {
    return text.size() <= kMaxText ? text : text.substr(0, kMaxText) + "...";
}

std::vector<std::uint8_t> wire_of(const ipc::ControlMessage& message) {
    std::vector<std::uint8_t> wire;
    const Status encoded = ipc::encode(message, wire);
    WARREN_CHECK(encoded.has_value());  // a text is shortened
    return wire;
}

std::deque<std::vector<std::uint8_t>> wires_of(const Report& report, std::uint64_t generation) {
    std::deque<std::vector<std::uint8_t>> out;
    for (const ipc::ControlText& text : report.texts)
        out.push_back(wire_of(ipc::ControlText{text.kind, text.customer, shortened(text.text)}));
    out.push_back(wire_of(ipc::ControlDone{report.exit_status, generation, shortened(report.summary)}));
    return out;
}

// To be read, or written to.
bool is_ready(int fd, bool reads) {
    pollfd waiting{fd, POLLOUT, 0};
    if (reads) waiting.events = POLLIN;
    return ::poll(&waiting, 1, 0) > 0;
}

bool watch(int epoll, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

Status share_with(const std::string& socket, gid_t group) {
    if (::chown(socket.c_str(), static_cast<uid_t>(-1), group) != 0) return fail_errno("chown " + socket, errno);
    if (::chmod(socket.c_str(), 0660) != 0) return fail_errno("chmod " + socket, errno);
    return {};
}

Result<ControlServer> ControlServer::listen(const std::string& path, std::optional<gid_t> group) {
    auto listener = ipc::listen_at(path, 0600);
    if (!listener) return tl::unexpected(listener.error());
    if (group) WARREN_TRY(share_with(path, *group));
    UniqueFd ready(::epoll_create1(EPOLL_CLOEXEC));
    if (!ready.valid() || !watch(ready.get(), listener->get(), EPOLLIN)) return fail_errno("epoll", errno);
    return ControlServer(std::move(*listener), std::move(ready), group.has_value());
}

void ControlServer::serve_one(const AnswerOrNone& answer, const Generation& generation) {
    std::array<epoll_event, kEventsAtOnce> events{};
    const int count = ::epoll_wait(ready_.get(), events.data(), kEventsAtOnce, 0);
    for (int i = 0; i < count; ++i) {
        const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
        Client client;
        if (fd == listener_.get()) {
            auto channel = ipc::accept_from(fd);
            if (!channel || !channel->set_non_blocking()) continue;
            client = {std::move(*channel), {}, read_instant_awake()};
        } else if (clients_.contains(fd)) {
            client = take(fd);
        } else {
            continue;
        }
        if (!client.unsent.empty()) {
            go_on(std::move(client));
        } else if (handle(std::move(client), answer, generation)) {
            return;  // meanwhile others may have been served, and descriptors have other meanings
        }
    }
}

bool ControlServer::handle(Client client, const AnswerOrNone& answer, const Generation& generation) {
    auto received = receive_request(client.channel, is_for_group_);
    if (!received && received.error().code == ErrorCode::kUnavailable) {
        keep(std::move(client));
        return false;
    }
    if (!received) {
        log(LogLevel::kWarn, "control_refused", {{"reason", received.error().what}});
        return false;
    }
    descriptor_ = std::move(received->descriptor);
    std::optional<Report> report = answer(received->request, received->peer);
    UniqueFd descriptor = std::move(descriptor_);
    if (!report && waiting_.size() < kMostWaiting) {
        waiting_.push_back({std::move(client.channel), received->request, received->peer, std::move(descriptor)});
        return true;
    }
    if (!report) report = Report{{}, false, kBusy, "stackd is busy, and many wait; try again"};
    reply(std::move(client.channel), *report, generation());
    return true;
}

void ControlServer::serve_waiting(const Answer& answer, const Generation& generation) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    descriptor_ = std::move(next.descriptor);
    const Report report = answer(next.request, next.peer);
    descriptor_.reset();
    reply(std::move(next.channel), report, generation());
}

void ControlServer::reply(ipc::Channel channel, const Report& report, std::uint64_t generation) {
    go_on({std::move(channel), wires_of(report, generation), read_instant_awake()});
}

void ControlServer::go_on(Client client) {
    Status sent;
    while (sent && !client.unsent.empty()) {
        sent = client.channel.send(client.unsent.front());
        if (!sent) break;
        client.unsent.pop_front();
        client.since = read_instant_awake();
    }
    if (sent) return;
    if (sent.error().code == ErrorCode::kUnavailable) return keep(std::move(client));
    log(LogLevel::kWarn, "control_answer_lost", {{"reason", sent.error().what}});
}

void ControlServer::keep(Client client) {
    const int fd = client.channel.fd();
    if (clients_.size() < kMostWaiting && watch(ready_.get(), fd, client.unsent.empty() ? EPOLLIN : EPOLLOUT)) {
        clients_.insert_or_assign(fd, std::move(client));
    } else {
        log(LogLevel::kWarn, "control_answer_lost", {{"reason", "very many clients neither write nor read"}});
    }
}

ControlServer::Client ControlServer::take(int fd) {
    (void)::epoll_ctl(ready_.get(), EPOLL_CTL_DEL, fd, nullptr);
    return std::move(clients_.extract(fd).mapped());
}

void ControlServer::drop_silent(Instant now) {
    std::erase_if(clients_, [this, now](const auto& each) {
        const auto& [fd, client] = each;
        if (now < client.since + kPatience) return false;
        const bool reads = client.unsent.empty();
        // It did its part, and waits for us.
        if (is_ready(fd, reads)) return false;
        (void)::epoll_ctl(ready_.get(), EPOLL_CTL_DEL, fd, nullptr);
        log(LogLevel::kWarn, reads ? "control_refused" : "control_answer_lost",
            {{"reason", reads ? "no request arrived in time" : "the client does not read"}});
        return true;
    });
}

Instant ControlServer::next_deadline() const {
    Instant next = kNever;
    for (const auto& [fd, client] : clients_) next = std::min(next, client.since + kPatience);
    return next;
}

}  // namespace warren::stacks
