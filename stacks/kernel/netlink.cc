#include "stacks/kernel/netlink.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace warren::stacks {

namespace {

constexpr std::size_t kReceiveSpace =
    32 * 1024;  // what the kernel fills at most per dump datagram (NLMSG_GOODSIZE, netlink_dump())
constexpr std::size_t kSendSpace = 64 * 1024;  // what the kernel takes at once in any case
constexpr int kDumpTries = 20;
constexpr int kSomeTries = 3;  // the caller comes back

tl::unexpected<Error> refused(const NetlinkAnswer& answer) {
    if (answer.text.empty()) return fail_errno("kernel", answer.error);
    return fail_errno(answer.text, answer.error);
}

bool wants_ack(const NetlinkRequest& request) {
    return (load_le<std::uint16_t>(request.bytes().data() + offsetof(nlmsghdr, nlmsg_flags)) & NLM_F_ACK) != 0;
}

}  // namespace

NetlinkSocket::NetlinkSocket(UniqueFd socket) : socket_(std::move(socket)), buffer_(kReceiveSpace) {}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
    UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    if (!socket.valid()) return fail_errno("open netlink socket", errno);
    const int on = 1;
    // Older kernels lack some of these: less detail in errors, less filtering, otherwise the same.
    for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK})
        (void)::setsockopt(socket.get(), SOL_NETLINK, option, &on, sizeof on);
    return NetlinkSocket(std::move(socket));
}

Status NetlinkSocket::send(Bytes bytes) {
    for (;;) {
        if (::send(socket_.get(), bytes.data(), bytes.size(), 0) >= 0) return {};
        if (errno != EINTR) return fail_errno("netlink send", errno);
    }
}

Result<Bytes> NetlinkSocket::receive() {
    for (;;) {
        const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno("netlink receive", errno);
        if (static_cast<std::size_t>(size) > buffer_.size())
            return fail(ErrorCode::kFailed, "netlink receive: message too large");
        return Bytes(buffer_).first(static_cast<std::size_t>(size));
    }
}

Status NetlinkSocket::request(NetlinkRequest& request) {
    return batch(std::span(&request, 1));
}

Status NetlinkSocket::batch(std::span<NetlinkRequest> requests) {
    std::vector<std::uint8_t> bytes;
    std::vector<std::uint32_t> waiting;
    for (NetlinkRequest& request : requests) {
        request.set_sequence(++sequence_);
        if (wants_ack(request)) waiting.push_back(sequence_);
        const Bytes message = request.bytes();
        bytes.insert(bytes.end(), message.begin(), message.end());
    }
    if (bytes.size() > kSendSpace) {
        const auto space = static_cast<int>(2 * bytes.size());
        (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof space);
    }
    WARREN_TRY(send(bytes));
    while (!waiting.empty()) {
        auto datagram = receive();
        if (!datagram) return tl::unexpected(datagram.error());
        NetlinkMessage message;
        while (next_message(*datagram, message)) {
            if (message.type != NLMSG_ERROR) continue;
            const NetlinkAnswer answer = parse_answer(message);
            // An error may concern a message that asked for no acknowledgement: the end of a batch.
            if (answer.error != 0 && message.sequence <= sequence_ && message.sequence > sequence_ - requests.size())
                return refused(answer);
            std::erase(waiting, message.sequence);
        }
    }
    return {};
}

Result<bool> NetlinkSocket::receive_dump(std::uint32_t sequence, std::vector<std::uint8_t>& messages, std::size_t most,
                                         bool& is_cut) {
    bool is_whole = true;
    std::size_t count = 0;
    for (;;) {
        auto datagram = receive();
        if (!datagram) return tl::unexpected(datagram.error());
        const Bytes all = *datagram;
        NetlinkMessage message;
        bool is_ours = false;
        while (next_message(*datagram, message)) {
            if (message.sequence != sequence) continue;
            is_ours = true;
            ++count;
            if ((message.flags & NLM_F_DUMP_INTR) != 0) is_whole = false;
            if (message.type == NLMSG_ERROR) return refused(parse_answer(message));
            if (message.type != NLMSG_DONE) continue;
            ByteReader status(message.payload);
            const int error = static_cast<int>(0U - status.le<std::uint32_t>());
            if (error > 0) return fail_errno("dump", error);
            // Since Linux 6.9 the end of some dumps, as of neighbours, is in one datagram with the last messages.
            messages.insert(messages.end(), all.begin(), all.end());
            return is_whole;
        }
        if (is_ours) messages.insert(messages.end(), all.begin(), all.end());
        if (count > most) {
            is_cut = true;
            return is_whole;
        }
    }
}

Result<NetlinkSocket::Some> NetlinkSocket::dump_some(NetlinkRequest& request, std::size_t most) {
    for (int tries = 0; tries < kSomeTries; ++tries) {
        request.set_sequence(++sequence_);
        WARREN_TRY(send(request.bytes()));
        Some some;
        const auto is_whole = receive_dump(sequence_, some.messages, most, some.is_cut);
        if (!is_whole) return tl::unexpected(is_whole.error());
        if (*is_whole || some.is_cut) return some;
    }
    return fail(ErrorCode::kUnavailable, "the kernel's tables change faster than they can be read");
}

Result<std::vector<std::uint8_t>> NetlinkSocket::dump(NetlinkRequest& request) {
    for (int tries = 0; tries < kDumpTries; ++tries) {
        request.set_sequence(++sequence_);
        WARREN_TRY(send(request.bytes()));
        std::vector<std::uint8_t> messages;
        bool is_cut = false;
        const auto is_whole = receive_dump(sequence_, messages, SIZE_MAX, is_cut);
        if (!is_whole) return tl::unexpected(is_whole.error());
        if (*is_whole) return messages;
    }
    return fail(ErrorCode::kUnavailable, "the kernel's tables change faster than they can be read");
}

Result<std::vector<std::uint8_t>> NetlinkSocket::query(NetlinkRequest& request) {
    request.set_sequence(++sequence_);
    WARREN_TRY(send(request.bytes()));
    for (;;) {
        auto datagram = receive();
        if (!datagram) return tl::unexpected(datagram.error());
        const Bytes all = *datagram;
        NetlinkMessage message;
        while (next_message(*datagram, message)) {
            if (message.sequence != sequence_) continue;
            if (message.type == NLMSG_ERROR) return refused(parse_answer(message));
            return std::vector<std::uint8_t>(all.begin(), all.end());
        }
    }
}

}  // namespace warren::stacks
