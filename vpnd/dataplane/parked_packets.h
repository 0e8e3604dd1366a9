// Packets that peers sent into stacks that are not there yet: a few of each customer, for a short while.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "vpnd/packet/offload_header.h"

namespace warren::dataplane {

// Of one data worker. Pure. The first packets of a customer stay and later ones are dropped: a connection begins with
// its first. When there is no room in all, whoever has most gives its last packet for one of a customer that has less.
class ParkedPackets {
  public:
    static constexpr std::size_t kBytesOfOne = 64 * 1024;        // of a customer
    static constexpr std::size_t kBytes = std::size_t{4} << 20;  // of all
    static constexpr std::size_t kCustomers = 4'096;
    static constexpr std::size_t kOverhead = 64;  // what a packet takes beside its bytes
    static constexpr Duration kLongest = std::chrono::seconds(5);
    static constexpr Duration kAskEvery = std::chrono::seconds(1);
    static constexpr Duration kBetweenExpiries = std::chrono::milliseconds(100);  // each one looks at all customers

    struct Packet {
        std::array<std::uint8_t, kOffloadHeaderSize> header{};
        std::vector<std::uint8_t> bytes;
        std::uint32_t packets = 1;  // that it was made of
        Instant since{};
    };
    struct Dropped {
        CustomerIndex customer;
        std::uint64_t packets = 0;
    };

    // `dropped`: whose packets found no room, or lost it.
    void push(CustomerIndex customer, Packet packet, std::vector<Dropped>& dropped);
    // In the order in which they came.
    [[nodiscard]] std::vector<Packet> take(CustomerIndex customer);
    // Those that have waited for kLongest. Does nothing before next_deadline().
    void expire(Instant now, std::vector<Dropped>& dropped);
    // Whether somebody is to be told now that the customer's stack is missing: at most once in kAskEvery.
    [[nodiscard]] bool asks(CustomerIndex customer, Instant now);
    // When the next ones expire, up to kBetweenExpiries later.
    [[nodiscard]] Instant next_deadline() const { return next_deadline_; }

    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t customers() const { return waiting_.size(); }

  private:
    struct Waiting {
        std::vector<Packet> packets;
        std::size_t bytes = 0;
        Instant asked = kLongAgo;
    };
    [[nodiscard]] static std::size_t cost(const Packet& packet) { return packet.bytes.size() + kOverhead; }
    void note_deadline(Instant since);
    // Takes room from whoever has most, as long as that is more than `mine`. False: there is none to take.
    [[nodiscard]] bool make_room(std::size_t needed, std::size_t mine, std::vector<Dropped>& dropped);

    std::unordered_map<CustomerIndex, Waiting> waiting_;
    std::size_t bytes_ = 0;
    Instant next_deadline_ = kNever;
    Instant not_before_ = kLongAgo;  // when all may be looked at again
};

}  // namespace warren::dataplane
