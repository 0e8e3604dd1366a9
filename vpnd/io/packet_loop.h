// The thread of a data worker: waits for sockets, TUNs and commands, and runs the pipeline between them.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "vpnd/dataplane/parked_packets.h"
#include "vpnd/dataplane/pipeline.h"
#include "vpnd/io/clock.h"
#include "vpnd/io/mailbox.h"
#include "vpnd/io/readiness.h"
#include "vpnd/io/tap.h"
#include "vpnd/io/transfer.h"
#include "vpnd/io/tun.h"
#include "vpnd/io/uplinks.h"
#include "vpnd/turns/backlog.h"
#include "vpnd/turns/pace.h"
#include "vpnd/turns/scheduler.h"

namespace warren::io {

// One thread. Customers take turns by processor time when there is much to do, so that no customer and no flood keeps
// the others waiting.
class PacketLoop {
  public:
    // The mailbox, and what the port leads to, outlive it. A test gives a readiness and a clock of its own.
    [[nodiscard]] static Result<std::unique_ptr<PacketLoop>> make(std::unique_ptr<crypto::PacketAead> aead,
                                                                  Mailbox& mailbox, TransferPort port,
                                                                  std::unique_ptr<Readiness> readiness,
                                                                  Clock clock = read_instant);
    PacketLoop(const PacketLoop&) = delete;
    PacketLoop& operator=(const PacketLoop&) = delete;

    // Rounds until the mailbox says stop.
    void run();
    // Waits until there is something to do, and does some of it.
    void round();

  private:
    // What there is of a customer to be done, and how fast it goes.
    struct Lane {
        bool tun_ready = false;  // its TUN may hold packets
        bool tun_is_next = false;
        bool rate_is_due = false;  // packets that waited for its rate may go
        bool is_parked = false;    // it has no TUN, and packets into its stack wait for one
        Duration park_after{};     // as its view says
        Instant used_at{};         // when a packet passed its TUN last, or it got that
        dataplane::Pace inbound;
        dataplane::Pace outbound;
    };
    enum class Source : std::uint8_t { kCommands, kUplinkV4, kUplinkV6, kTun, kTransfer };

    PacketLoop(std::unique_ptr<crypto::PacketAead> aead, Mailbox& mailbox, TransferPort port,
               std::unique_ptr<Readiness> readiness, Clock clock);
    [[nodiscard]] static std::uint64_t token(Source source, std::uint32_t index) {
        return (std::uint64_t{index} << 8) | static_cast<std::uint8_t>(source);
    }

    void serve(const epoll_event& ready);
    [[nodiscard]] Duration time_to_wait() const;

    // packet_loop_turns.cc
    void begin_round(Instant now);
    void serve_uplink(ListenerIndex listener, Family family, std::uint32_t events);
    void charge_receiving(Duration took);
    [[nodiscard]] bool runs_at_once();
    void receive_all();
    void put_into_backlog();
    void serve_tun(CustomerIndex customer, std::uint32_t events);
    void run_turns();
    [[nodiscard]] Duration work_for(const dataplane::Scheduler::Turn& turn);
    [[nodiscard]] Duration receive(CustomerIndex customer, std::span<const dataplane::Train> trains);
    [[nodiscard]] Duration send_out(CustomerIndex customer, std::size_t packets);
    void wake_released();
    [[nodiscard]] Duration release(CustomerIndex customer);
    Duration charge(CustomerIndex customer, dataplane::Direction direction);
    [[nodiscard]] Lane& lane(CustomerIndex customer) { return lanes_[customer.value]; }
    [[nodiscard]] MutableBytes tun_space() const;

    // packet_loop_tap.cc
    [[nodiscard]] bool is_tapped(CustomerIndex customer) const { return tap_ != nullptr && tap_->customer == customer; }
    [[nodiscard]] bool is_tap_shut() const;
    void receive_tapped(std::span<const dataplane::Train> trains);
    void receive_tapped(const dataplane::Train& train);
    void tell_dropped(const dataplane::Train& train, DropReason reason);
    [[nodiscard]] TapRecord record_of(const dataplane::EgressTrain& train, Bytes datagram) const;
    void tell_sent();
    void send_tapped(MutableBytes super_packet);

    // packet_loop_transfer.cc
    // Gives away what belongs to other workers.
    void transfer();
    void serve_transfers();
    void receive_from_another(const dataplane::Train& train);
    void send_for_another(const dataplane::Transfer& packet);

    // packet_loop_parked.cc
    void note_parking(const dataplane::CustomerView& customer, bool has_new_tun);
    void park(CustomerIndex customer);
    void forget_parked(CustomerIndex customer);
    void hold(const dataplane::TunWrite& write);
    void deliver_held(CustomerIndex customer);
    void count_not_held();
    [[nodiscard]] Instant next_of_parked() const;
    void look_at_parked();

    // True when there were any.
    bool run_commands();
    void run_command(WorkerCommand command);
    void run_until_barrier();
    void add_listener(AddListener command);
    void swap_customer(SwapCustomer command);
    void set_tun(const dataplane::CustomerView& customer, std::unique_ptr<Tun> tun);
    void close_tun(CustomerIndex index);
    // Null when the customer has none.
    [[nodiscard]] Tun* find_tun(CustomerIndex customer);
    void fill_report(std::unique_ptr<CustomerReport> report);

    // What the pipeline left in out_: to the TUNs, to the uplink, to the control worker.
    void deliver(std::span<const dataplane::Train> trains);
    void write_to_tuns();
    // Null: it has none.
    // False: it is dropped, and counted.
    bool write_to(Tun* tun, const dataplane::TunWrite& write);
    void write_apart(Tun& tun, const dataplane::TunWrite& write);
    void publish_events(std::span<const dataplane::Train> trains);

    Mailbox& mailbox_;
    TransferPort port_;
    const Clock clock_;
    const std::unique_ptr<Readiness> readiness_;
    std::unique_ptr<crypto::PacketAead> aead_;
    dataplane::Pipeline pipeline_;
    dataplane::Output out_;  // holds buffers of the pipeline, as do the uplinks
    dataplane::Backlog backlog_;
    dataplane::Scheduler scheduler_;
    ReceiveBatch received_;                         // into buffers of the backlog
    std::vector<dataplane::CustomerTrain> sorted_;  // the trains of one receive
    std::unique_ptr<std::uint8_t[]> tun_space_;
    Uplinks uplinks_;
    std::vector<std::unique_ptr<Tun>> tuns_;  // by CustomerIndex
    std::vector<Lane> lanes_;                 // likewise
    dataplane::ParkedPackets parked_;
    std::vector<dataplane::ParkedPackets::Dropped> not_held_;  // until they are counted
    std::set<CustomerIndex> may_park_;                         // those that have a TUN
    Instant park_look_at_ = kNever;                            // when these are looked at
    Instant now_{};
    Instant round_began_{};
    Duration at_once_{};                   // what is left of it in this round
    std::unique_ptr<Tap> tap_;             // null: nobody watches
    std::vector<std::uint8_t> tap_bytes_;  // as they were before the pipeline
};

}  // namespace warren::io
