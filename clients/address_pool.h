// The addresses that a customer's devices may have and nobody has yet. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "config/customer.h"

namespace warren::clients {

// What no device may get: networks and single addresses that have an owner.
class AddressPool {
  public:
    // Of the customer's clients.pool, or of stack.addresses. Taken are the addresses of the stack, and what lies in the
    // pool of its routes, of any peer's allowed_ips, and of any IPsec connection's pool and children's routes, also of
    // disabled ones.
    explicit AddressPool(const config::Customer& customer);

    void take_with_pools(const Prefix& network);
    void take(const Prefix& network);
    // The lowest free address of each family that the pool has, as /32 and /128, which are taken then. kUnavailable:
    // one family has none left; kNotFound: there is no pool.
    [[nodiscard]] Result<std::vector<Prefix>> next();

  private:
    void take_all(const config::Connection& connection);
    [[nodiscard]] bool has(Family family) const;
    // Nothing is taken.
    [[nodiscard]] std::vector<Prefix> first_free(Family family) const;

    std::vector<Prefix> networks_;
    std::map<IpAddress, IpAddress> taken_;       // first -> last; some lie in others
    mutable std::map<Prefix, IpAddress> begin_;  // below these all are taken, by network
};

}  // namespace warren::clients
