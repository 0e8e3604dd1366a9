#include "vpnd/customers/make_view.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/lpm.h"

namespace warren::vpnd {

namespace {

// With what the end of a quota leaves. `to`: its peers are there already.
void apply_limits(const ipc::Limits& limits, bool is_spent, dataplane::PeerLimit& to) {
    const bool is_over = is_spent && limits.quota != 0;  // it may have none any more
    const auto least = [&](std::uint64_t rate) {
        if (!is_over || limits.after_quota == 0) return rate;
        return rate == 0 ? limits.after_quota : std::min(rate, limits.after_quota);
    };
    to.rate_up = least(limits.rate_up);
    to.rate_down = least(limits.rate_down);
    to.is_blocked = is_over && limits.after_quota == 0;
}

bool is_limiting(const dataplane::PeerLimit& limit) {
    return limit.rate_up != 0 || limit.rate_down != 0 || limit.is_blocked;
}

// Of a connection each session has its own, which its children share.
void append_limits(const HeldCustomer& customer, std::size_t queue, std::vector<dataplane::PeerLimit>& out) {
    dataplane::PeerLimit limit;
    for (const HeldPeer& peer : customer.peers) {
        const ipc::PeerSettings& settings = peer.config.settings;
        if (peer.config.queue != queue || settings.limits == ipc::Limits{}) continue;
        apply_limits(settings.limits, customer.spent_tunnels.contains(settings.name), limit);
        limit.peers = {peer.index};
        if (is_limiting(limit)) out.push_back(limit);
    }
    for (const HeldConnection& connection : customer.connections) {
        const ipc::ConnectionSettings& settings = connection.config.settings;
        if (connection.config.queue != queue || settings.limits == ipc::Limits{}) continue;
        apply_limits(settings.limits, customer.spent_tunnels.contains(settings.name), limit);
        if (!is_limiting(limit)) continue;
        const std::size_t of_session = connection.peers_per_session();
        for (std::size_t first = 0; first < connection.peers.size(); first += of_session) {
            const auto at = connection.peers.begin() + static_cast<std::ptrdiff_t>(first);
            limit.peers.assign(at, at + static_cast<std::ptrdiff_t>(of_session));
            out.push_back(limit);
        }
    }
}

void append_maps(const HeldPeer& peer, std::vector<dataplane::PeerMaps>& out) {
    if (peer.config.settings.maps.empty()) return;
    dataplane::PeerMaps& to = out.emplace_back(dataplane::PeerMaps{peer.index, {}});
    for (const ipc::PrefixMap& map : peer.config.settings.maps) to.maps.push_back({map.real, map.mapped});
}

// Within what a line can do, whatever the message said.
dataplane::LineSettings line_of(const ipc::LinkEmulation& emulation) {
    const auto duration = [](std::uint64_t microseconds) {
        const auto most = std::chrono::duration_cast<std::chrono::microseconds>(dataplane::LineSettings::kMostDelay);
        return std::chrono::microseconds(std::min(microseconds, static_cast<std::uint64_t>(most.count())));
    };
    const auto part = [](std::uint32_t millionths) { return std::min(millionths, dataplane::LineSettings::kWhole); };
    dataplane::LineSettings out;
    out.delay = duration(emulation.delay_us);
    out.jitter = std::min<Duration>(duration(emulation.jitter_us), out.delay);
    out.loss = part(emulation.loss);
    out.reorder = part(emulation.reorder);
    out.duplicate = part(emulation.duplicate);
    out.rate = emulation.rate;
    return out;
}

}  // namespace

std::unique_ptr<const dataplane::CustomerView> make_view(const HeldCustomer& customer, std::size_t queue) {
    auto view = std::make_unique<dataplane::CustomerView>();
    view->index = customer.index;
    view->life = customer.life;
    view->id = customer.settings.id;
    view->suspended = customer.settings.suspended;
    view->mtu = customer.settings.mtu;
    view->park_after = std::chrono::seconds(customer.settings.park_after_seconds);
    view->addresses = customer.settings.addresses;
    dataplane::PeerLimit limit;
    const ipc::CustomerSettings& settings = customer.settings;
    apply_limits({settings.rate_up, settings.rate_down, settings.quota, settings.after_quota}, customer.is_spent,
                 limit);
    view->rate_up = limit.rate_up;
    view->rate_down = limit.rate_down;
    view->is_blocked = limit.is_blocked;
    view->share = customer.settings.share;
    for (const ipc::ShareGroup& group : settings.groups) view->groups.push_back({group.id, group.share});
    view->emulate_up = line_of(settings.emulate_up);
    view->emulate_down = line_of(settings.emulate_down);
    if (customer.settings.suspended) return view;

    std::vector<Lpm<PeerIndex>::Entry> entries;
    if (customer.workers.size() == 1) view->peers.reserve(customer.peers.size());
    for (const HeldPeer& peer : customer.peers) {
        if (peer.config.queue == queue) {
            view->peers.push_back(peer.index);
            append_maps(peer, view->maps);
        } else {
            view->elsewhere[peer.index] = customer.workers[peer.config.queue];
        }
        for (const Prefix& prefix : peer.config.settings.allowed_ips) entries.push_back({prefix, peer.index});
    }
    for (const HeldConnection& connection : customer.connections) {
        for (const PeerIndex peer : connection.peers) {
            if (connection.config.queue == queue) {
                view->peers.push_back(peer);
            } else {
                view->elsewhere[peer] = customer.workers[connection.config.queue];
            }
        }
        append_routes(connection, entries);
    }
    view->allowed_ips = Lpm<PeerIndex>(std::move(entries));
    append_limits(customer, queue, view->limits);
    return view;
}

}  // namespace warren::vpnd
