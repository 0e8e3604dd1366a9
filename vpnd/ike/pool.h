// Addresses that a connection leases to its peers, one of each family (RFC 7296 §2.19).
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace warren::ike {

// What a peer has leased.
struct Lease {
    std::optional<IpAddress> v4;
    std::optional<IpAddress> v6;
    auto operator<=>(const Lease&) const = default;
    [[nodiscard]] bool empty() const { return !v4 && !v6; }
};

// An address is its holder's while it has it, and stays kept for it afterwards, for as long as there are others: who
// comes again gets the same. What nobody had takes no memory, however large the networks are. Holders are named by
// ike::key_of(). No I/O. One thread.
class Pool {
  public:
    // At most `most_kept` free addresses stay kept for those who had them. Those that are in no network any more are
    // forgotten.
    void configure(std::vector<Prefix> networks, std::size_t most_kept);
    // An address that may be leased: of a network, but neither its first nor, of IPv4, its last one, where it has more
    // than two.
    [[nodiscard]] bool has(const IpAddress& address) const;
    [[nodiscard]] bool has(Family family) const;

    // What is known of an earlier process.
    struct Past {
        std::vector<IpAddress> own;                           // the holder's
        std::function<bool(const IpAddress&)> is_anothers{};  // absent: none is
    };
    // In this order: the one that is asked for, unless it is or stays somebody else's; one that stays the holder's;
    // one that is nobody's, the same whenever it is free; one that is free, for longest. Nothing: all are taken.
    [[nodiscard]] std::optional<IpAddress> take(Family family, std::string_view holder,
                                                const std::optional<IpAddress>& wanted, const Past& past);
    [[nodiscard]] std::optional<IpAddress> take(Family family, std::string_view holder,
                                                const std::optional<IpAddress>& wanted) {
        return take(family, holder, wanted, {});
    }
    // It was taken.
    void give_back(const IpAddress& address);

    [[nodiscard]] std::size_t taken() const { return leases_.size() - free_.size(); }
    [[nodiscard]] std::size_t kept() const { return free_.size(); }

  private:
    struct Held {
        std::string holder;
        std::optional<std::list<IpAddress>::iterator> free;  // in free_; nothing: it is taken
    };
    void hold(const IpAddress& address, std::string_view holder);
    void forget(const IpAddress& address);
    void limit_kept();
    [[nodiscard]] std::optional<IpAddress> kept_for(Family family, std::string_view holder, const Past& past) const;
    [[nodiscard]] std::optional<IpAddress> find_new(Family family, std::string_view holder, const Past& past) const;

    std::vector<Prefix> networks_;
    std::size_t most_kept_ = 0;
    std::map<IpAddress, Held> leases_;
    std::multimap<std::string, IpAddress, std::less<>> of_holder_;
    std::list<IpAddress> free_;  // the one that is free for longest first
};

}  // namespace warren::ike
