// What was stored is there after a restart, for each peer of each listener, in any file that comes.
#include "vpnd/listeners/wireguard/timestamp_store.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <string>

#include "tests/unit/vpnd/fixtures.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

UniqueFd memory_file() {
    return UniqueFd(::memfd_create("timestamps", MFD_CLOEXEC));
}

crypto::PublicKey key(std::uint32_t number) {
    crypto::PublicKey out;
    store_le(out.bytes.data(), number);
    return out;
}

wireguard::Tai64n stamp(std::uint32_t number) {
    wireguard::Tai64n out;
    store_be(out.bytes.data() + 8, number);
    return out;
}

TimestampStore open(const UniqueFd& file) {
    auto store = TimestampStore::open(file.duplicate());
    REQUIRE(store);
    return std::move(*store);
}

}  // namespace

TEST_CASE("a timestamp survives the process that stored it") {
    const UniqueFd file = memory_file();
    {
        TimestampStore store = open(file);
        CHECK(store.find(key(1), key(2)) == wireguard::Tai64n{});
        REQUIRE(store.store(key(1), key(2), stamp(7)));
        REQUIRE(store.store(key(1), key(2), stamp(8)));
        REQUIRE(store.store(key(1), key(3), stamp(9)));
    }
    const TimestampStore again = open(file);
    CHECK(again.find(key(1), key(2)) == stamp(8));
    CHECK(again.find(key(1), key(3)) == stamp(9));
}

TEST_CASE("a peer at two listeners is two") {
    const UniqueFd file = memory_file();
    TimestampStore store = open(file);
    REQUIRE(store.store(key(1), key(2), stamp(7)));
    CHECK(store.find(key(9), key(2)) == wireguard::Tai64n{});
    CHECK(store.find(key(2), key(1)) == wireguard::Tai64n{});
}

TEST_CASE("more peers than were thought of for one machine all find theirs") {
    const UniqueFd file = memory_file();
    TimestampStore store = open(file);
    constexpr std::uint32_t peers = 60'000;
    for (std::uint32_t i = 0; i < peers; ++i) REQUIRE(store.store(key(1), key(i), stamp(i + 1)));
    for (std::uint32_t i = 0; i < peers; ++i) REQUIRE(store.find(key(1), key(i)) == stamp(i + 1));
}

TEST_CASE("a full table forgets the oldest and never fails or grows") {
    const UniqueFd file = memory_file();
    TimestampStore store = open(file);
    REQUIRE(store.store(key(1), key(0), stamp(1)));
    const off_t size = ::lseek(file.get(), 0, SEEK_END);
    constexpr std::uint32_t peers = 2 * SlotFile::kSlots;
    for (std::uint32_t i = 0; i < peers; ++i) REQUIRE(store.store(key(1), key(i), stamp(i + 1)));
    CHECK(::lseek(file.get(), 0, SEEK_END) == size);
    std::uint32_t kept = 0;
    for (std::uint32_t i = peers - 1000; i < peers; ++i) kept += store.find(key(1), key(i)) == stamp(i + 1) ? 1U : 0U;
    CHECK(kept == 1000);  // the latest are all there
}

TEST_CASE("a file of another format is started afresh") {
    const UniqueFd file = memory_file();
    {
        TimestampStore store = open(file);
        REQUIRE(store.store(key(1), key(2), stamp(7)));
    }
    SUBCASE("another header") {
        CHECK(::pwrite(file.get(), "x", 1, 0) == 1);
    }
    SUBCASE("cut short") {
        CHECK(::ftruncate(file.get(), 1000) == 0);
    }
    SUBCASE("longer") {
        CHECK(::ftruncate(file.get(), 100'000'000) == 0);
    }
    TimestampStore store = open(file);
    CHECK(store.find(key(1), key(2)) == wireguard::Tai64n{});
    REQUIRE(store.store(key(1), key(2), stamp(7)));
    CHECK(store.find(key(1), key(2)) == stamp(7));
}

TEST_CASE("a successor that waits changes nothing in the file of its predecessor") {
    const UniqueFd file = memory_file();
    const std::string other_form(1000, 'x');
    REQUIRE(::pwrite(file.get(), other_form.data(), other_form.size(), 0) == 1000);
    TimestampStore successor = open(file);
    CHECK(successor.find(key(1), key(2)) == wireguard::Tai64n{});
    CHECK(successor.own() == wireguard::Tai64n{});
    REQUIRE(successor.forget(key(1), key(2)));
    std::string present(2000, ' ');
    REQUIRE(::pread(file.get(), present.data(), present.size(), 0) == 1000);
    CHECK(present.substr(0, 1000) == other_form);

    // The first that stores something makes the file ours, and the other sees it.
    TimestampStore predecessor = open(file);
    REQUIRE(predecessor.store(key(1), key(2), stamp(7)));
    REQUIRE(predecessor.store_own(stamp(8)));
    CHECK(successor.find(key(1), key(2)) == stamp(7));
    REQUIRE(successor.store(key(1), key(3), stamp(9)));
    CHECK(successor.own() == stamp(8));
    CHECK(predecessor.find(key(1), key(3)) == stamp(9));
}

TEST_CASE("what is no regular file is refused, and without a file nothing is kept") {
    CHECK_FALSE(TimestampStore::open(test::any_descriptor()));
    CHECK_FALSE(TimestampStore::open(UniqueFd()));
    TimestampStore none;
    CHECK(none.store(key(1), key(2), stamp(7)));
    CHECK(none.find(key(1), key(2)) == wireguard::Tai64n{});
}

TEST_CASE("H9: our own timestamp survives, only grows, and is no peer's") {
    const UniqueFd file = memory_file();
    {
        TimestampStore store = open(file);
        CHECK(store.own() == wireguard::Tai64n{});
        REQUIRE(store.store(key(1), key(2), stamp(7)));
        REQUIRE(store.store_own(stamp(9)));
        REQUIRE(store.store_own(stamp(8)));
    }
    const TimestampStore again = open(file);
    CHECK(again.own() == stamp(9));
    CHECK(again.find(key(1), key(2)) == stamp(7));
}

TEST_CASE("H9: a flipped bit in our own timestamp shows, and the next one takes its place") {
    const UniqueFd file = memory_file();
    TimestampStore store = open(file);
    REQUIRE(store.store_own(stamp(9)));
    constexpr off_t note = 32;
    for (unsigned bit = 0; bit < 8 * SlotFile::kMaxNote; ++bit) {
        const off_t at = note + bit / 8;
        std::uint8_t byte = 0;
        REQUIRE(::pread(file.get(), &byte, 1, at) == 1);
        const auto flipped = static_cast<std::uint8_t>(byte ^ (1U << (bit % 8)));
        REQUIRE(::pwrite(file.get(), &flipped, 1, at) == 1);
        CHECK_FALSE(store.own());
        REQUIRE(::pwrite(file.get(), &byte, 1, at) == 1);
        REQUIRE(store.own() == stamp(9));
    }
    REQUIRE(::pwrite(file.get(), "\xff", 1, note) == 1);
    REQUIRE(store.store_own(stamp(3)));
    CHECK(store.own() == stamp(3));
}

TEST_CASE("a peer that is forgotten has no timestamp, and others keep theirs") {
    const UniqueFd file = memory_file();
    TimestampStore store = open(file);
    REQUIRE(store.store(key(1), key(2), stamp(7)));
    REQUIRE(store.store(key(1), key(3), stamp(8)));
    REQUIRE(store.forget(key(1), key(2)));
    CHECK(store.find(key(1), key(2)) == wireguard::Tai64n{});
    CHECK(store.find(key(1), key(3)) == stamp(8));
}
