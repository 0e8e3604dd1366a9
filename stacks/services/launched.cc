#include "stacks/services/launched.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/sandbox.h"
#include "ipc/start.h"

namespace warren::stacks {

namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration kStartPatience = std::chrono::seconds(5);
constexpr int kOrderPatience = 5'000;  // milliseconds
// Less than stackd waits before it kills the keeper, whose end a program can survive.
constexpr std::chrono::seconds kEndPatience(2);
constexpr std::size_t kLargestOrder = 4096;
constexpr std::string_view kStarted = "started";
constexpr std::size_t kFixedFields = 7;

// Fields that end with a zero byte: root, files, user, uid, gid, address space, may_route, then the arguments. With it
// go the stack and the output.
std::string order_of(const Confinement& confinement) {
    std::string out;
    const auto add = [&out](const std::string& field) { (out += field) += '\0'; };
    add(confinement.root);
    add(confinement.files);
    add(confinement.user.name);
    add(std::to_string(confinement.user.uid));
    add(std::to_string(confinement.user.gid));
    add(std::to_string(confinement.address_space));
    add(confinement.may_route ? "1" : "0");
    for (const std::string& argument : confinement.arguments) add(argument);
    return out;
}

Result<Confinement> parse_order(std::string_view text) {
    std::vector<std::string> fields;
    while (!text.empty()) {
        const auto end = text.find('\0');
        if (end == std::string_view::npos) return fail(ErrorCode::kInvalid, "the order is cut");
        fields.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    if (fields.size() <= kFixedFields) return fail(ErrorCode::kInvalid, "the order lacks fields");
    Confinement out;
    out.root = fields[0];
    out.files = fields[1];
    out.user.name = fields[2];
    const auto number = [](const std::string& field, auto& to) {
        const char* const end = field.data() + field.size();
        const auto [stop, error] = std::from_chars(field.data(), end, to);
        return error == std::errc() && stop == end;
    };
    if (!number(fields[3], out.user.uid) || !number(fields[4], out.user.gid) || !number(fields[5], out.address_space))
        return fail(ErrorCode::kInvalid, "the order has no numbers where they belong");
    if (out.user.uid == 0) return fail(ErrorCode::kInvalid, "a service must not run as root");
    out.may_route = fields[6] == "1";
    out.arguments.assign(fields.begin() + kFixedFields, fields.end());
    return out;
}

bool is_readable(int fd, int milliseconds) {
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, milliseconds) > 0;
}

// For signals to the program, which is another user's.
bool keep_only_kill() {
    if (!drop_bounding_set(std::uint64_t{1} << CAP_KILL)) return false;
    __user_cap_header_struct header{};
    header.version = _LINUX_CAPABILITY_VERSION_3;
    std::array<__user_cap_data_struct, 2> sets{};
    sets[0].permitted = sets[0].effective = 1U << CAP_KILL;
    return ::syscall(SYS_capset, &header, sets.data()) == 0;
}

Result<Confinement> receive_order(ipc::Channel& channel, std::vector<UniqueFd>& descriptors) {
    if (!is_readable(channel.fd(), kOrderPatience)) return fail(ErrorCode::kUnavailable, "no order came");
    std::array<std::uint8_t, kLargestOrder> space{};
    auto received = channel.receive(space);
    if (!received) return tl::unexpected(received.error());
    if (received->closed || received->descriptors.size() != 2) return fail(ErrorCode::kInvalid, "that is no order");
    auto confinement = parse_order({reinterpret_cast<const char*>(space.data()), received->size});
    if (!confinement) return confinement;
    descriptors = std::move(received->descriptors);
    confinement->stack = descriptors[0].get();
    confinement->output = descriptors[1].get();
    confinement->ends_with_us = true;
    return confinement;
}

// For poll(): rounded up; not below 10, so that a process which takes its time to end is no reason to spin.
int milliseconds_until(const std::optional<Clock::time_point>& time) {
    if (!time) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*time - Clock::now());
    return std::max(static_cast<int>(left.count()), 10);
}

Status send_text(ipc::Channel& channel, std::string_view text, std::vector<int> descriptors = {}) {
    return channel.send(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), std::move(descriptors));
}

}  // namespace

Result<StartedService> start_launched(const std::string& socket, const Confinement& confinement,
                                      const NoteProcess& note, const std::function<bool()>& must_stop) {
    auto started = ipc::start_by_connecting(socket, kStartPatience, must_stop);
    if (!started) return tl::unexpected(started.error());
    auto process = VpndProcess::watch(started->who.pid);
    if (!process) return tl::unexpected(process.error());
    if (started->who.uid != 0) return fail(ErrorCode::kPermission, socket + ": the started process is not root's");
    // A keeper without an order ends when we do.
    if (note) WARREN_TRY(note(*process));
    const Status sent = send_text(started->channel, order_of(confinement), {confinement.stack, confinement.output});
    if (!sent) return tl::unexpected(sent.error());
    if (!is_readable(started->channel.fd(), kOrderPatience)) {
        process->signal(SIGKILL);
        return fail(ErrorCode::kUnavailable, socket + ": the started process does not answer");
    }
    std::array<std::uint8_t, kLargestOrder> space{};
    const auto answer = started->channel.receive(space);
    if (!answer) return tl::unexpected(answer.error());
    const std::string_view text(reinterpret_cast<const char*>(space.data()), answer->size);
    if (text != kStarted)
        return fail(ErrorCode::kFailed, text.empty() ? socket + ": the started process has ended" : std::string(text));
    return StartedService{std::move(*process), started->channel.take()};
}

int keep_launched(ipc::Channel channel) {
    sigset_t passed;
    sigemptyset(&passed);
    sigaddset(&passed, SIGTERM);
    sigaddset(&passed, SIGHUP);
    ::sigprocmask(SIG_BLOCK, &passed, nullptr);
    const UniqueFd signals(::signalfd(-1, &passed, SFD_CLOEXEC));
    std::vector<UniqueFd> descriptors;
    const auto confinement = receive_order(channel, descriptors);
    if (!confinement) {
        log(LogLevel::kError, "service_failed", {{"reason", confinement.error().what}});
        return EXIT_FAILURE;
    }
    auto process = start_confined(*confinement);
    if (!process) {
        (void)send_text(channel, process.error().what);
        return EXIT_FAILURE;
    }
    descriptors.clear();
    (void)send_text(channel, kStarted);
    if (!keep_only_kill()) log(LogLevel::kWarn, "capabilities_not_dropped", {});
    std::optional<Clock::time_point> kill_at;
    for (;;) {
        std::array<pollfd, 2> waiting{{{signals.get(), POLLIN, 0}, {process->ended_fd(), POLLIN, 0}}};
        if (::poll(waiting.data(), waiting.size(), milliseconds_until(kill_at)) < 0 && errno != EINTR)
            return EXIT_FAILURE;
        signalfd_siginfo info{};
        if (waiting[0].revents != 0 && ::read(signals.get(), &info, sizeof info) == sizeof info) {
            process->signal(static_cast<int>(info.ssi_signo));
            if (info.ssi_signo == SIGTERM && !kill_at) kill_at = Clock::now() + kEndPatience;
        }
        // Also one that was taken over and will not end with us.
        if (kill_at && Clock::now() >= *kill_at) process->signal(SIGKILL);
        if (!process->ended()) continue;
        const std::string reason = process->reap();
        (void)send_text(channel, reason);
        return reason == "exit status 0" ? EXIT_SUCCESS : EXIT_FAILURE;
    }
}

}  // namespace warren::stacks
