#include "ipc/start.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>

namespace warren::ipc {

namespace {

constexpr std::chrono::duration<int, std::milli> kSlice(100);
constexpr std::uint8_t kHere = '!';  // the whole message; the kernel adds the credentials

std::optional<int> parse_descriptor(std::string_view text) {
    int fd = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || fd < 0) return std::nullopt;
    return fd;
}

Result<Channel::Credentials> receive_credentials(const Channel& channel) {
    std::uint8_t said = 0;
    iovec part{&said, sizeof said};
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(ucred))> space{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = space.data();
    header.msg_controllen = space.size();
    const ssize_t size = ::recvmsg(channel.fd(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) return fail_errno("receive", errno);
    if (size == 0) return fail(ErrorCode::kUnavailable, "the started process ended before it sent anything");
    const cmsghdr* control = CMSG_FIRSTHDR(&header);
    if (said != kHere || control == nullptr || control->cmsg_level != SOL_SOCKET ||
        control->cmsg_type != SCM_CREDENTIALS)
        return fail(ErrorCode::kInvalid, "the started process is no daemon of Warren");
    ucred who{};
    std::memcpy(&who, CMSG_DATA(control), sizeof who);
    return Channel::Credentials{who.pid, who.uid, who.gid};
}

}  // namespace

Result<Channel> channel_of(const std::vector<std::string_view>& arguments) {
    const bool accepted = arguments.size() == 2 && arguments[0] == "--accepted";
    const bool given = arguments.size() == 2 && arguments[0] == "--channel";
    const auto fd = accepted || given ? parse_descriptor(arguments[1]) : std::nullopt;
    if (!fd || !Channel::is_channel(*fd)) return fail(ErrorCode::kInvalid, "no channel was passed");
    Channel channel{UniqueFd(*fd)};
    if (accepted) WARREN_TRY(channel.send(Bytes(&kHere, 1)));
    return channel;
}

Result<LogLevel> take_log_level(std::vector<std::string_view>& arguments) {
    const auto option = std::find(arguments.begin(), arguments.end(), "--log-level");
    if (option == arguments.end()) return LogLevel::kInfo;
    const std::string_view text = option + 1 == arguments.end() ? std::string_view() : *(option + 1);
    const auto level = parse_log_level(text);
    if (!level)
        return fail(ErrorCode::kInvalid,
                    "unknown log level \"" + std::string(text) + "\"; accepted: " + std::string(kLogLevelsAccepted));
    arguments.erase(option, option + 2);
    return *level;
}

Result<Started> start_by_connecting(const std::string& path, Duration patience,
                                    const std::function<bool()>& must_stop) {
    auto channel = Channel::connect(path, true);
    if (!channel) return tl::unexpected<Error>(channel.error());
    pollfd waiting{channel->fd(), POLLIN, 0};
    for (Duration waited{}; ::poll(&waiting, 1, kSlice.count()) <= 0; waited += kSlice) {
        if (must_stop()) return fail(ErrorCode::kUnavailable, path + ": stopped while it was starting");
        if (waited >= patience) {
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience).count();
            return fail(ErrorCode::kUnavailable,
                        path + ": nothing was started within " + std::to_string(seconds) + " s");
        }
    }
    auto who = receive_credentials(*channel);
    if (!who) return with_context(path, std::move(who).error());
    const int no_more = 0;
    if (::setsockopt(channel->fd(), SOL_SOCKET, SO_PASSCRED, &no_more, sizeof no_more) != 0)
        return fail_errno("SO_PASSCRED", errno);
    return Started{std::move(*channel), *who};
}

}  // namespace warren::ipc
