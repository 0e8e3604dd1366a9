#include "stacks/listeners/listener_table.h"

#include <optional>
#include <set>

#include "base/log.h"

namespace warren::stacks {

Status ListenerTable::bind(const std::string& id, std::uint16_t port) {
    std::optional<UapiSocket> uapi;
    if (!uapi_.contains(id)) {
        auto made = listen_uapi(id, run_dir_);
        if (!made) return tl::unexpected(made.error());
        if (!made->path.starts_with(kUapiDirectory))
            log(LogLevel::kWarn, "uapi_socket_moved",
                {{"path", made->path}, {"reason", "a running program uses this name in /var/run/wireguard"}});
        uapi = std::move(*made);
    }
    if (!groups_.contains(port)) {
        auto group = bind_listener(port, workers_);
        if (!group) {
            if (uapi) remove_uapi(std::move(*uapi));
            return tl::unexpected(group.error());
        }
        groups_[port] = std::move(*group);
    }
    if (uapi) uapi_[id] = std::move(*uapi);
    return {};
}

void ListenerTable::adopt(const std::string& id, std::uint16_t port, bool has_v6, std::vector<UniqueFd> descriptors) {
    if (descriptors.empty()) return;
    UniqueFd listener = std::move(descriptors.back());
    descriptors.pop_back();
    std::string path = path_of_socket(listener.get());
    uapi_[id] = {std::move(listener), std::move(path)};
    groups_[port] = {has_v6, std::move(descriptors)};
}

void ListenerTable::keep_only(const ListenerPorts& listeners) {
    std::set<std::uint16_t> ports;
    for (const auto& [id, port] : listeners) ports.insert(port);
    std::erase_if(groups_, [&](const auto& entry) { return !ports.contains(entry.first); });
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
    for (const auto& [port, group] : groups_) count += group.sockets.size();
    return count;
}

std::vector<int> ListenerTable::descriptors(const std::string& id, std::uint16_t port) const {
    std::vector<int> numbers;
    for (const UniqueFd& socket : groups_.at(port).sockets) numbers.push_back(socket.get());
    numbers.push_back(uapi_.at(id).listener.get());
    return numbers;
}

}  // namespace warren::stacks
