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

// The note: our timestamp, then a check of it in what is left.
using Note = std::array<std::uint8_t, SlotFile::kMaxNote>;

Note note_of(const Tai64n& own) {
    Note note{};
    const auto check = crypto::blake2s({as_bytes("warren own timestamp"), own.bytes});
    const auto rest = std::copy(own.bytes.begin(), own.bytes.end(), note.begin());
    std::copy_n(check.begin(), note.end() - rest, rest);
    return note;
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

Result<Tai64n> TimestampStore::own() const {
    Note note{};
    file_.read_note(note);
    if (note == Note{}) return Tai64n{};
    Tai64n out;
    std::copy_n(note.begin(), out.bytes.size(), out.bytes.begin());
    if (note_of(out) != note) return fail(ErrorCode::kInvalid, "the file is damaged");
    return out;
}

Status TimestampStore::store_own(const Tai64n& timestamp) {
    const auto present = own();
    if (present && timestamp <= *present) return {};
    return file_.write_note(note_of(timestamp));
}

}  // namespace warren::vpnd
