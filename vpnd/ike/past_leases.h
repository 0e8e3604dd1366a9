// What is kept of leases beyond this process, for the engine to ask and to tell.
#pragma once

#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"

namespace warren::ike {

// Holders are named as in Pool. Thread rule: the engine's.
class PastLeases {
  public:
    virtual ~PastLeases() = default;
    // The addresses that it had last, of both families; none when nothing is known.
    [[nodiscard]] virtual std::vector<IpAddress> addresses_of(ConnectionIndex connection,
                                                              std::string_view holder) const = 0;
    // Somebody else had it last.
    [[nodiscard]] virtual bool is_anothers(ConnectionIndex connection, const IpAddress& address,
                                           std::string_view holder) const = 0;
    // It has the address now. What cannot be kept is forgotten.
    virtual void note(Now now, ConnectionIndex connection, std::string_view holder, const IpAddress& address) = 0;
};

}  // namespace warren::ike
