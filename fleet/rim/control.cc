#include "fleet/rim/control.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <variant>

#include "ipc/channel.h"
#include "ipc/codec.h"

namespace warren::fleet {

namespace {

constexpr std::size_t kMaxRequest = 1024;

}  // namespace

Result<std::unique_ptr<Control>> Control::listen(const std::string& path, Answer answer) {
    auto listener = ipc::listen_at(path, 0600);
    if (!listener) return tl::unexpected<Error>(listener.error());
    UniqueFd end(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!end.valid()) return fail_errno("eventfd", errno);
    return std::unique_ptr<Control>(new Control(std::move(*listener), std::move(end), std::move(answer)));
}

Control::Control(UniqueFd listener, UniqueFd end, Answer answer)
    : listener_(std::move(listener)), end_(std::move(end)), answer_(std::move(answer)), thread_([this] { run(); }) {}

Control::~Control() {
    const std::uint64_t one = 1;
    (void)!::write(end_.get(), &one, sizeof one);
    thread_.join();
}

void Control::run() {
    while (true) {
        std::array<pollfd, 2> waiting{{{listener_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}}};
        if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
        if (waiting[1].revents != 0) return;
        if (waiting[0].revents != 0) serve_one();
    }
}

void Control::serve_one() {
    auto channel = ipc::accept_from(listener_.get());
    if (!channel) return;
    const timeval patience{2, 0};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
        (void)::setsockopt(channel->fd(), SOL_SOCKET, option, &patience, sizeof patience);
    std::array<std::uint8_t, kMaxRequest> space{};
    const auto received = channel->receive(space);
    if (!received || received->closed) return;
    const auto message = ipc::decode_control(Bytes(space).first(received->size));
    const auto* request = message ? std::get_if<ipc::ControlRequest>(&*message) : nullptr;
    if (request == nullptr) return;
    const ControlReply reply = answer_(*request);
    std::vector<std::uint8_t> wire;
    for (const ipc::ControlText& text : reply.texts) {
        if (!ipc::encode(ipc::ControlMessage(text), wire) || !channel->send(wire)) return;
    }
    if (ipc::encode(ipc::ControlMessage(ipc::ControlDone{reply.exit_status, 0, reply.summary}), wire))
        (void)channel->send(wire);
}

}  // namespace warren::fleet
