#include "stacks/children/told_stacks.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "base/write_all.h"
#include "ipc/web_messages.h"

namespace warren::stacks {

namespace {

// The kernel takes twice that, and counts 1.5 MB for the renames of 10,000 customers with the longest ids, there and
// back.
constexpr int kRoom = 2 * 1024 * 1024;

}  // namespace

Status make_room(ipc::Channel& channel) {
    if (::setsockopt(channel.fd(), SOL_SOCKET, SO_SNDBUFFORCE, &kRoom, sizeof kRoom) == 0) return {};
    return fail_errno("set SO_SNDBUFFORCE", errno);
}

Status send_stacks(ipc::Channel& channel, const std::vector<ipc::WebStack>& stacks) {
    const std::vector<std::uint8_t> content = ipc::encode_stacks(stacks);
    const UniqueFd file(::memfd_create("warren-stacks", MFD_CLOEXEC));
    if (!file.valid()) return fail_errno("memfd_create", errno);
    WARREN_TRY(write_all(file.get(), {reinterpret_cast<const char*>(content.data()), content.size()}));
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(ipc::WebStacks{}, wire));
    return channel.send(wire, {file.get()});
}

Status send_renames(ipc::Channel& channel, std::uint64_t generation, const std::vector<Rename>& renames) {
    ipc::WebRenames message{generation, {}, false};
    for (std::size_t i = 0; i < renames.size(); ++i) {
        message.renames.emplace_back(renames[i].from, renames[i].to);
        message.more = i + 1 < renames.size();
        if (message.more && message.renames.size() < ipc::WebRenames::kMax) continue;
        std::vector<std::uint8_t> wire;
        WARREN_TRY(ipc::encode(message, wire));
        WARREN_TRY(channel.send(wire));
        message.renames.clear();
    }
    return {};
}

bool has_unread(const ipc::Channel& channel) {
    int bytes = 0;
    return ::ioctl(channel.fd(), SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

}  // namespace warren::stacks
