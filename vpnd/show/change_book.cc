#include "vpnd/show/change_book.h"

namespace warren::vpnd {

std::uint64_t ChangeBook::begin(const CustomerSet& customers) {
    ++revision_;
    if (customers.generation() == generation_) return revision_;
    generation_ = customers.generation();
    const auto gone =
        std::erase_if(entries_, [&](const auto& entry) { return customers.customer(entry.first) == nullptr; });
    if (gone > 0) gone_ = revision_;
    return revision_;
}

const ChangeBook::Stamps& ChangeBook::update(const HeldCustomer& customer, std::uint64_t mark,
                                             const Snapshot& snapshot) {
    Entry& entry = entries_[customer.settings.id];
    Stamps& stamps = entry.stamps;
    // A reader that looked at the customer in this revision and found nothing must find what is found now.
    if (entry.looked == revision_ && (entry.put != customer.put || entry.mark != mark)) ++revision_;
    entry.looked = revision_;
    if (entry.put == customer.put && entry.mark == mark) return stamps;
    entry.mark = mark;
    if (entry.put != customer.put) {
        entry.put = customer.put;
        entry.peer_digests.assign(customer.peers.size(), 0);
        stamps.peers.assign(customer.peers.size(), revision_);
        entry.connection_digests.assign(customer.connections.size(), 0);
        stamps.connections.assign(customer.connections.size(), revision_);
        stamps.customer = stamps.config = revision_;
    }
    for (std::size_t i = 0; i < customer.peers.size(); ++i) {
        const std::uint64_t digest = snapshot.digest(customer, i);
        if (digest == entry.peer_digests[i]) continue;
        entry.peer_digests[i] = digest;
        stamps.peers[i] = stamps.customer = revision_;
    }
    for (std::size_t i = 0; i < customer.connections.size(); ++i) {
        const std::uint64_t digest = snapshot.connection_digest(customer, i);
        if (digest == entry.connection_digests[i]) continue;
        entry.connection_digests[i] = digest;
        stamps.connections[i] = stamps.customer = revision_;
    }
    const std::uint64_t digest = snapshot.digest(customer);
    if (digest != entry.digest) {
        entry.digest = digest;
        stamps.customer = revision_;
    }
    return stamps;
}

}  // namespace warren::vpnd
