// Two data workers, each with a customer's stack, joined by a tunnel over loopback: what two WireGuard peers are to
// packets.
#pragma once

#include <memory>
#include <vector>

#include "stack.h"
#include "vpnd/io/data_worker.h"
#include "vpnd/io/transfer.h"

namespace warren::io::test {

struct TunnelOptions {
    Family outer = Family::kV4;
    int mtu = 1420;
    const char* uplink_rate = nullptr;  // the uplink is a loopback device that passes only so much
    bool has_detour =
        false;  // whatever comes to side 1, datagrams and the stack's packets, comes to another worker than the owner
};

// Side 0 has 10.0.0.1 and fd00::1, side 1 10.0.0.2 and fd00::2.
class Tunnel {
  public:
    explicit Tunnel(TunnelOptions options = {});

    [[nodiscard]] const Stack& stack(int side) const { return *stacks_[static_cast<std::size_t>(side)]; }
    [[nodiscard]] DataWorker& worker(int side) { return *workers_[static_cast<std::size_t>(side)]; }
    [[nodiscard]] Endpoint endpoint(int side) const { return endpoints_[static_cast<std::size_t>(side)]; }
    // Posts the customer's view (again, without a TUN).
    void put_customer(int side, bool suspended);
    // Side 1's customer is another one from now on, with the same index; the detour does not know it yet.
    void begin_another_life();
    // A session in the direction initiator -> responder, under an index that each side has chosen; the initiator's
    // keepalive confirms it.
    void install(int initiator, std::uint32_t number);
    // Counters of the side's customer; waits for them.
    [[nodiscard]] std::unique_ptr<CustomerReport> report(int side) { return fill(worker(side), {0}); }
    // Of the worker that side 1 has for a detour.
    [[nodiscard]] std::unique_ptr<CustomerReport> detour_report(CustomerIndex customer = {}) {
        return fill(*detour_, customer);
    }
    // Of the worker itself.
    [[nodiscard]] std::unique_ptr<CustomerReport> own_report(int side) { return fill(worker(side), {}); }
    // Everything posted before was done. Events that came meanwhile are appended to `events`.
    void barrier(int side, std::vector<WorkerEvent>& events);
    void wait_for_events(int side, std::vector<WorkerEvent>& events) { wait_for_events(worker(side), events); }
    static void wait_for_events(DataWorker& from, std::vector<WorkerEvent>& events);
    // New sockets on another port.
    void move_listener(int side);
    // A second descriptor of the side's TUN.
    [[nodiscard]] UniqueFd other_tun(int side) const { return tuns_[static_cast<std::size_t>(side)].duplicate(); }
    void stop();
    // False: the slow uplink that was asked for could not be made.
    [[nodiscard]] bool is_ready() const { return is_ready_; }

  private:
    [[nodiscard]] std::unique_ptr<dataplane::CustomerView> view_of(int side, bool suspended) const;
    [[nodiscard]] std::unique_ptr<CustomerReport> fill(DataWorker& by, CustomerIndex customer);
    std::array<std::unique_ptr<Stack>, 2> stacks_;
    std::unique_ptr<TransferExchange> exchange_;  // of side 1
    std::array<std::unique_ptr<DataWorker>, 2> workers_;
    std::unique_ptr<DataWorker> detour_;
    std::array<Endpoint, 2> endpoints_;
    std::array<UniqueFd, 2> tuns_;  // as stackd keeps them
    std::array<bool, 2> has_tun_{};
    TunnelOptions options_;
    std::unique_ptr<Stack> uplink_;  // nothing of it is used but its loopback device
    bool is_ready_ = true;
    std::uint64_t tokens_ = 0;
};

}  // namespace warren::io::test
