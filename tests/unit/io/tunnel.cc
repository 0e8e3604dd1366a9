#include "tunnel.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/drop_reason.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/io/tun_device.h"
#include "vpnd/io/udp_socket.h"

namespace warren::io::test {

namespace {

crypto::AeadKey key(std::uint32_t number, int sender) {
    crypto::AeadKey out;
    out.secret.writable()[0] = static_cast<std::uint8_t>(number);
    out.secret.writable()[1] = static_cast<std::uint8_t>(sender + 1);
    return out;
}

constexpr std::uint32_t index_of(std::uint32_t number, int side) {
    return (number * 2 + static_cast<std::uint32_t>(side)) << SessionId::kWorkerBits;
}

}  // namespace

Tunnel::Tunnel(TunnelOptions options) : options_(options) {
    if (options.uplink_rate != nullptr) {
        uplink_ = std::make_unique<Stack>("192.0.2.1", 24, "2001:db8::1", 64);
        uplink_->run([&] {
            loopback_up(1'500);
            is_ready_ = slow_loopback(options.uplink_rate);
        });
    }
    for (int side = 0; side < 2; ++side) {
        const auto at = static_cast<std::size_t>(side);
        const bool has_detour = side == 1 && options.has_detour;
        stacks_[at] = std::make_unique<Stack>(side == 0 ? "10.0.0.1" : "10.0.0.2", 24,
                                              side == 0 ? "fd00::1" : "fd00::2", 64, options.mtu, has_detour);
        if (has_detour) {
            exchange_ = std::move(*TransferExchange::make(2));
            detour_ = std::move(*DataWorker::start(1, crypto::AeadBackend::kSodium, exchange_.get()));
            is_ready_ = stacks_[at]->use_second_queue();
        }
        auto worker = DataWorker::start(0, crypto::AeadBackend::kSodium, exchange_.get());
        WARREN_CHECK(worker.has_value());
        workers_[at] = std::move(*worker);
        tuns_[at] = stacks_[at]->take_tun();
        move_listener(side);
    }
    for (int side = 0; side < 2; ++side) {
        put_customer(side, false);
        worker(side).post(dataplane::Command(dataplane::SetEndpoint{{0}, endpoint(1 - side), {}}));
    }
}

void Tunnel::move_listener(int side) {
    const IpAddress loopback = options_.outer == Family::kV4 ? IpAddress::v4(127, 0, 0, 1) : *parse_ip("::1");
    UniqueFd socket;
    const bool has_detour = side == 1 && options_.has_detour;
    const auto open = [&] { socket = bound_socket(SOCK_DGRAM, {loopback, 0, 0}, has_detour); };
    uplink_ == nullptr ? open() : uplink_->run(open);
    ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    endpoints_[static_cast<std::size_t>(side)] = bound_to(socket.get());
    AddListener listener{{0}, {}, {}, &dataplane::kWireguardFraming};
    (options_.outer == Family::kV4 ? listener.v4 : listener.v6) = open_uplink(std::move(socket), options_.outer);
    worker(side).post(std::move(listener));
    if (!has_detour) return;
    socket = bound_socket(SOCK_DGRAM, endpoint(side), true);
    ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    sock_filter second = BPF_STMT(BPF_RET | BPF_K, 1);  // of the group's sockets
    const sock_fprog always{1, &second};
    WARREN_CHECK(::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &always, sizeof always) == 0);
    AddListener other{{0}, {}, {}, &dataplane::kWireguardFraming};
    (options_.outer == Family::kV4 ? other.v4 : other.v6) = open_uplink(std::move(socket), options_.outer);
    detour_->post(std::move(other));
}

void Tunnel::stop() {
    for (auto& worker : workers_) worker.reset();
    detour_.reset();
}

std::unique_ptr<dataplane::CustomerView> Tunnel::view_of(int side, bool suspended) const {
    auto view = std::make_unique<dataplane::CustomerView>();
    view->index = {0};
    view->id = "test";
    view->suspended = suspended;
    view->mtu = static_cast<std::uint16_t>(options_.mtu);
    view->addresses = {*parse_prefix(side == 0 ? "10.0.0.1/24" : "10.0.0.2/24"),
                       *parse_prefix(side == 0 ? "fd00::1/64" : "fd00::2/64")};
    view->peers = {{0}};
    const char* const other_v4 = side == 0 ? "10.0.0.2/32" : "10.0.0.1/32";
    const char* const other_v6 = side == 0 ? "fd00::2/128" : "fd00::1/128";
    view->allowed_ips = Lpm<PeerIndex>({{*parse_prefix(other_v4), {0}}, {*parse_prefix(other_v6), {0}}});
    return view;
}

void Tunnel::begin_another_life() {
    auto view = view_of(1, false);
    view->life = 1;
    worker(1).post(SwapCustomer{std::move(view), nullptr});
}

void Tunnel::put_customer(int side, bool suspended) {
    auto view = view_of(side, suspended);
    const bool first = !has_tun_[static_cast<std::size_t>(side)];
    has_tun_[static_cast<std::size_t>(side)] = true;
    if (side == 1 && options_.has_detour) {
        auto elsewhere = std::make_unique<dataplane::CustomerView>(*view);
        elsewhere->peers.clear();
        elsewhere->elsewhere[{0}] = 0;
        detour_->post(SwapCustomer{std::move(elsewhere), first ? open_tun(stack(side).second_queue()) : nullptr});
    }
    worker(side).post(SwapCustomer{std::move(view), first ? open_tun(other_tun(side)) : nullptr});
}

void Tunnel::install(int initiator, std::uint32_t number) {
    std::vector<WorkerEvent> events;
    for (const int side : {1 - initiator, initiator}) {  // receiving is installed before the first packet can come
        dataplane::InstallSession install;
        install.local_id = {index_of(number, side)};
        install.remote_id = index_of(number, 1 - side);
        install.peer = {0};
        install.listener = {0};
        install.send_key = key(number, side);
        install.receive_key = key(number, 1 - side);
        install.created = read_clock().instant;
        install.lifetime.hard.age = std::chrono::seconds(180);
        install.send_when = side == initiator ? dataplane::SendWhen::kNow : dataplane::SendWhen::kAfterFirstReceived;
        if (side == 1 && exchange_ != nullptr) exchange_->directory().add(install.local_id);
        worker(side).post(dataplane::Command(std::move(install)));
        barrier(side, events);
    }
}

std::unique_ptr<CustomerReport> Tunnel::fill(DataWorker& by, CustomerIndex customer) {
    auto wanted = std::make_unique<CustomerReport>();
    wanted->customer = customer;
    wanted->token = ++tokens_;
    wanted->peers.resize(1);
    wanted->peers[0].peer = {0};
    wanted->drops.resize(kDataPlaneReasonCount);
    by.post(FillReport{std::move(wanted)});
    std::vector<WorkerEvent> events;
    for (;;) {
        wait_for_events(by, events);
        for (WorkerEvent& event : events) {
            if (auto* const filled = std::get_if<ReportFilled>(&event); filled != nullptr && filled->report != nullptr)
                return std::move(filled->report);
        }
    }
}

void Tunnel::barrier(int side, std::vector<WorkerEvent>& events) {
    const std::uint64_t token = ++tokens_;
    worker(side).post(Barrier{token});
    for (;;) {
        wait_for_events(side, events);
        for (const WorkerEvent& event : events) {
            const auto* const reached = std::get_if<BarrierReached>(&event);
            if (reached != nullptr && reached->token == token) return;
        }
    }
}

void Tunnel::wait_for_events(DataWorker& from, std::vector<WorkerEvent>& events) {
    pollfd waiting{from.event_fd(), POLLIN, 0};
    WARREN_CHECK(::poll(&waiting, 1, 60'000) == 1);
    from.take_events(events);
}

}  // namespace warren::io::test
