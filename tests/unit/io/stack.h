// A customer's stack for tests: a network namespace without a name, that goes when its last descriptor does, and a TUN
// in it.
#pragma once

#include <functional>
#include <string>

#include "base/fd.h"
#include "base/ip.h"

namespace warren::io::test {

class Stack {
  public:
    // False, with the reason, where namespaces or TUN devices cannot be made (not root): the test is to be skipped.
    [[nodiscard]] static bool is_possible(std::string& reason);

    // vpn0 with these addresses, up.
    Stack(const char* v4, unsigned length_v4, const char* v6, unsigned length_v6, int mtu = 1420,
          bool has_two_queues = false);

    // Runs inside the namespace, on a thread of its own, to its end. Descriptors opened there stay good outside.
    void run(const std::function<void()>& inside) const;
    // Packets and super-packets that vpn0 was given so far.
    [[nodiscard]] std::uint64_t packets_received() const;
    [[nodiscard]] UniqueFd take_tun() { return std::move(tun_); }
    // Whatever the stack sends comes out of the second queue from now on. False where that cannot be had (no bpf(2)).
    [[nodiscard]] bool use_second_queue() const;
    [[nodiscard]] UniqueFd second_queue() const { return second_queue_.duplicate(); }

  private:
    UniqueFd namespace_;
    UniqueFd tun_;
    UniqueFd second_queue_;
};

// Inside a namespace: its loopback device, up.
void loopback_up(int mtu);

// Inside a namespace: lets its loopback device pass only so much, as `tc` says it ("100mbit"), and hold the rest for so
// long. False where that cannot be done.
[[nodiscard]] bool slow_loopback(const char* rate, const char* latency = "60s");

// A socket bound to an address, with a timeout of five seconds on every receive.
[[nodiscard]] UniqueFd bound_socket(int type, const Endpoint& endpoint, bool reuse_port = false);
[[nodiscard]] Endpoint bound_to(int fd);

}  // namespace warren::io::test
