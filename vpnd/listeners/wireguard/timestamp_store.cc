#include "vpnd/listeners/wireguard/timestamp_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "crypto/blake2s.h"

namespace warren::vpnd {

namespace {

// A slot: 32 bytes of name, 12 bytes of timestamp, 4 of padding. The first slot of the file is its header.
constexpr std::size_t kSlotSize = 48;
constexpr std::size_t kTimestampAt = 32;
// Slots looked at for one name: its own place and those behind it. When none is free the oldest of them goes.
constexpr std::size_t kProbes = 32;
constexpr std::size_t kFileSize = kSlotSize * (1 + TimestampStore::kSlots + kProbes);

using Slot = std::array<std::uint8_t, kSlotSize>;
using Window = std::array<std::uint8_t, kSlotSize * kProbes>;

constexpr Slot kHeader = [] {
    Slot header{};
    constexpr std::string_view text = "warren timestamps 1";
    for (std::size_t i = 0; i < text.size(); ++i) header[i] = static_cast<std::uint8_t>(text[i]);
    return header;
}();

crypto::Hash name_of(const crypto::PublicKey& listener, const crypto::PublicKey& peer) {
    return crypto::blake2s({listener.bytes, peer.bytes});
}

off_t window_offset(const crypto::Hash& name) {
    return static_cast<off_t>(kSlotSize * (1 + load_le<std::uint64_t>(name.data()) % TimestampStore::kSlots));
}

bool read_window(int file, const crypto::Hash& name, Window& window) {
    return ::pread(file, window.data(), window.size(), window_offset(name)) == static_cast<ssize_t>(window.size());
}

bool is_named(const std::uint8_t* slot, const crypto::Hash& name) {
    return std::memcmp(slot, name.data(), name.size()) == 0;
}

// Where a name's timestamp goes: its own slot, else the one with the smallest timestamp, which is a free one where
// there is one.
std::size_t place_for(const Window& window, const crypto::Hash& name) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < kProbes; ++i) {
        const std::uint8_t* slot = window.data() + i * kSlotSize;
        if (is_named(slot, name)) return i;
        const std::uint8_t* least = window.data() + best * kSlotSize;
        if (std::memcmp(slot + kTimestampAt, least + kTimestampAt, sizeof(wireguard::Tai64n)) < 0) best = i;
    }
    return best;
}

}  // namespace

Result<TimestampStore> TimestampStore::open(UniqueFd file) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fail_errno("timestamps: fstat", errno);
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, "timestamps: not a regular file");

    Slot header{};
    const bool is_ours = static_cast<std::size_t>(status.st_size) == kFileSize &&
                         ::pread(file.get(), header.data(), header.size(), 0) == static_cast<ssize_t>(header.size()) &&
                         header == kHeader;
    if (!is_ours) {
        // To nothing first, so that no byte of another format is left.
        if (::ftruncate(file.get(), 0) != 0) return fail_errno("timestamps: ftruncate", errno);
        if (::ftruncate(file.get(), static_cast<off_t>(kFileSize)) != 0)
            return fail_errno("timestamps: ftruncate", errno);
        if (::pwrite(file.get(), kHeader.data(), kHeader.size(), 0) != static_cast<ssize_t>(kHeader.size())) {
            return fail_errno("timestamps: write", errno);
        }
    }
    TimestampStore store;
    store.file_ = std::move(file);
    return store;
}

wireguard::Tai64n TimestampStore::find(const crypto::PublicKey& listener, const crypto::PublicKey& peer) const {
    wireguard::Tai64n out;
    const crypto::Hash name = name_of(listener, peer);
    Window window;
    if (!file_.valid() || !read_window(file_.get(), name, window)) return out;
    const std::uint8_t* slot = window.data() + place_for(window, name) * kSlotSize;
    if (is_named(slot, name)) std::memcpy(out.bytes.data(), slot + kTimestampAt, out.bytes.size());
    return out;
}

Status TimestampStore::store(const crypto::PublicKey& listener, const crypto::PublicKey& peer,
                             const wireguard::Tai64n& timestamp) {
    if (!file_.valid()) return {};
    const crypto::Hash name = name_of(listener, peer);
    Window window;
    if (!read_window(file_.get(), name, window)) return fail_errno("timestamps: read", errno);
    Slot slot{};
    std::memcpy(slot.data(), name.data(), name.size());
    std::memcpy(slot.data() + kTimestampAt, timestamp.bytes.data(), timestamp.bytes.size());
    const auto offset = window_offset(name) + static_cast<off_t>(place_for(window, name) * kSlotSize);
    if (::pwrite(file_.get(), slot.data(), slot.size(), offset) != static_cast<ssize_t>(slot.size())) {
        return fail_errno("timestamps: write", errno);
    }
    return {};
}

}  // namespace warren::vpnd
