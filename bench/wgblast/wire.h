// The generator's UDP sockets, in the namespace in which it was started. They send trains with UDP_SEGMENT and receive
// trains with UDP_GRO.
#pragma once

#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"

namespace warren::bench {

// The result of one receive: the first bytes of a train, which include a whole handshake message.
struct Arrival {
    Bytes head;                    // its first kHead bytes, sometimes more
    std::size_t size = 0;          // of the whole train
    std::size_t segment_size = 0;  // of each datagram but the last
    bool sample = false;           // `head` is the whole train
    [[nodiscard]] std::size_t count() const { return (size + segment_size - 1) / segment_size; }
};

// Sockets 0..count-1, connected to the hub. One thread.
class Wire {
  public:
    // `sources`: the sockets bind to this many addresses, from `first_source` on, which must be local.
    [[nodiscard]] static Result<Wire> open(const Endpoint& hub, std::uint32_t count, const IpAddress& first_source,
                                           std::uint32_t sources);

    // Sends one train; false if the socket refused it.
    [[nodiscard]] bool send(std::uint32_t socket, Bytes train, std::size_t segment_size);
    // Delivers the waiting trains, at most a few of each socket. About every kSample-th datagram comes with all its
    // bytes.
    void receive(const std::function<void(const Arrival&)>& take);
    [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(sockets_.size()); }
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    static constexpr std::size_t kMessages = 16;
    static constexpr std::size_t kHead = 8192;  // a whole train of echo replies
    static constexpr std::size_t kWhole = 65'536;
    static constexpr std::uint64_t kSample = 1000;

    void drain(int fd, const std::function<void(const Arrival&)>& take);

    std::vector<UniqueFd> sockets_;
    UniqueFd epoll_;
    std::vector<std::uint8_t> room_ = std::vector<std::uint8_t>(kWhole + kMessages * kHead);
    std::uint64_t since_sample_ = 0;
    std::uint64_t refused_ = 0;
};

}  // namespace warren::bench
