// Where a peer was is there after a restart, unless the operator moved it or it was forgotten.
#include "vpnd/listeners/wireguard/peer_store.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "tests/unit/vpnd/fixtures.h"

using namespace warren;
using namespace warren::vpnd;
using wireguard::LastKnown;

namespace {

crypto::PublicKey key(std::uint32_t number) {
    crypto::PublicKey out;
    store_le(out.bytes.data(), number);
    return out;
}

PeerStore open(const UniqueFd& file) {
    auto store = PeerStore::open(file.duplicate());
    REQUIRE(store);
    return std::move(*store);
}

UniqueFd memory_file() {
    return UniqueFd(::memfd_create("peers", MFD_CLOEXEC));
}

LastKnown kept(const char* endpoint, const char* local, std::int64_t minutes = 1'000'000) {
    LastKnown out;
    if (*endpoint != 0) out.endpoint = *parse_endpoint(endpoint);
    if (*local != 0) out.local.address = *parse_ip(local);
    out.latest_handshake = WallTime{minutes * 60'000'000'000};
    out.has_session = true;
    return out;
}

void check_same(const std::optional<LastKnown>& found, const LastKnown& wanted) {
    REQUIRE(found.has_value());
    CHECK(found->endpoint == wanted.endpoint);
    CHECK(found->local == wanted.local);
    CHECK(found->latest_handshake.nanoseconds == wanted.latest_handshake.nanoseconds);
    CHECK(found->has_session == wanted.has_session);
}

}  // namespace

TEST_CASE("where a peer was survives the process that stored it, whatever its addresses are") {
    const UniqueFd file = memory_file();
    std::vector<LastKnown> all = {kept("192.0.2.7:51820", "198.51.100.2"), kept("[2001:db8::7]:1", "2001:db8::1"),
                                  kept("[2001:db8::7]:65535", ""), kept("", ""), LastKnown{}};
    all[1].endpoint->scope_id = 7;
    all[2].has_session = false;
    for (std::uint32_t i = 0; i < all.size(); ++i) {
        PeerStore store = open(file);
        CHECK_FALSE(store.find(key(1), key(100 + i), std::nullopt).has_value());
        REQUIRE(store.store(key(1), key(100 + i), std::nullopt, all[i]));
    }
    const PeerStore again = open(file);
    for (std::uint32_t i = 0; i < all.size(); ++i) check_same(again.find(key(1), key(100 + i), std::nullopt), all[i]);
    CHECK_FALSE(again.find(key(2), key(100), std::nullopt).has_value());
}

TEST_CASE("a peer that the operator has moved meanwhile is not where it was, but was there") {
    PeerStore store = open(memory_file());
    const auto configured = parse_endpoint("192.0.2.1:51820");
    REQUIRE(store.store(key(1), key(2), configured, kept("192.0.2.7:51820", "198.51.100.2")));
    check_same(store.find(key(1), key(2), configured), kept("192.0.2.7:51820", "198.51.100.2"));
    check_same(store.find(key(1), key(2), parse_endpoint("192.0.2.1:51821")), kept("", ""));
    check_same(store.find(key(1), key(2), std::nullopt), kept("", ""));
}

TEST_CASE("a later handshake alone is written when it is ten minutes later, everything else at once") {
    PeerStore store = open(memory_file());
    const auto put = [&](const LastKnown& peer) { REQUIRE(store.store(key(1), key(2), std::nullopt, peer)); };
    const auto found = [&] { return store.find(key(1), key(2), std::nullopt); };
    put(kept("192.0.2.7:1", "198.51.100.2", 1000));
    put(kept("192.0.2.7:1", "198.51.100.2", 1009));
    check_same(found(), kept("192.0.2.7:1", "198.51.100.2", 1000));
    put(kept("192.0.2.7:1", "198.51.100.2", 1010));
    check_same(found(), kept("192.0.2.7:1", "198.51.100.2", 1010));
    put(kept("192.0.2.7:2", "198.51.100.2", 1011));
    check_same(found(), kept("192.0.2.7:2", "198.51.100.2", 1011));
    put(kept("192.0.2.7:2", "198.51.100.3", 1012));
    check_same(found(), kept("192.0.2.7:2", "198.51.100.3", 1012));
    LastKnown gone = kept("192.0.2.7:2", "198.51.100.3", 1013);
    gone.has_session = false;
    put(gone);
    check_same(found(), gone);
    put(kept("192.0.2.7:2", "198.51.100.3", 5));  // the clock went back
    check_same(found(), kept("192.0.2.7:2", "198.51.100.3", 5));
}

TEST_CASE("a peer that is forgotten is gone, and its place is free for others") {
    const UniqueFd file = memory_file();
    PeerStore store = open(file);
    REQUIRE(store.store(key(1), key(2), std::nullopt, kept("192.0.2.7:1", "")));
    REQUIRE(store.store(key(1), key(3), std::nullopt, kept("192.0.2.8:1", "")));
    REQUIRE(store.forget(key(1), key(2)));
    REQUIRE(store.forget(key(1), key(99)));
    CHECK_FALSE(store.find(key(1), key(2), std::nullopt).has_value());
    CHECK(store.find(key(1), key(3), std::nullopt).has_value());
    REQUIRE(store.store(key(1), key(2), std::nullopt, kept("192.0.2.9:1", "")));
    CHECK(store.find(key(1), key(2), std::nullopt).has_value());
}

TEST_CASE("a peer with a flipped bit is none, and is stored again") {
    const UniqueFd file = memory_file();
    PeerStore store = open(file);
    const LastKnown peer = kept("192.0.2.7:1", "198.51.100.2");
    REQUIRE(store.store(key(1), key(2), std::nullopt, peer));
    constexpr std::size_t slot_size = 92;
    std::vector<std::uint8_t> all(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)));
    REQUIRE(::pread(file.get(), all.data(), all.size(), 0) == static_cast<ssize_t>(all.size()));
    const auto used = std::find_if(all.begin() + slot_size, all.end(), [](std::uint8_t byte) { return byte != 0; });
    const std::size_t slot = static_cast<std::size_t>(used - all.begin()) / slot_size * slot_size;
    for (std::size_t bit = 0; bit < 8 * slot_size; ++bit) {
        const auto at = static_cast<off_t>(slot + bit / 8);
        const std::uint8_t good = all[slot + bit / 8];
        const auto flipped = static_cast<std::uint8_t>(good ^ (1U << (bit % 8)));
        REQUIRE(::pwrite(file.get(), &flipped, 1, at) == 1);
        CHECK_FALSE(store.find(key(1), key(2), std::nullopt).has_value());
        REQUIRE(::pwrite(file.get(), &good, 1, at) == 1);
    }
    check_same(store.find(key(1), key(2), std::nullopt), peer);
    // What is the same but for its check is written, too.
    REQUIRE(::pwrite(file.get(), "\xff\xff\xff\xff", 4, static_cast<off_t>(slot + slot_size - 4)) == 4);
    REQUIRE(store.store(key(1), key(2), std::nullopt, peer));
    check_same(store.find(key(1), key(2), std::nullopt), peer);
}

TEST_CASE("any bytes in the file are some peer or none") {
    const UniqueFd file = memory_file();
    PeerStore store = open(file);
    REQUIRE(store.store(key(1), key(2), std::nullopt, kept("192.0.2.7:1", "")));
    std::vector<std::uint8_t> junk(1 << 20, 0xff);
    const off_t size = ::lseek(file.get(), 0, SEEK_END);
    for (off_t at = 48; at + static_cast<off_t>(junk.size()) <= size; at += static_cast<off_t>(junk.size()))
        REQUIRE(::pwrite(file.get(), junk.data(), junk.size(), at) == static_cast<ssize_t>(junk.size()));
    CHECK_FALSE(store.find(key(1), key(2), std::nullopt).has_value());
    REQUIRE(store.store(key(1), key(2), std::nullopt, kept("192.0.2.7:1", "")));
    CHECK(store.find(key(1), key(2), std::nullopt).has_value());
}
