#include "vpnd/listeners/ike/lease_store.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"

namespace warren::vpnd {

namespace {

// The value: time of the lease (8, big-endian, so that the oldest goes first), family (1; 4 or 6), address (16), hash
// of its holder (16), check of all before and the name (4); the rest is zero.
constexpr std::size_t kFamilyAt = 8;
constexpr std::size_t kAddressAt = 9;
constexpr std::size_t kHolderAt = 25;
constexpr std::size_t kCheckAt = 56;
using Value = std::array<std::uint8_t, kPeersForm.value_size>;

struct Kept {
    IpAddress address;
    std::array<std::uint8_t, 16> holder{};
};

std::array<std::uint8_t, 16> hash_of(std::string_view holder) {
    const crypto::Hash hash = crypto::blake2s({as_bytes(holder)});
    std::array<std::uint8_t, 16> out;
    std::copy_n(hash.begin(), out.size(), out.begin());
    return out;
}

std::uint8_t number_of(Family family) {
    return family == Family::kV4 ? 4 : 6;
}

crypto::Hash name_of(const crypto::Hash& key, Family family, std::uint8_t number, std::string_view holder) {
    const std::array<std::uint8_t, 2> which{number_of(family), number};
    return crypto::blake2s({as_bytes("lease of"), key, which, as_bytes(holder)});
}

crypto::Hash name_of(const crypto::Hash& key, const IpAddress& address) {
    const std::array<std::uint8_t, 1> family{number_of(address.family)};
    return crypto::blake2s({as_bytes("leased"), key, family, address.bytes()});
}

std::uint32_t check_of(const crypto::Hash& name, const Value& value) {
    return load_le<std::uint32_t>(crypto::blake2s({name, Bytes(value).first(kCheckAt)}).data());
}

std::optional<Kept> find(const SlotFile& file, const crypto::Hash& name) {
    Value value{};
    if (!file.is_open() || !file.find(name, value)) return std::nullopt;
    if (load_le<std::uint32_t>(value.data() + kCheckAt) != check_of(name, value)) return std::nullopt;
    Kept out;
    out.address = IpAddress::from_bytes(Bytes(value).subspan(kAddressAt, value[kFamilyAt] == 4 ? 4 : 16));
    std::copy_n(value.begin() + kHolderAt, out.holder.size(), out.holder.begin());
    return out;
}

Status store(SlotFile& file, Now now, const crypto::Hash& name, const Kept& kept) {
    Value value{};
    store_be(value.data(), static_cast<std::uint64_t>(std::max<std::int64_t>(now.wall.nanoseconds, 1)));
    value[kFamilyAt] = number_of(kept.address.family);
    std::copy(kept.address.octets.begin(), kept.address.octets.end(), value.begin() + kAddressAt);
    std::copy(kept.holder.begin(), kept.holder.end(), value.begin() + kHolderAt);
    store_le(value.data() + kCheckAt, check_of(name, value));
    return file.store(name, value);
}

}  // namespace

Status LeaseStore::keep_in(UniqueFd file) {
    auto opened = SlotFile::open(std::move(file), kPeersForm);
    if (!opened) return tl::unexpected<Error>(opened.error());
    file_ = std::move(*opened);
    return {};
}

void LeaseStore::put(ConnectionIndex connection, const IkeIdentity& customer, std::string_view name) {
    const IkeIdentity identity = canonical(customer);
    const std::array<std::uint8_t, 1> type{static_cast<std::uint8_t>(identity.type)};
    const std::array<std::uint8_t, 1> end{0};
    keys_[connection] = crypto::blake2s({type, as_bytes(identity.text), end, as_bytes(name)});
}

const crypto::Hash* LeaseStore::key_of(ConnectionIndex connection) const {
    const auto found = keys_.find(connection);
    return found == keys_.end() ? nullptr : &found->second;
}

std::vector<IpAddress> LeaseStore::addresses_of(ConnectionIndex connection, std::string_view holder) const {
    std::vector<IpAddress> out;
    const crypto::Hash* const key = key_of(connection);
    if (key == nullptr) return out;
    for (const Family family : {Family::kV4, Family::kV6}) {
        for (std::uint8_t number = 0; number < kMostOfHolder; ++number) {
            const auto kept = find(file_, name_of(*key, family, number, holder));
            // Somebody else may have had it since.
            if (kept && !is_anothers(connection, kept->address, holder)) out.push_back(kept->address);
        }
    }
    return out;
}

bool LeaseStore::is_anothers(ConnectionIndex connection, const IpAddress& address, std::string_view holder) const {
    const crypto::Hash* const key = key_of(connection);
    const auto kept = key == nullptr ? std::nullopt : find(file_, name_of(*key, address));
    return kept && kept->holder != hash_of(holder);
}

void LeaseStore::note(Now now, ConnectionIndex connection, std::string_view holder, const IpAddress& address) {
    const crypto::Hash* const key = key_of(connection);
    if (key == nullptr || !file_.is_open()) return;
    const Kept kept{address, hash_of(holder)};
    // Its own place, else the first that is free, else the last.
    std::uint8_t place = kMostOfHolder - 1;
    for (std::uint8_t number = kMostOfHolder; number-- > 0;) {
        const auto there = find(file_, name_of(*key, address.family, number, holder));
        if (there && there->address == address) {
            place = number;
            break;
        }
        if (!there || is_anothers(connection, there->address, holder)) place = number;
    }
    Status written = store(file_, now, name_of(*key, address.family, place, holder), kept);
    if (written) written = store(file_, now, name_of(*key, address), kept);
    if (!written) log(LogLevel::kWarn, "lease_write_failed", {{"reason", written.error().what}});
}

}  // namespace warren::vpnd
