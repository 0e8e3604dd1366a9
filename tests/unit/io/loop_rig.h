// Packet loops between ends in memory, run round by round on the test's thread, at a time that the test makes: so what
// happens when does not depend on the machine or its kernel.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "far_end.h"
#include "memory_tun.h"
#include "memory_uplink.h"
#include "vpnd/io/packet_loop.h"

namespace warren::io::test {

// One or more data workers. Each has an uplink; each customer has a TUN, a peer and a session with every one of them.
// Time passes only when a message is sealed or opened, as long as its customer's messages cost, when the clock is read,
// and when the test says so. One rig at a time.
class LoopRig {
  public:
    explicit LoopRig(std::uint32_t workers = 1, const FarEnd& far_end = wireguard_far_end());
    ~LoopRig();
    LoopRig(const LoopRig&) = delete;
    LoopRig& operator=(const LoopRig&) = delete;

    // Where packets arrive, and whose they are: the numbers of two workers.
    struct Path {
        std::uint32_t arrival = 0;
        std::uint32_t owner = 0;
    };
    // One message that was sealed or opened (or turned out to be forged).
    struct Served {
        std::uint32_t customer = 0;
        bool outbound = false;
        Instant at;  // when it was done
    };

    // From now on, of each message and of each look at the clock.
    void set_cost(std::uint32_t customer, Duration cost);
    void set_cost_of_look(Duration cost);
    void advance(Duration time);
    [[nodiscard]] Instant now() const;

    // A customer, or another one with the index of one that is gone; with sessions when `has_session`. Done at the next
    // round.
    void put(std::uint32_t customer, std::uint32_t share = 1, bool has_session = true);
    // Of the customers that are put from now on, bits a second each way; 0: none.
    void set_rate(std::uint64_t rate) { rate_ = rate; }
    // They divide one share with each other.
    void set_groups(std::vector<dataplane::ShareGroup> groups) { groups_ = std::move(groups); }
    // They are test links: what happens to packets out of the stack.
    void set_line(const dataplane::LineSettings& down) { down_ = down; }
    // What their TUNs take.
    void set_joining(dataplane::Joining joining) { joining_ = joining; }
    // They may be parked; with `has_tun` false they are, and get their TUN by give_tun().
    void set_park_after(Duration after, bool has_tun) {
        park_after_ = after;
        has_tun_ = has_tun;
    }
    void give_tun(std::uint32_t customer);
    void close_tun(std::uint32_t customer);
    void install(std::uint32_t customer);
    void drop(std::uint32_t customer);
    // The customer's packets are told to the sink from the next round on; of this owner's peer alone, if there is one.
    void tap(std::uint32_t customer, std::shared_ptr<TapSink> sink, std::optional<std::uint32_t> owner = {});
    void untap();

    // The next `count` packets from the customer's peer arrive, as one train. They are of the latest session, even if
    // the customer is gone.
    void receive(std::uint32_t customer, std::size_t count, Path path, bool is_forged = false);
    void receive(std::uint32_t customer, std::size_t count) { receive(customer, count, Path{}); }
    // These packets arrive, as one train.
    void receive(std::uint32_t customer, const std::vector<std::vector<std::uint8_t>>& packets);
    void receive_forged(std::uint32_t customer, std::size_t count) { receive(customer, count, Path{}, true); }
    // The customer's stack sends the next `count` packets to its peer, each of `payload` bytes.
    void transmit(std::uint32_t customer, std::size_t count, Path path, std::size_t payload = kLeastPayload);
    void transmit(std::uint32_t customer, std::size_t count) { transmit(customer, count, Path{}); }

    void round(std::uint32_t worker = 0);
    // The same, but what the worker tells the control worker stays where it is, and served() does not grow: so nothing
    // is taken from the heap but by the loop itself.
    void round_alone();
    // Rounds of all workers in turn until it is `done`, or clear that it never will be.
    void rounds_until(const std::function<bool()>& done);
    // Rounds of all workers in turn until all would sleep.
    void run();

    [[nodiscard]] MemoryUplink& uplink(std::uint32_t worker = 0) { return *workers_[worker]->uplink; }
    [[nodiscard]] MemoryTun& tun(std::uint32_t customer, std::uint32_t worker = 0);
    [[nodiscard]] MemoryReadiness& readiness(std::uint32_t worker = 0) { return *workers_[worker]->readiness; }

    // In the order they were done.
    [[nodiscard]] const std::vector<Served>& served() const { return served_; }
    [[nodiscard]] std::size_t served(std::uint32_t customer) const;
    // The numbers of the packets that a customer's stack got, or its peer, in that order. A customer's packets are
    // numbered by direction and owner, from 0. Those of the customer's present life only.
    [[nodiscard]] std::vector<std::uint64_t> delivered(std::uint32_t customer, std::uint32_t owner = 0);
    [[nodiscard]] std::vector<std::uint64_t> sent(std::uint32_t customer, std::uint32_t owner = 0);
    // The packet itself, as receive() and transmit() make it.
    [[nodiscard]] static std::vector<std::uint8_t> packet_in(std::uint32_t customer, std::uint32_t owner,
                                                             std::uint64_t number);
    [[nodiscard]] static std::vector<std::uint8_t> packet_out(std::uint32_t customer, std::uint32_t owner,
                                                              std::uint64_t number,
                                                              std::size_t payload = kLeastPayload);
    [[nodiscard]] SessionName session(std::uint32_t customer, std::uint32_t owner = 0) const {
        return {customer, owner, customers_[customer].life};
    }

    // Of a customer, or of the worker itself when there is none.
    [[nodiscard]] std::uint64_t drops(DropReason reason, std::optional<std::uint32_t> customer = {},
                                      std::uint32_t worker = 0);
    [[nodiscard]] TransferCounters transfers(std::uint32_t worker);
    // Everything that the worker told the control worker since the last call.
    [[nodiscard]] std::vector<WorkerEvent> take_events(std::uint32_t worker = 0);

  private:
    static constexpr std::size_t kLeastPayload = 8;  // the number
    class CostlyAead;
    struct Worker {
        Worker();
        Mailbox mailbox;
        std::vector<WorkerEvent> events;
        MemoryReadiness* readiness = nullptr;  // the loop's
        std::unique_ptr<MemoryUplink> uplink;
        std::vector<std::unique_ptr<MemoryTun>> tuns;  // by customer; the latest
        std::vector<std::unique_ptr<MemoryTun>> old_tuns;
        std::unique_ptr<PacketLoop> loop;  // ends first
    };
    struct Customer {
        std::uint32_t life = 0;
        Duration cost{};
        std::vector<std::uint64_t> next_in;   // by owner
        std::vector<std::uint64_t> next_out;  // likewise
    };
    [[nodiscard]] std::unique_ptr<CustomerReport> report(CustomerIndex customer, std::uint32_t worker);
    [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(workers_.size()); }
    [[nodiscard]] PeerIndex peer_of(std::uint32_t customer, std::uint32_t owner) const {
        return {customer * count() + owner};
    }
    Customer& at(std::uint32_t customer);
    [[nodiscard]] std::unique_ptr<dataplane::CustomerView> view_of(std::uint32_t customer, std::uint32_t share,
                                                                   std::uint32_t worker);
    [[nodiscard]] std::unique_ptr<Tun> new_tun(std::uint32_t customer, Worker& worker);

    const FarEnd& far_end_;
    std::vector<Customer> customers_;
    std::vector<Served> served_;
    bool records_ = true;
    std::uint64_t rate_ = 0;
    std::vector<dataplane::ShareGroup> groups_;
    dataplane::LineSettings down_;
    Duration park_after_{};
    bool has_tun_ = true;
    dataplane::Joining joining_{.tcp = true, .udp = false};
    std::unique_ptr<TransferExchange> exchange_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace warren::io::test
