// One packet loop, run round by round on the test's thread, at a time that the test makes: so whose turn it is does not
// depend on the machine.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/drop_reason.h"
#include "vpnd/io/packet_loop.h"

namespace warren::io::test {

// Customers without a TUN, a peer and a session each. Their messages are keepalives: they come from another worker, or
// on a data socket. Time passes only when a message is opened, as long as its customer's messages cost, and when the
// clock is looked at.
class LoopRig {
  public:
    LoopRig();
    ~LoopRig();

    static constexpr std::uint32_t kWorker = 1;  // of two
    struct Opened {
        std::uint32_t customer = 0;
        std::uint64_t counter = 0;
        Instant at;  // when it was done
    };

    // From now on, of each message and of each look at the clock.
    void set_cost(std::uint32_t customer, Duration cost);
    void set_cost_of_look(Duration cost);
    // A customer, or another who has the index of one who went; with a session when `has_session`. Done at the next
    // round.
    void put(std::uint32_t customer, bool has_session = true);
    void install(std::uint32_t customer);
    void drop(std::uint32_t customer);

    // The next `count` messages of the customer's session, as one train; of his last one, if he went and nobody came.
    void transfer(std::uint32_t customer, std::size_t count);
    void transfer_forged(std::uint32_t customer, std::size_t count);
    void send(std::uint32_t customer, std::size_t count);
    // Only rings the loop's bell for what was transferred.
    void ring() { exchange_->bell(kWorker).raise(); }

    // There is always something to do in it, so it does not wait.
    void round();
    // Rounds until it is `done`, or clear that it never will be.
    void rounds_until(const std::function<bool()>& done);
    [[nodiscard]] PacketLoop& loop() { return *loop_; }
    // Ends loop().run(). Any thread.
    void stop() { mailbox_->stop(); }

    // Messages that were opened or turned out to be forged, in the order of that. Once the loop rests, but for the
    // number.
    [[nodiscard]] const std::vector<Opened>& opened() const { return opened_; }
    [[nodiscard]] std::size_t opened_count() const { return opened_count_; }
    // Of the worker itself.
    [[nodiscard]] std::uint64_t drops(DropReason reason);

  private:
    class CostlyAead;
    struct Customer {
        std::uint32_t life = 0;
        std::uint64_t next_counter = 0;
        Duration cost{};
    };
    [[nodiscard]] std::vector<std::uint8_t> messages(std::uint32_t customer, std::size_t count, bool forged);
    void give(std::vector<std::uint8_t> bytes);

    std::unique_ptr<Mailbox> mailbox_;
    std::unique_ptr<TransferExchange> exchange_;
    TransferPort other_;  // the worker that transfers
    std::unique_ptr<crypto::PacketAead> sealer_;
    std::vector<Customer> customers_;
    std::vector<Opened> opened_;
    std::atomic<std::size_t> opened_count_{0};
    UniqueFd sender_;
    UniqueFd uplink_;  // a second descriptor of the loop's socket
    std::unique_ptr<PacketLoop> loop_;
};

}  // namespace warren::io::test
