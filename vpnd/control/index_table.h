// Which receiver index is whose, over all listeners (conformance I1-I5).
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/ids.h"
#include "base/session_directory.h"
#include "crypto/random.h"

namespace warren::control {

// What an index stands for: a handshake takes a response, a keypair takes data, a cookie reply may go to both.
enum class IndexKind : std::uint8_t { kHandshake, kKeypair };

struct IndexEntry {
    IndexKind kind = IndexKind::kHandshake;
    ListenerIndex listener;
    PeerIndex peer;
};

// All indexes that this process gave out and still listens to. One for all engines of the control worker, which owns
// it.
class IndexTable {
  public:
    // A new random index whose low bits name `worker`, unique while it is in the table.
    [[nodiscard]] SessionId allocate(const IndexEntry& entry, std::uint32_t worker, crypto::RandomSource& random);
    // The session of an earlier process goes on under its index. False when that is in use.
    [[nodiscard]] bool resume(SessionId index, const IndexEntry& entry) {
        const bool is_free = entries_.try_emplace(index, entry).second;
        if (is_free && directory_ != nullptr) directory_->add(index);
        return is_free;
    }
    // The handshake became a session under the same index.
    void become_keypair(SessionId index);
    void release(SessionId index);
    [[nodiscard]] std::optional<IndexEntry> find(SessionId index) const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    // From now on the directory has every index that is in the table; called while the table is empty. It outlives
    // this.
    void publish_to(SessionDirectory& directory) { directory_ = &directory; }

  private:
    std::unordered_map<SessionId, IndexEntry> entries_;
    SessionDirectory* directory_ = nullptr;
};

}  // namespace warren::control
