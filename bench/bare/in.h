// Network to stack at its barest: receive, open, write.
#pragma once

#include <sys/uio.h>

#include <array>
#include <vector>

#include "bench/bare/message.h"
#include "bench/bare/sessions.h"
#include "crypto/aead.h"

namespace warren::bench {

// Segments that follow each other in one TCP stream, written to the TUN as one packet, without a copy.
class Joined {
  public:
    explicit Joined(int tun) : tun_(tun) {}

    // `packet` stays where it is until finish().
    void add(std::uint8_t* packet, std::size_t size);
    void finish();

  private:
    [[nodiscard]] bool may_take(const std::uint8_t* packet, std::size_t size) const;
    void begin(std::uint8_t* packet, std::size_t size);

    int tun_;
    std::uint8_t* first_ = nullptr;
    bool closed_ = true;
    std::size_t headers_ = 0;
    std::size_t payload_ = 0;  // of each but the last
    std::size_t total_ = 0;
    std::uint32_t next_sequence_ = 0;
    std::array<iovec, kMostSegments + 1> parts_;  // the first is the offload header's
    std::size_t used_ = 0;
};

// One thread. No check but the tag's: no replay window, no source address, no rate.
class BareIn {
  public:
    // `udp` has UDP_GRO; both are non-blocking. All outlive it.
    BareIn(int udp, int tun, Sessions& sessions, crypto::PacketAead& aead)
        : udp_(udp), sessions_(sessions), aead_(aead), joined_(tun) {}

    // What waits at the socket, at most a few rounds of it.
    void run();

  private:
    void take(MutableBytes train, std::size_t stride, const sockaddr_in& from);
    void open_and_write();

    static constexpr std::size_t kMessages = 8;
    static constexpr std::size_t kRounds = 4;

    int udp_;
    Sessions& sessions_;
    crypto::PacketAead& aead_;
    Joined joined_;
    std::array<crypto::AeadJob, kMostSegments> jobs_;
    std::size_t count_ = 0;
    std::vector<std::uint8_t> room_ = std::vector<std::uint8_t>(kMessages * 65'536);
};

}  // namespace warren::bench
