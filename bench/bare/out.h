// Stack to network at its barest: read, seal, send.
#pragma once

#include <vector>

#include "bench/bare/message.h"
#include "bench/bare/sessions.h"
#include "crypto/aead.h"

namespace warren::bench {

// One thread. Each packet of the TUN leaves at once: a super-packet of TCP as a train, another alone.
class BareOut {
  public:
    // Both descriptors are non-blocking. All outlive it.
    BareOut(int udp, int tun, Sessions& sessions, crypto::PacketAead& aead)
        : udp_(udp), tun_(tun), sessions_(sessions), aead_(aead) {}

    // What waits at the device, at most a few packets.
    void run();

  private:
    void take(MutableBytes super_packet, BareSession& session);
    // Room for a packet of `size` bytes in the train.
    [[nodiscard]] std::uint8_t* append(std::size_t size, BareSession& session);
    void write_segment(const std::uint8_t* packet, std::size_t number, std::size_t payload, std::size_t all,
                       std::uint8_t* to) const;
    void send(const BareSession& session);

    static constexpr std::size_t kReads = 16;
    static constexpr std::size_t kTunnelMtu = 1420;

    int udp_;
    int tun_;
    Sessions& sessions_;
    crypto::PacketAead& aead_;
    std::array<crypto::AeadJob, kMostSegments> jobs_;
    std::size_t count_ = 0;
    std::size_t stride_ = 0;
    std::size_t filled_ = 0;
    std::vector<std::uint8_t> packet_ = std::vector<std::uint8_t>(70'000);
    std::vector<std::uint8_t> train_ = std::vector<std::uint8_t>(70'000);
};

}  // namespace warren::bench
