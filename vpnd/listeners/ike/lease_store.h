// Who had which address of a pool, in a file that outlives this process: the same client gets the same address again.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "crypto/blake2s.h"
#include "ipc/config_messages.h"
#include "vpnd/ike/past_leases.h"
#include "vpnd/listeners/kept/slot_file.h"

namespace warren::vpnd {

// Connections are known by their customer's identity and their own name, so that a renamed customer keeps its leases.
// One thread.
class LeaseStore final : public ike::PastLeases {
  public:
    // Keeps nothing.
    LeaseStore() = default;
    // As SlotFile::open. RUN_DIR/peers, beside what is kept of WireGuard's peers: a name and the time say whose a value
    // is, and how long ago.
    [[nodiscard]] Status keep_in(UniqueFd file);

    void put(ConnectionIndex connection, const IkeIdentity& customer, std::string_view name);
    void drop(ConnectionIndex connection) { keys_.erase(connection); }

    [[nodiscard]] std::vector<IpAddress> addresses_of(ConnectionIndex connection,
                                                      std::string_view holder) const override;
    [[nodiscard]] bool is_anothers(ConnectionIndex connection, const IpAddress& address,
                                   std::string_view holder) const override;
    void note(Now now, ConnectionIndex connection, std::string_view holder, const IpAddress& address) override;

    // Of each family, of one holder: the devices of one person.
    static constexpr std::uint8_t kMostOfHolder = 8;

  private:
    [[nodiscard]] const crypto::Hash* key_of(ConnectionIndex connection) const;

    SlotFile file_;
    std::unordered_map<ConnectionIndex, crypto::Hash> keys_;
};

}  // namespace warren::vpnd
