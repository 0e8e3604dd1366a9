// A packet socket on a device, often in another network namespace. The program that owns the device reads the packets
// as if its host had sent them.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"

namespace warren::bench {

class ForeignSocket {
  public:
    // `network_namespace`: a path; empty: this one.
    [[nodiscard]] static Result<ForeignSocket> open(const std::string& network_namespace, const std::string& device);

    // Sends an IPv4 packet without a link header, with a virtio header in front. False if the device refused it.
    [[nodiscard]] bool send(Bytes offload_header_and_packet);

  private:
    UniqueFd fd_;
    int device_ = 0;
};

}  // namespace warren::bench
