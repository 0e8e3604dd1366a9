// When each customer and peer last changed, as far as somebody looked: so that who asks again and again is told what is
// new only. Costs the same however many ask.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "vpnd/customers/customer_set.h"
#include "vpnd/show/snapshot.h"

namespace warren::vpnd {

// One thread. Revisions only grow.
class ChangeBook {
  public:
    // Of the last change that was seen.
    struct Stamps {
        std::uint64_t customer = 0;  // of anything of it, its peers and connections included
        std::uint64_t config = 0;    // of its configuration: which peers and connections it has
        std::vector<std::uint64_t> peers;
        std::vector<std::uint64_t> connections;
    };

    // The revision of a look at all that begins now. Customers that are gone are forgotten.
    [[nodiscard]] std::uint64_t begin(const CustomerSet& customers);
    // False when a customer was removed after this revision: changes alone cannot say that.
    [[nodiscard]] bool is_complete_since(std::uint64_t revision) const { return revision >= gone_; }
    // Compares the customer with its state at the last call, unless its mark (Counters::mark) is the same as then.
    // Valid until the next call.
    [[nodiscard]] const Stamps& update(const HeldCustomer& customer, std::uint64_t mark, const Snapshot& snapshot);

  private:
    struct Entry {
        std::uint64_t put = 0;  // HeldCustomer::put
        std::uint64_t mark = 0;
        std::uint64_t looked = 0;
        std::uint64_t digest = 0;
        std::vector<std::uint64_t> peer_digests;
        std::vector<std::uint64_t> connection_digests;
        Stamps stamps;
    };
    std::unordered_map<std::string, Entry> entries_;  // by customer
    std::uint64_t revision_ = 0;
    std::uint64_t gone_ = 0;
    std::uint64_t generation_ = 0;  // when entries_ was last compared with who there is
};

}  // namespace warren::vpnd
