#include "ctl/diagnosis/way.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/kernel_names.h"

namespace warren::diagnosis {

namespace {

constexpr std::string_view kRule = "rule ";
constexpr std::string_view kTunnelDevice = "vpn0";
constexpr std::string_view kHandoffDevice = "lan0";

// The longest of the routes that contain the address; null: none does.
const WayRoute* route_to(const IpAddress& address, const std::vector<WayRoute>& routes) {
    const WayRoute* best = nullptr;
    for (const WayRoute& route : routes) {
        if (route.to.contains(address) && (best == nullptr || route.to.length > best->to.length)) best = &route;
    }
    return best;
}

// Whose the address is: a peer, or a connection.
struct Owner {
    const ipc::PeerSnapshot* peer = nullptr;
    const ipc::ConnectionSnapshot* connection = nullptr;
    Prefix by{};
    bool is_leased = false;  // out of the connection's pool: of one of its sessions, or of none
    [[nodiscard]] bool is_found() const { return peer != nullptr || connection != nullptr; }
    [[nodiscard]] std::string name() const { return peer != nullptr ? peer->settings.name : connection->settings.name; }
};

Owner owner_of(const IpAddress& address, const WayFacts& facts) {
    Owner out;
    const auto is_better = [&](const Prefix& prefix) {
        return prefix.contains(address) && (!out.is_found() || prefix.length > out.by.length);
    };
    for (const ipc::PeerSnapshot& peer : facts.peers) {
        for (const Prefix& prefix : peer.settings.allowed_ips)
            if (is_better(prefix)) out = {&peer, nullptr, prefix, false};
    }
    for (const ipc::ConnectionSnapshot& connection : facts.connections) {
        for (const ipc::IpsecChild& child : connection.settings.children) {
            for (const Prefix& prefix : child.routes.empty() ? child.remote : child.routes)
                if (is_better(prefix)) out = {nullptr, &connection, prefix, false};
        }
        for (const Prefix& prefix : connection.settings.pool)
            if (is_better(prefix)) out = {nullptr, &connection, prefix, true};
    }
    return out;
}

// A peer that has more prefixes than vpnd lists; null: there is none.
const ipc::PeerSnapshot* cut_peer(const WayFacts& facts) {
    const auto found = std::find_if(facts.peers.begin(), facts.peers.end(),
                                    [](const ipc::PeerSnapshot& peer) { return peer.allowed_ips_left_out > 0; });
    return found == facts.peers.end() ? nullptr : &*found;
}

bool has(const std::vector<Prefix>& selectors, const IpAddress& address) {
    return std::any_of(selectors.begin(), selectors.end(), [&](const Prefix& one) { return one.contains(address); });
}

// One of its children is for packets between these two. A side without selectors is that of a leased address.
bool is_selected(const ipc::ConnectionSnapshot& connection, const IpAddress& ours, const IpAddress& theirs) {
    const auto& children = connection.settings.children;
    return std::any_of(children.begin(), children.end(), [&](const ipc::IpsecChild& child) {
        return (child.local.empty() || has(child.local, ours)) &&
               (child.remote.empty() ? has(connection.settings.pool, theirs) : has(child.remote, theirs));
    });
}

bool is_own(const IpAddress& address, const ipc::CustomerSnapshot& customer) {
    const auto& own = customer.settings.addresses;
    return std::any_of(own.begin(), own.end(), [&](const Prefix& one) { return one.address == address; });
}

std::string session_text(const Owner& owner) {
    if (owner.connection != nullptr)
        return fmt::format("connection {} ({})", owner.name(),
                           owner.connection->state == ipc::ConnectionState::kUp ? "up" : "down");
    const ipc::PeerActivity& activity = owner.peer->activity;
    const std::string where = activity.endpoint ? " at " + to_string(*activity.endpoint) : "";
    return fmt::format("peer {} ({}), {}{}", owner.name(), to_string(owner.by),
                       activity.has_session ? "has a session" : "has no session now", where);
}

class Judge {
  public:
    explicit Judge(const WayFacts& facts) : facts_(facts) { way_.packet = facts.packet; }

    Way run() {
        if (facts_.customer.settings.suspended) {
            stop("suspended", fmt::format("customer {} is suspended, and has no tunnels", id()));
            return std::move(way_);
        }
        if (facts_.customer.activity.is_parked)
            note("stack", "is parked until a packet comes from a peer: this question has made it");
        if (comes_in() && through_the_kernel()) {
            leave();
        }
        return std::move(way_);
    }

  private:
    [[nodiscard]] const std::string& id() const { return facts_.customer.settings.id; }
    void note(std::string name, std::string text) { way_.parts.push_back({std::move(name), std::move(text)}); }
    bool stop(std::string reason, const std::string& sentence) {
        way_.reason = std::move(reason);
        way_.sentence = "it is dropped: " + sentence;
        return false;
    }
    bool pass(std::string end, const std::string& sentence) {
        way_.passes = true;
        way_.end = std::move(end);
        way_.sentence = "it passes: " + sentence;
        return true;
    }

    bool comes_in() {
        const IpAddress& from = facts_.packet.from;
        if (is_own(from, facts_.customer)) {
            note("from", "the stack itself");
            return true;
        }
        const WayRoute* const back = route_to(from, facts_.routes);
        if (facts_.in_device.empty() || back == nullptr || back->device.empty())
            return stop("source", fmt::format("nobody of customer {} has the address {}: no route of its stack leads "
                                              "there",
                                              id(), to_string(from)));
        if (facts_.in_device != kTunnelDevice) {
            note("from", fmt::format("{} ({})", facts_.in_device, to_string(back->to)));
            return true;
        }
        const Owner owner = owner_of(from, facts_);
        if (!owner.is_found()) return nobody("source_not_allowed", from);
        note("from", session_text(owner));
        note_map(owner, from);
        if (owner.peer != nullptr && owner.peer->activity.is_expired)
            return stop("peer_expired", fmt::format("peer {} has expired", owner.name()));
        if (owner.connection == nullptr) return true;
        if (owner.is_leased && owner.connection->sessions == 0) return not_leased("source_not_allowed", owner, from);
        if (!is_selected(*owner.connection, facts_.packet.to, from))
            return stop("selector_mismatch", not_selected(owner, facts_.packet.to, from));
        return true;
    }

    bool nobody(std::string reason, const IpAddress& address) {
        if (const ipc::PeerSnapshot* const peer = cut_peer(facts_)) {
            way_.reason = "not_known";
            way_.sentence = fmt::format(
                "it is not known: no peer shows {} among its allowed_ips, but {} of peer {} are "
                "not shown",
                to_string(address), peer->allowed_ips_left_out, peer->settings.name);
            return false;
        }
        return stop(std::move(reason), fmt::format("no peer has {} among its allowed_ips", to_string(address)));
    }

    bool not_leased(std::string reason, const Owner& owner, const IpAddress& address) {
        return stop(std::move(reason), fmt::format("{} is of the pool of connection {}, and nobody has it now",
                                                   to_string(address), owner.name()));
    }

    [[nodiscard]] static std::string not_selected(const Owner& owner, const IpAddress& ours, const IpAddress& theirs) {
        return fmt::format("no child of connection {} is for packets between {} here and {} there", owner.name(),
                           to_string(ours), to_string(theirs));
    }

    bool through_the_kernel() {
        const Passage& passage = facts_.passage;
        for (const WayStep& step : passage.steps) {
            if (step.chain == kPolicyChain && step.is_rule) note_rule(step);
        }
        if (passage.is_delivered) {
            note("to", "the stack itself");
            return true;
        }
        if (!passage.out_device.empty()) return true;
        const std::string told = passage.error.empty() ? "" : fmt::format("; its sender gets {}", passage.error);
        for (const WayStep& step : passage.steps) {
            if (step.drops) return stop("firewall", sentence_of(step) + told);
        }
        return not_routed(told);
    }

    // Of all the rules that were asked the last one decided.
    void note_rule(const WayStep& step) {
        const std::string name = step.text.substr(0, step.text.find('\n'));
        if (name.empty()) return;
        const std::size_t line = step.text.find('\n');
        way_.rule = name.starts_with(kRule) ? name.substr(kRule.size()) : name;
        const std::string rule = line == std::string::npos ? "" : step.text.substr(line + 1);
        note("firewall", rule.empty() ? name : fmt::format("{}: {}", name, rule));
    }

    [[nodiscard]] static std::string sentence_of(const WayStep& step) {
        const std::string name = step.text.substr(0, step.text.find('\n'));
        if (step.table != kFirewallTable)
            return fmt::format("by chain {} of table {}, which is not Warren's", step.chain, step.table);
        if (name == "default") return "by the customer's firewall: no rule lets it pass, and the default is not to";
        if (name == "refused") return "the customer has as many connections as max_connections allows";
        if (!name.empty()) return fmt::format("by {} of the customer's firewall", name);
        if (step.chain == "forward" && step.is_rule)
            return "by the stack: its source does not lead back where it came from, or it belongs to no connection";
        if (step.chain == "forward") return "by the stack: nothing goes between these devices";
        return fmt::format("by the stack's chain {}", step.chain);
    }

    bool not_routed(const std::string& told) {
        const IpAddress& to = facts_.packet.to;
        const WayRoute* const route = route_to(to, facts_.routes);
        if (route == nullptr) return stop("route", fmt::format("the stack has no route to {}{}", to_string(to), told));
        if (route->type != "unicast")
            return stop("route", fmt::format("the stack's route {} is {}{}", to_string(route->to), route->type, told));
        const WayRoute* const back = route_to(facts_.packet.from, facts_.routes);
        if (!facts_.in_device.empty() && back != nullptr && back->device != facts_.in_device)
            return stop("source", fmt::format("its source {} leads back to {}, not to {} where it came from",
                                              to_string(facts_.packet.from), back->device, facts_.in_device));
        return stop("route", "the stack's kernel does not forward it" + told);
    }

    void leave() {
        const Passage& passage = facts_.passage;
        if (passage.is_delivered) {
            (void)pass("stack", fmt::format("it ends in the stack of customer {}", id()));
            return;
        }
        const ImaginedPacket& after = passage.after ? *passage.after : facts_.packet;
        if (after.from != facts_.packet.from || after.from_port != facts_.packet.from_port)
            note("nat", fmt::format("source becomes {}", text_of_side(after.from, after.from_port)));
        if (after.to != facts_.packet.to || after.to_port != facts_.packet.to_port)
            note("nat", fmt::format("destination becomes {}", text_of_side(after.to, after.to_port)));
        const WayRoute* const route = route_to(after.to, facts_.routes);
        note("route",
             fmt::format("{} by {}", route == nullptr ? std::string("?") : to_string(route->to), passage.out_device));
        if (passage.out_device == kHandoffDevice) {
            (void)pass("handoff", "it leaves by the handoff");
        } else if (passage.out_device != kTunnelDevice) {
            (void)pass("device " + passage.out_device, fmt::format("it leaves by device {}", passage.out_device));
        } else {
            (void)into_tunnel(after.from, after.to);
        }
    }

    // The far end of a peer with a map has another address there than here.
    void note_map(const Owner& owner, const IpAddress& address) {
        if (owner.peer == nullptr) return;
        for (const ipc::PrefixMap& map : owner.peer->settings.maps) {
            if (map.mapped.contains(address))
                note("map", fmt::format("{} is in {}, which is {} behind peer {}", to_string(address),
                                        to_string(map.mapped), to_string(map.real), owner.name()));
        }
    }

    bool into_tunnel(const IpAddress& from, const IpAddress& to) {
        const Owner owner = owner_of(to, facts_);
        if (!owner.is_found()) return nobody("no_peer_for_destination", to);
        note("to", session_text(owner));
        note_map(owner, to);
        note("mtu", fmt::format("packets up to {} bytes", facts_.customer.settings.mtu));
        if (owner.connection != nullptr) return into_connection(owner, from, to);
        const ipc::PeerActivity& activity = owner.peer->activity;
        const std::string name = "peer " + owner.name();
        if (activity.is_expired) return stop("peer_expired", name + " has expired");
        if (activity.has_session) {
            return pass(name, fmt::format("it goes to {}{}", name,
                                          activity.endpoint ? " at " + to_string(*activity.endpoint) : ""));
        }
        if (!activity.endpoint)
            return stop("no_endpoint", fmt::format("{} has not come yet, and nobody knows where it is", name));
        return pass(name, fmt::format("it goes to {} at {}, once that answers: there is no session now", name,
                                      to_string(*activity.endpoint)));
    }

    bool into_connection(const Owner& owner, const IpAddress& from, const IpAddress& to) {
        const std::string name = "connection " + owner.name();
        if (owner.is_leased && owner.connection->sessions == 0) return not_leased("no_peer_for_destination", owner, to);
        if (owner.connection->state != ipc::ConnectionState::kUp)
            return stop("no_endpoint", fmt::format("{} is down{}{}", name, owner.connection->reason.empty() ? "" : ": ",
                                                   owner.connection->reason));
        if (!is_selected(*owner.connection, from, to))
            return stop("no_child_for_packet", not_selected(owner, from, to));
        if (!owner.is_leased) return pass(name, "it goes to " + name);
        return pass(name, fmt::format("it goes to {}, if one of its sessions has the address {}", name, to_string(to)));
    }

    [[nodiscard]] static std::string text_of_side(const IpAddress& address, std::uint16_t port) {
        return port == 0 ? to_string(address) : to_string(Endpoint{address, port, 0});
    }

    const WayFacts& facts_;
    Way way_;
};

}  // namespace

std::string text_of(const ImaginedPacket& packet) {
    std::string protocol = "icmp";
    if (packet.protocol == kTcp || packet.protocol == kUdp)
        protocol = fmt::format("{}/{}", packet.protocol == kTcp ? "tcp" : "udp",
                               packet.is_answer ? packet.from_port : packet.to_port);
    return fmt::format("{} -> {} {}", to_string(packet.from), to_string(packet.to), protocol);
}

std::string in_device_of(const IpAddress& from, const ipc::CustomerSnapshot& customer,
                         const std::vector<WayRoute>& routes) {
    if (is_own(from, customer)) return {};
    const WayRoute* const back = route_to(from, routes);
    return back == nullptr ? std::string() : back->device;
}

Way way_of(const WayFacts& facts) {
    return Judge(facts).run();
}

}  // namespace warren::diagnosis
