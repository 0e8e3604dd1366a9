#include "vpnd/io/tun_device.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "vpnd/dataplane/egress.h"
#include "vpnd/packet/offload_header.h"

namespace warren::io {

namespace {

// Linux 6.2 include/uapi/linux/if_tun.h; Debian 12's headers are older.
constexpr unsigned kOffloadUdpSegmentsV4 = 0x20;
constexpr unsigned kOffloadUdpSegmentsV6 = 0x40;

}  // namespace

Status TunDevice::prepare() {
    constexpr unsigned kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    constexpr unsigned kUdp = kOffloadUdpSegmentsV4 | kOffloadUdpSegmentsV6;
    joining_ = {.tcp = true, .udp = ::ioctl(fd_.get(), TUNSETOFFLOAD, kTcp | kUdp) == 0};
    if (joining_.udp || ::ioctl(fd_.get(), TUNSETOFFLOAD, kTcp) == 0) return {};
    joining_.tcp = false;
    return fail_errno("set the offloads of a tun device", errno);
}

std::size_t TunDevice::read(MutableBytes space) {
    const ssize_t size = ::read(fd_.get(), space.data(), space.size());
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

// Reading nothing takes no packet, and fails when there is no device.
bool TunDevice::is_gone() {
    std::uint8_t nothing = 0;
    return ::read(fd_.get(), &nothing, 0) < 0 && errno == EBADFD;
}

Written TunDevice::write(const dataplane::TunWrite& write, const std::vector<dataplane::Piece>& pieces) {
    std::array<iovec, dataplane::Egress::kTrainDatagrams + 2> parts;
    const auto part_of = [](Bytes bytes) {
        return iovec{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    };  // writev only reads
    parts[0] = part_of(write.header);
    std::size_t used = 1;
    const dataplane::Piece* piece = &write.first;
    while (used < parts.size()) {
        parts[used++] = part_of(piece->bytes);
        if (piece->next == dataplane::Piece::kLast) break;
        piece = &pieces[piece->next];
    }
    if (::writev(fd_.get(), parts.data(), static_cast<int>(used)) > 0) return Written::kYes;
    const auto type = static_cast<dataplane::GsoType>(dataplane::OffloadHeader::decode(write.header).gso_type);
    if (errno != EINVAL || type == dataplane::GsoType::kNone) return Written::kNo;
    (type == dataplane::GsoType::kUdp ? joining_.udp : joining_.tcp) = false;
    return Written::kNotWhole;
}

std::unique_ptr<Tun> open_tun(UniqueFd fd) {
    return fd.valid() ? std::make_unique<TunDevice>(std::move(fd)) : nullptr;
}

}  // namespace warren::io
