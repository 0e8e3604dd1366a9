// The connections of clients that have not logged in. They share a small budget, so that they cannot take the
// connections of those who have. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "base/ip.h"
#include "base/time.h"

namespace warren::web {

// Not thread-safe.
class Strangers {
  public:
    using Id = std::uint64_t;
    struct Limits {
        std::size_t total = 256;
        std::size_t per_site = 32;  // site_of() of the client
    };
    struct Admission {
        bool admitted = false;
        std::optional<Id> closes;  // the connection that must be closed in its favour; no longer counted
    };

    explicit Strangers(Limits limits) : limits_(limits) {}

    // At the bound of its site the connection of that site that has been idle for longest goes, at the bound of all
    // that of the site with the most connections. Not admitted only if all of these wait for a password check.
    [[nodiscard]] Admission add(Instant now, Id id, const IpAddress& site);
    // The client completed a handshake or a request.
    void touch(Instant now, Id id);
    // While it waits for the check of a password, a connection is not closed in favour of another.
    void set_waiting(Id id, bool waits);
    // It was closed, or its client has logged in. Does nothing for an unknown id.
    void remove(Id id);
    [[nodiscard]] std::size_t size() const { return connections_.size(); }

  private:
    struct Connection {
        IpAddress site;
        Instant used;
        bool waits = false;
    };
    // The connection to close, only of `site` if there is one.
    [[nodiscard]] std::optional<Id> victim(const IpAddress* site) const;

    Limits limits_;
    std::map<Id, Connection> connections_;
    std::map<IpAddress, std::size_t> by_site_;
};

}  // namespace warren::web
