// Where what customers used is counted from.
#pragma once

#include <cstdint>
#include <span>

#include "vpnd/customers/customer_set.h"
#include "vpnd/io/worker_messages.h"

namespace warren::vpnd {

// The counters of the data workers, which begin anew when they lose a customer or a peer, and never else. One thread.
class UsageSource {
  public:
    // Names a moment: everything asked for up to it.
    using Ticket = std::uint64_t;

    virtual ~UsageSource() = default;

    // In two steps, for a reader of many customers of which few have changed: first the workers' own counters, which
    // name those that have; when they are here, the counters of those among `customers`. ready(ticket) tells when.
    [[nodiscard]] virtual Ticket refresh_workers(Now now) = 0;
    [[nodiscard]] virtual Ticket refresh_touched(Now now, std::span<const HeldCustomer* const> customers) = 0;
    [[nodiscard]] virtual bool ready(Ticket ticket) const = 0;
    // Something else about the customer or its peers has changed.
    virtual void note_change(CustomerIndex customer) = 0;
    // Another one than before when anything that is not configuration may have changed.
    [[nodiscard]] virtual std::uint64_t mark(CustomerIndex customer) const = 0;
    // Every queue of the customer has answered since it was put as it is: no counter is of another configuration.
    [[nodiscard]] virtual bool is_current(const HeldCustomer& customer) const = 0;

    // As of the last answer; zeros when there was none.
    [[nodiscard]] virtual io::PeerCounters peer(CustomerIndex customer, std::size_t position, PeerIndex peer) const = 0;
    // Of one that is a connection's.
    [[nodiscard]] virtual io::PeerCounters connection_peer(CustomerIndex customer, PeerIndex peer) const = 0;
    // Of all that came and went by this queue.
    [[nodiscard]] virtual dataplane::Meters queue_meters(CustomerIndex customer, std::size_t queue) const = 0;
};

}  // namespace warren::vpnd
