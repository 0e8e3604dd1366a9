// The thread of a data worker: waits for sockets, TUNs and commands, and runs the pipeline between them.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "vpnd/dataplane/pipeline.h"
#include "vpnd/io/clock.h"
#include "vpnd/io/event_loop.h"
#include "vpnd/io/mailbox.h"
#include "vpnd/io/transfer.h"
#include "vpnd/io/tun_device.h"
#include "vpnd/io/udp_socket.h"
#include "vpnd/turns/backlog.h"
#include "vpnd/turns/pace.h"
#include "vpnd/turns/scheduler.h"

namespace warren::io {

// One thread. Customers take turns by processor time when there is much to do, so that no customer and no flood keeps
// the others waiting.
class PacketLoop {
  public:
    // The mailbox, and what the port leads to, outlive it. A test gives a clock of its own.
    [[nodiscard]] static Result<std::unique_ptr<PacketLoop>> make(std::unique_ptr<crypto::PacketAead> aead,
                                                                  Mailbox& mailbox, TransferPort port = {},
                                                                  Clock clock = read_instant);
    PacketLoop(const PacketLoop&) = delete;
    PacketLoop& operator=(const PacketLoop&) = delete;

    // Rounds until the mailbox says stop.
    void run();
    // Waits until there is something to do, and does some of it.
    void round();

  private:
    struct Uplink {
        TrainSender sender;
        std::deque<dataplane::EgressTrain> waiting;  // the socket was full
    };
    struct Listener {
        Uplink v4;
        Uplink v6;
    };
    // What there is of a customer to be done, and how fast it goes.
    struct Lane {
        bool tun_ready = false;  // his TUN may hold packets
        bool tun_is_next = false;
        dataplane::Pace up;
        dataplane::Pace down;
    };
    enum class Source : std::uint8_t { kCommands, kUplinkV4, kUplinkV6, kTun, kTransfer };

    PacketLoop(EventLoop events, std::unique_ptr<crypto::PacketAead> aead, Mailbox& mailbox, TransferPort port,
               Clock clock);
    [[nodiscard]] static std::uint64_t token(Source source, std::uint32_t index) {
        return (std::uint64_t{index} << 8) | static_cast<std::uint8_t>(source);
    }

    void serve(const epoll_event& ready);
    [[nodiscard]] Duration time_to_wait() const;

    // packet_loop_turns.cc
    void begin_round(Instant now);
    void serve_uplink(ListenerIndex listener, Family family, const epoll_event& ready);
    void charge_receiving(Duration took);
    [[nodiscard]] bool runs_at_once();
    void take_all_in();
    void put_into_backlog();
    void serve_tun(CustomerIndex customer, std::uint32_t events);
    void take_turns();
    [[nodiscard]] Duration work_for(const dataplane::Scheduler::Turn& turn);
    [[nodiscard]] Duration take_in(CustomerIndex customer, std::span<const dataplane::Train> trains);
    [[nodiscard]] Duration send_out(CustomerIndex customer, std::size_t packets);
    Duration charge(CustomerIndex customer, dataplane::Direction direction);
    [[nodiscard]] Lane& lane(CustomerIndex customer) { return lanes_[customer.value]; }
    [[nodiscard]] MutableBytes tun_space() const;

    // packet_loop_transfer.cc
    // Gives away what belongs to other workers.
    void transfer();
    void serve_transfers();
    void receive_from_another(const dataplane::Train& train);
    void send_for_another(const dataplane::Transfer& packet);

    // True when there were any.
    bool run_commands();
    void run_command(WorkerCommand command);
    void add_listener(AddListener command);
    void drop_listener(ListenerIndex index);
    void add_uplink(Uplink& uplink, UniqueFd fd, Family family, std::uint64_t name);
    void swap_customer(SwapCustomer command);
    void set_tun(const dataplane::CustomerView& customer, UniqueFd fd);
    void close_tun(CustomerIndex index);
    void fill_report(std::unique_ptr<CustomerReport> report);

    // What the pipeline left in out_: to the TUNs, to the uplink, to the control worker.
    void deliver(std::span<const dataplane::Train> trains);
    void write_to_tuns();
    void send_trains();
    void send_run(Uplink& uplink, std::uint64_t name, std::span<dataplane::EgressTrain> trains);
    [[nodiscard]] std::size_t send_now(Uplink& uplink, std::span<dataplane::EgressTrain> trains);
    void keep_waiting(Uplink& uplink, std::span<dataplane::EgressTrain> trains);
    void send_waiting(Uplink& uplink, std::uint64_t name);
    void publish_events(std::span<const dataplane::Train> trains);
    // Null when there is no such socket.
    [[nodiscard]] Uplink* find_uplink(ListenerIndex listener, Family family);
    [[nodiscard]] Uplink* uplink_of(const dataplane::EgressTrain& train, std::uint64_t& name);

    Mailbox& mailbox_;
    TransferPort port_;
    const Clock clock_;
    EventLoop events_;
    std::unique_ptr<crypto::PacketAead> aead_;
    dataplane::Pipeline pipeline_;
    dataplane::Output out_;  // holds buffers of the pipeline, as do the uplinks
    dataplane::Backlog backlog_;
    dataplane::Scheduler scheduler_;
    ReceiveBatch received_;                         // into buffers of the backlog
    std::vector<dataplane::CustomerTrain> sorted_;  // the trains of one receive
    std::unique_ptr<std::uint8_t[]> tun_space_;
    std::vector<std::unique_ptr<Listener>> listeners_;  // by ListenerIndex
    std::vector<TunDevice> tuns_;                       // by CustomerIndex
    std::vector<Lane> lanes_;                           // likewise
    Instant now_{};
    Instant round_began_{};
    Duration at_once_{};  // what is left of it in this round
};

}  // namespace warren::io
