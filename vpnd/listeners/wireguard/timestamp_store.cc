#include "vpnd/listeners/wireguard/timestamp_store.h"

#include <algorithm>
#include <array>
#include <utility>

namespace warren::vpnd {

namespace {

using wireguard::Tai64n;

constexpr std::size_t kTimestampSize = sizeof(Tai64n::bytes);
constexpr SlotFile::Form kForm{"warren timestamps 1", 16, kTimestampSize};

crypto::Hash name_of(const crypto::PublicKey& listener, const crypto::PublicKey& peer) {
    return crypto::blake2s({listener.bytes, peer.bytes});
}

}  // namespace

Result<TimestampStore> TimestampStore::open(UniqueFd file) {
    auto opened = SlotFile::open(std::move(file), kForm);
    if (!opened) return tl::unexpected<Error>(opened.error());
    TimestampStore store;
    store.file_ = std::move(*opened);
    return store;
}

Tai64n TimestampStore::find(const crypto::PublicKey& listener, const crypto::PublicKey& peer) const {
    Tai64n out;
    if (!file_.find(name_of(listener, peer), out.bytes)) return {};
    return out;
}

Status TimestampStore::store(const crypto::PublicKey& listener, const crypto::PublicKey& peer,
                             const Tai64n& timestamp) {
    return file_.store(name_of(listener, peer), timestamp.bytes);
}

Status TimestampStore::forget(const crypto::PublicKey& listener, const crypto::PublicKey& peer) {
    return file_.erase(name_of(listener, peer));
}

Tai64n TimestampStore::own() const {
    Tai64n out;
    file_.read_note(out.bytes);
    return out;
}

Status TimestampStore::store_own(const Tai64n& timestamp) {
    return timestamp > own() ? file_.write_note(timestamp.bytes) : Status();
}

}  // namespace warren::vpnd
