// Customers whose stacks are there only while packets need them.
#include <utility>
#include <variant>

#include "base/log.h"
#include "vpnd/daemon.h"
#include "vpnd/io/tun_device.h"

namespace warren::vpnd {

void Daemon::watch_parking(Now now) {
    for (const auto& news : control_->take_tun_news()) {
        const CustomerIndex index = std::visit([](const auto& any) { return any.customer; }, news);
        const HeldCustomer* const customer = customers_.find(index);
        if (customer == nullptr) continue;
        const bool is_parked = customer->tuns.empty();
        if (std::holds_alternative<io::TunMissed>(news) && is_parked) parking_.note_need(index, now.instant);
        if (std::holds_alternative<io::TunIdle>(news) && !is_parked) parking_.note_idle(index, now.instant);
        // Not before: what stackd removes now is used by nobody.
        if (std::holds_alternative<io::TunClosed>(news) && is_parked)
            link_.send(ipc::LeftTunnel{customer->settings.id, customers_.generation(), link_.tunnels()});
    }
    while (may_speak_of_parked()) {
        const auto index = parking_.next_need(now.instant);
        if (!index) break;
        const HeldCustomer* const customer = customers_.find(*index);
        if (customer == nullptr || !customer->tuns.empty()) {
            parking_.note_given(*index);
            continue;
        }
        link_.send(ipc::NeedTunnel{customer->settings.id});
    }
    // Never while the number of a descriptor that is to be closed may be on its way to stackd.
    while (may_speak_of_parked()) {
        const auto index = parking_.next_idle(now.instant);
        if (!index) break;
        const auto worker = customers_.leave_tunnel(*index);
        if (!worker) continue;
        control_->post(*worker, io::CloseTun{*index});
        counters_.note_change(*index);
        log(LogLevel::kInfo, "customer_parked", {{"customer", customers_.find(*index)->settings.id}});
    }
}

void Daemon::give_tunnel(ConfigLink::TunnelPassed passed) {
    auto swap = customers_.give_tunnel(passed.customer, std::move(passed.tun));
    if (!swap) return;
    const CustomerIndex index = swap->view->index;
    parking_.note_given(index);
    control_->post(swap->worker, io::SwapCustomer{std::move(swap->view), io::open_tun(std::move(swap->tun))});
    counters_.note_change(index);
    log(LogLevel::kInfo, "customer_woken", {{"customer", passed.customer}});
}

}  // namespace warren::vpnd
