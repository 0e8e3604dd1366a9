#include "stacks/kernel/service_device.h"

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "stacks/kernel/rtnetlink.h"

namespace warren::stacks {

namespace {

Prefix host(const IpAddress& address) {
    return {address, static_cast<std::uint8_t>(address.is_v4() ? 32 : 128)};
}

}  // namespace

Result<ServiceDevice> ServiceDevice::open() {
    auto socket = NetlinkSocket::open(NETLINK_ROUTE);
    if (!socket) return tl::unexpected(socket.error());
    return ServiceDevice(std::move(*socket));
}

Result<std::uint32_t> ServiceDevice::find() {
    auto request = rtnetlink::find_link(kServiceDevice);
    const auto reply = socket_.query(request);
    if (!reply) return tl::unexpected(reply.error());
    const auto links = rtnetlink::parse_links(*reply);
    if (links.size() != 1) return fail(ErrorCode::kNotFound, std::string("no device ") + kServiceDevice);
    return links.front().index;
}

Result<std::uint32_t> ServiceDevice::find_or_make() {
    if (auto found = find()) return found;
    Status made = fail(ErrorCode::kUnavailable, "not tried");
    for (const char* kind : {"dummy", "bridge"}) {
        auto request = rtnetlink::create_plain(kServiceDevice, kind);
        made = socket_.request(request);
        if (made) break;
    }
    if (!made) return with_context(std::string("make ") + kServiceDevice, made.error());
    auto index = find();
    if (!index) return index;
    auto up = rtnetlink::set_up(*index, true);
    if (const Status is_up = socket_.request(up); !is_up)
        return with_context(std::string("set up ") + kServiceDevice, is_up.error());
    return index;
}

Status ServiceDevice::put(const IpAddress& address, std::uint32_t seconds) {
    const auto index = find_or_make();
    if (!index) return tl::unexpected(index.error());
    auto request = rtnetlink::put_address_for(*index, host(address), seconds);
    if (const Status put = socket_.request(request); !put)
        return with_context("put " + to_string(address) + " on " + kServiceDevice, put.error());
    return {};
}

Duration ServiceDevice::left(const std::vector<IpAddress>& addresses) {
    const auto index = find();
    if (!index || addresses.empty()) return {};
    auto request = rtnetlink::dump_addresses();
    const auto dump = socket_.dump(request);
    if (!dump) return {};
    const auto lifetimes = rtnetlink::parse_lifetimes(*dump, *index);
    std::uint32_t least = UINT32_MAX;
    for (const IpAddress& address : addresses) {
        const auto found = lifetimes.find(address);
        least = std::min(least, found == lifetimes.end() ? 0 : found->second);
    }
    return std::chrono::seconds(least);
}

Status ServiceDevice::remove(const IpAddress& address) {
    const auto index = find();
    if (!index) return {};
    auto request = rtnetlink::remove_address(*index, host(address));
    const Status removed = socket_.request(request);
    const bool was_gone =
        !removed && (removed.error().system_error == EADDRNOTAVAIL || removed.error().code == ErrorCode::kNotFound);
    if (removed || was_gone) return {};
    return with_context("remove " + to_string(address) + " from " + kServiceDevice, removed.error());
}

}  // namespace warren::stacks
