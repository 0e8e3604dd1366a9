#include "vpnd/listeners/sockets/listener_sockets.h"

#include <utility>

namespace warren::vpnd {

io::ControlWorker::Sockets take_sockets(ListenerSockets& sockets, std::uint32_t workers) {
    io::ControlWorker::Sockets out;
    out.control_v4 = sockets.take({ipc::SocketRole::kMessages, Family::kV4});
    out.control_v6 = sockets.take({ipc::SocketRole::kMessages, Family::kV6});
    out.solicited_v4 = sockets.take({ipc::SocketRole::kSolicited, Family::kV4});
    out.solicited_v6 = sockets.take({ipc::SocketRole::kSolicited, Family::kV6});
    for (std::uint32_t i = 0; i < workers; ++i) {
        const auto worker = static_cast<std::uint16_t>(i);
        out.data_v4.push_back(sockets.take({ipc::SocketRole::kData, Family::kV4, worker}));
        UniqueFd v6 = sockets.take({ipc::SocketRole::kData, Family::kV6, worker});
        if (v6.valid()) out.data_v6.push_back(std::move(v6));
    }
    for (const Family family : {Family::kV4, Family::kV6}) {
        for (std::uint16_t i = 0; i < ipc::kMaxWorkers; ++i) {
            UniqueFd surplus = sockets.take({ipc::SocketRole::kSurplus, family, i});
            if (surplus.valid()) out.surplus.push_back(std::move(surplus));
        }
    }
    return out;
}

}  // namespace warren::vpnd
