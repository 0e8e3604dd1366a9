#include "vpnd/control/index_table.h"

#include <array>

#include "base/bytes.h"
#include "base/check.h"

namespace warren::control {

SessionId IndexTable::allocate(const IndexEntry& entry, std::uint32_t worker, crypto::RandomSource& random) {
    constexpr std::uint32_t kWorkerMask = (1U << SessionId::kWorkerBits) - 1;
    WARREN_CHECK(worker <= kWorkerMask);
    // 2^26 random values, of which even a hundred thousand peers with four each use less than one in a hundred.
    for (;;) {
        std::array<std::uint8_t, 4> random_bytes{};
        random.fill(random_bytes);
        const SessionId index{(load_le<std::uint32_t>(random_bytes.data()) & ~kWorkerMask) | worker};
        if (index.value < SessionId::kLeast || !entries_.try_emplace(index, entry).second) continue;
        if (directory_ != nullptr) directory_->add(index);
        return index;
    }
}

void IndexTable::become_keypair(SessionId index) {
    const auto found = entries_.find(index);
    WARREN_CHECK(found != entries_.end());
    found->second.kind = IndexKind::kKeypair;
}

void IndexTable::release(SessionId index) {
    if (entries_.erase(index) != 0 && directory_ != nullptr) directory_->remove(index);
}

std::optional<IndexEntry> IndexTable::find(SessionId index) const {
    const auto found = entries_.find(index);
    if (found == entries_.end()) return std::nullopt;
    return found->second;
}

}  // namespace warren::control
