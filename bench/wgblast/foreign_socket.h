// A packet socket on a device, often one of another network namespace: what is written to it the device's owner reads
// as if its host had sent it.
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

    // An IPv4 packet without a link header, with a virtio header in front. False when the device took nothing.
    [[nodiscard]] bool send(Bytes offload_header_and_packet);

  private:
    UniqueFd fd_;
    int device_ = 0;
};

}  // namespace warren::bench
