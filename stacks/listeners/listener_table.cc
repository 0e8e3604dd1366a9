#include "stacks/listeners/listener_table.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"

namespace warren::stacks {

namespace {

std::vector<Port> ports_of(const ipc::ListenerId& id, Port port) {
    std::vector<Port> out;
    for (const std::uint16_t number : ipc::ports_of(id.kind, port.number)) out.push_back({port.protocol, number});
    return out;
}

bool is_named(const std::string& path, const ipc::ListenerId& id) {
    return path.ends_with("/" + uapi_name(id.owner) + ".sock");
}

bool carries_data(const SocketGroup& group) {
    return std::any_of(group.roles.begin(), group.roles.end(),
                       [](const ipc::DescriptorRole& role) { return role.role == ipc::SocketRole::kData; });
}

// `number`: of the port among those of its listener.
void append(const SocketGroup& group, std::uint8_t number, ListenerDescriptors& out) {
    for (std::size_t i = 0; i < group.sockets.size(); ++i) {
        out.roles.push_back(group.roles[i]);
        out.roles.back().port = number;
        out.numbers.push_back(group.sockets[i].get());
    }
    auto add_surplus = [&, counts = std::map<Family, std::uint16_t>()](Family family, int socket) mutable {
        out.roles.push_back({ipc::SocketRole::kSurplus, family, counts[family]++, number});
        out.numbers.push_back(socket);
    };
    for (const SocketGroup::Surplus& each : group.surplus) add_surplus(each.family, each.socket.get());
    // The socket for solicited messages was a data worker's until now, and is full of packets.
    for (std::size_t i = 0; i < group.sockets.size() && !group.surplus.empty(); ++i) {
        if (group.roles[i].role == ipc::SocketRole::kSolicited)
            add_surplus(group.roles[i].family, group.sockets[i].get());
    }
}

}  // namespace

Status ListenerTable::make_uapi(const ipc::ListenerId& id) {
    // Another listener of vpnd's has the name; it gets a socket of its own name.
    std::erase_if(misnamed_, [&id](const auto& each) {
        const bool is_in_the_way = is_named(each.second, id);
        if (is_in_the_way) unlink_uapi(each.second);
        return is_in_the_way;
    });
    auto made = listen_uapi(id.owner, run_dir_, uapi_directory_);
    if (!made) return tl::unexpected(made.error());
    if (!made->path.starts_with(uapi_directory_ + "/"))
        log(LogLevel::kWarn, "uapi_socket_moved",
            {{"path", made->path}, {"reason", "a running program uses this name in " + uapi_directory_}});
    uapi_[id] = std::move(*made);
    const auto former = misnamed_.extract(id);
    if (former.empty()) return {};
    const bool is_used =
        std::any_of(uapi_.begin(), uapi_.end(), [&](const auto& each) { return each.second.path == former.mapped(); });
    if (!is_used) unlink_uapi(former.mapped());
    return {};
}

Status ListenerTable::bind(const ipc::ListenerId& id, Port port) {
    auto fresh = bind_ports(id, port);
    if (!fresh) return tl::unexpected(fresh.error());
    if (id.kind == ipc::ListenerKind::kWireguard && !uapi_.contains(id)) WARREN_TRY(make_uapi(id));
    groups_.merge(*fresh);
    return {};
}

// Packets come to the first port; to all others messages only. A port may have been another listener's until now.
Result<std::map<Port, SocketGroup>> ListenerTable::bind_ports(const ipc::ListenerId& id, Port port) {
    std::map<Port, SocketGroup> fresh;
    for (const Port each : ports_of(id, port)) {
        const bool has_data = each == port;
        if (const auto present = groups_.find(each); present != groups_.end()) {
            // Each has as many data sockets as its steering program counts.
            if (has_data != carries_data(present->second))
                WARREN_TRY(resize_group(present->second, each.number, has_data ? workers_ : 0));
            continue;
        }
        auto group = bind_listener(each.number, has_data ? workers_ : 0);
        if (!group) return tl::unexpected(group.error());
        fresh[each] = std::move(*group);
    }
    return fresh;
}

bool ListenerTable::adopt(const ipc::ListenerId& id, Port port, const std::vector<ipc::DescriptorRole>& roles,
                          std::vector<UniqueFd> descriptors) {
    const std::vector<Port> ports = ports_of(id, port);
    std::map<Port, SocketGroup> groups;
    for (const Port each : ports) groups[each];
    bool has_its_name = true;
    for (std::size_t i = 0; i < roles.size(); ++i) {
        if (roles[i].role == ipc::SocketRole::kControl) {
            std::string path = path_of_socket(descriptors[i].get());
            has_its_name = path.empty() || is_named(path, id);
            if (has_its_name) {
                uapi_[id] = {std::move(descriptors[i]), std::move(path)};
            } else if (is_customers_uapi(path)) {
                misnamed_[id] = std::move(path);
            }
            continue;
        }
        if (roles[i].port >= ports.size()) continue;  // inspect() has refused it before
        SocketGroup& group = groups.at(ports[roles[i].port]);
        group.roles.push_back(roles[i]);
        group.roles.back().port = 0;
        group.sockets.push_back(std::move(descriptors[i]));
    }
    for (auto& [each, group] : groups) groups_[each] = std::move(group);
    return has_its_name;
}

Status ListenerTable::resize(std::uint32_t workers) {
    const auto resize_one = [](Port port, SocketGroup& group, std::uint32_t to) {
        return carries_data(group) ? resize_group(group, port.number, to) : Status();
    };
    for (auto& [port, group] : groups_) {
        const Status resized = resize_one(port, group, workers);
        if (resized) continue;
        for (auto& [other, done] : groups_) (void)resize_one(other, done, workers_);  // they have all of these
        close_surplus();
        return resized;
    }
    workers_ = workers;
    return {};
}

void ListenerTable::close_surplus() {
    for (auto& [port, group] : groups_) group.surplus.clear();
}

void ListenerTable::keep_only(const ListenerPorts& listeners) {
    std::set<Port> ports;
    for (const auto& [id, port] : listeners) {
        for (const Port each : ports_of(id, port)) ports.insert(each);
    }
    std::erase_if(groups_, [&](const auto& entry) { return !ports.contains(entry.first); });
    std::erase_if(misnamed_, [&](const auto& entry) {
        if (listeners.contains(entry.first)) return false;
        remove_stale_uapi(entry.second);
        return true;
    });
    for (auto it = uapi_.begin(); it != uapi_.end();) {
        if (listeners.contains(it->first)) {
            ++it;
            continue;
        }
        remove_uapi(std::move(it->second));
        it = uapi_.erase(it);
    }
}

std::size_t ListenerTable::size() const {
    std::size_t count = uapi_.size();
    for (const auto& [port, group] : groups_) count += group.sockets.size() + group.surplus.size();
    return count;
}

ListenerDescriptors ListenerTable::descriptors(const ipc::ListenerId& id, Port port) const {
    ListenerDescriptors out;
    const std::vector<Port> ports = ports_of(id, port);
    for (std::uint8_t number = 0; number < ports.size(); ++number) append(groups_.at(ports[number]), number, out);
    if (const auto uapi = uapi_.find(id); uapi != uapi_.end()) {
        out.roles.push_back({ipc::SocketRole::kControl});
        out.numbers.push_back(uapi->second.listener.get());
    }
    return out;
}

}  // namespace warren::stacks
