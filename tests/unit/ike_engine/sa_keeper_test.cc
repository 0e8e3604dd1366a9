// The table of IKE_SAs itself: what the next process finds, and who gets how much of it.
#include "vpnd/ike/sa_keeper.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/ike_engine/names.h"

namespace warren::ike::testing {
namespace {

using Found = SaKeeper::Found;

SaOwner owner_named(std::uint8_t number) {
    SaOwner out;
    out.connection.fill(number);
    return out;
}

void fill(IkeSa& sa, std::uint64_t spi, std::size_t response = 0) {
    sa.state = IkeState::kEstablished;
    sa.spis = {spi, 7};
    sa.suite = {find_algorithm(TransformType::kEncryption, "aes256gcm"),
                find_algorithm(TransformType::kPrf, "prfsha256"), nullptr,
                find_algorithm(TransformType::kKeyExchange, "x25519")};
    crypto::IkeCipherKey key;
    key.encryption = crypto::SecretBytes<36>(std::size_t{36});
    sa.sealer.emplace(std::move(key));
    sa.receive_key.encryption = crypto::SecretBytes<36>(std::size_t{36});
    sa.sk_d = crypto::PrfKey(std::size_t{32});
    Window::Kept window;
    if (response > 0) window.response = {std::vector<std::uint8_t>(response, std::uint8_t{7})};
    sa.window = Window::resume(std::move(window));
}

bool is_zero(const KeptSa& kept) {
    return kept.state.load() == KeptSa::kFree &&
           std::all_of(kept.record.begin(), kept.record.end(), [](std::uint8_t octet) { return octet == 0; });
}

TEST_CASE("KL13: the next process finds what was written, by the connection's name") {
    std::vector<KeptSa> table(4);
    SaKeeper before(table);
    CHECK(before.found() == Found::kNothing);
    for (std::uint8_t number = 1; number <= 2; ++number) {
        IkeSa sa;
        fill(sa, number);
        const auto place = before.allocate(kAcme);
        REQUIRE(place);
        CHECK(before.write(*place, owner_named(number), sa));
    }
    SaKeeper after(table);
    CHECK(after.found() == Found::kSas);
    CHECK(after.rest().size() == 2);
    const auto found = after.find(owner_named(2).connection);
    REQUIRE(found.size() == 1);
    CHECK(after.read(found[0])->sa.spis.initiator == 2);
    CHECK(after.find(owner_named(3).connection).empty());
    after.take_over(found[0], kBeta);
    CHECK(after.kept() == 1);
    CHECK(after.find(owner_named(2).connection).empty());
    const auto rest = after.rest();
    REQUIRE(rest.size() == 1);
    after.forget(rest[0]);
    CHECK(is_zero(table[rest[0]]));
    CHECK(after.rest().empty());
    after.free(found[0]);
    CHECK(is_zero(table[found[0]]));
}

TEST_CASE("KL13: a shorter record leaves nothing of a longer one behind it") {
    std::vector<KeptSa> table(2);
    SaKeeper keeper(table);
    const auto place = keeper.allocate(kAcme);
    IkeSa longer;
    fill(longer, 1, 600);
    REQUIRE(keeper.write(*place, owner_named(1), longer));
    IkeSa shorter;
    fill(shorter, 1);
    REQUIRE(keeper.write(*place, owner_named(1), shorter));
    const std::size_t size = load_le<std::uint32_t>(table[1].record.data() + 4);
    const auto behind = Bytes(table[1].record).subspan(size);
    CHECK(std::all_of(behind.begin(), behind.end(), [](std::uint8_t octet) { return octet == 0; }));
}

TEST_CASE("KL13: a record without room leaves the one before, for whoever frees the place") {
    std::vector<KeptSa> table(2);
    SaKeeper keeper(table);
    const auto place = keeper.allocate(kAcme);
    IkeSa sa;
    fill(sa, 1);
    sa.peer_identity.value.resize(9000);
    CHECK_FALSE(keeper.write(*place, owner_named(1), sa));
    keeper.free(*place);
    CHECK(is_zero(table[1]));
}

TEST_CASE("KL13: a half-written, damaged or foreign record is none, and its place is wiped and free") {
    std::vector<KeptSa> table(2);
    {
        SaKeeper keeper(table);
        IkeSa sa;
        fill(sa, 1);
        REQUIRE(keeper.write(*keeper.allocate(kAcme), owner_named(1), sa));
    }
    SUBCASE("half-written") {
        table[1].state.store(KeptSa::kFree);
    }
    SUBCASE("damaged") {
        table[1].record[60] ^= 1;
    }
    SUBCASE("foreign") {
        std::fill(table[1].record.begin(), table[1].record.end(), std::uint8_t{0x5a});
    }
    SaKeeper after(table);
    CHECK(after.found() == Found::kNothing);
    CHECK(is_zero(table[1]));
    CHECK(after.allocate(kAcme));
}

TEST_CASE("KL13: a table of another form is not used") {
    std::vector<KeptSa> table(3);
    (void)SaKeeper(table);
    SUBCASE("older or newer") {
        store_le(table[0].record.data(), std::uint64_t{kSaForm + 1});
    }
    SUBCASE("something else") {
        table[0].state.store(12'345);
    }
    SaKeeper after(table);
    CHECK(after.found() == Found::kOtherForm);
    after.begin();
    CHECK(after.allocate(kAcme));
    CHECK(SaKeeper(table).found() == Found::kNothing);
}

TEST_CASE("KL13: a customer uses as many places as are free, so that each other one has some") {
    std::vector<KeptSa> table(65);
    SaKeeper keeper(table);
    std::vector<std::uint32_t> places;
    const auto take_all = [&](CustomerIndex customer) {
        std::size_t count = 0;
        while (const auto place = keeper.allocate(customer)) {
            places.push_back(*place);
            ++count;
        }
        return count;
    };
    CHECK(take_all(kAcme) == 32);
    CHECK(take_all(kBeta) == 16);
    CHECK(take_all(CustomerIndex{2}) == 8);
    for (const std::uint32_t place : places) keeper.free(place);
    CHECK(keeper.kept() == 0);
    CHECK(take_all(kBeta) == 32);
}

TEST_CASE("KL13: nothing is written where memory is not locked") {
    std::vector<KeptSa> table(200);
    std::size_t locked = 0;
    SaKeeper keeper(table, [&](std::span<KeptSa> part) {
        if (locked >= 128) return false;
        locked += part.size();
        return true;
    });
    std::size_t places = 0;
    for (std::uint32_t customer = 0; keeper.allocate({customer}); ++customer) ++places;
    CHECK(places == 127);
}

}  // namespace
}  // namespace warren::ike::testing
