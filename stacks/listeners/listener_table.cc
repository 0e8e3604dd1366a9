#include "stacks/listeners/listener_table.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/log.h"

namespace warren::stacks {

namespace {

bool is_named(const std::string& path, const ipc::ListenerId& id) {
    return path.ends_with("/" + uapi_name(id.owner) + ".sock");
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
    std::optional<SocketGroup> group;
    if (!groups_.contains(port)) {
        auto bound = bind_listener(port.number, workers_);
        if (!bound) return tl::unexpected(bound.error());
        group = std::move(*bound);
    }
    if (id.kind == ipc::ListenerKind::kWireguard && !uapi_.contains(id)) WARREN_TRY(make_uapi(id));
    if (group) groups_[port] = std::move(*group);
    return {};
}

bool ListenerTable::adopt(const ipc::ListenerId& id, Port port, const std::vector<ipc::DescriptorRole>& roles,
                          std::vector<UniqueFd> descriptors) {
    SocketGroup group;
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
        group.roles.push_back(roles[i]);
        group.sockets.push_back(std::move(descriptors[i]));
    }
    groups_[port] = std::move(group);
    return has_its_name;
}

Status ListenerTable::resize(std::uint32_t workers) {
    for (auto& [port, group] : groups_) {
        const Status resized = resize_group(group, port.number, workers);
        if (resized) continue;
        for (auto& [other, done] : groups_) (void)resize_group(done, other.number, workers_);  // they have all of these
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
    for (const auto& [id, port] : listeners) ports.insert(port);
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
    const SocketGroup& group = groups_.at(port);
    ListenerDescriptors out{group.roles, {}};
    for (const UniqueFd& socket : group.sockets) out.numbers.push_back(socket.get());
    auto add_surplus = [&out, counts = std::map<Family, std::uint16_t>()](Family family, int socket) mutable {
        out.roles.push_back({ipc::SocketRole::kSurplus, family, counts[family]++});
        out.numbers.push_back(socket);
    };
    for (const SocketGroup::Surplus& each : group.surplus) add_surplus(each.family, each.socket.get());
    // The socket for solicited messages was a data worker's until now, and is full of packets.
    for (std::size_t i = 0; i < group.sockets.size() && !group.surplus.empty(); ++i) {
        if (group.roles[i].role == ipc::SocketRole::kSolicited)
            add_surplus(group.roles[i].family, group.sockets[i].get());
    }
    if (const auto uapi = uapi_.find(id); uapi != uapi_.end()) {
        out.roles.push_back({ipc::SocketRole::kControl});
        out.numbers.push_back(uapi->second.listener.get());
    }
    return out;
}

}  // namespace warren::stacks
