#include "vpnd/ike/proposal.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/ike/messages.h"
#include "vpnd/ike/reader.h"

namespace warren::ike {
namespace {

using test::Buffer;
using enum TransformType;

// --- offers as text: "1:ike aes256gcm prfsha384 x25519" ---------------------------------------------
// A word is an algorithm's name, "none" (no integrity), "nogroup" (NONE of key exchange), "esn", "noesn", "type77" (a
// transform type that nobody knows), "odd" (an encryption of ID 999) or "attr" (AES-GCM with an unknown attribute).

std::vector<std::string_view> words_of(std::string_view text, char separator = ' ') {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (end > 0) out.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

Transform transform_of(std::string_view word) {
    if (word == "none") return {.type = kIntegrity, .id = 0};
    if (word == "nogroup") return {.type = kKeyExchange, .id = 0};
    if (word == "esn") return {.type = kEsn, .id = 1};
    if (word == "noesn") return {.type = kEsn, .id = 0};
    if (word == "type77") return {.type = static_cast<TransformType>(77), .id = 1};
    if (word == "odd") return {.type = kEncryption, .id = 999};
    if (word == "aesnolength") return {.type = kEncryption, .id = 20};
    if (word == "chacha256") return {.type = kEncryption, .id = 28, .key_bits = 256};
    for (const TransformType type : {kEncryption, kPrf, kIntegrity, kKeyExchange}) {
        if (const Algorithm* const found = find_algorithm(type, word)) return found->transform();
    }
    FAIL("no algorithm: ", std::string(word));
    return {};
}

// "1:ike words | 2:ike words"; protocols ike, esp and ah. Children have the SPI c0000100 + number.
std::vector<Proposal> proposals_of(std::string_view text) {
    std::vector<Proposal> out;
    for (const std::string_view part : words_of(text, '|')) {
        auto words = words_of(part);
        Proposal proposal;
        proposal.number = static_cast<std::uint8_t>(words[0][0] - '0');
        const std::string_view protocol = words[0].substr(2);
        proposal.protocol = protocol == "ike"     ? ProtocolId::kIke
                            : protocol == "rekey" ? ProtocolId::kIke
                            : protocol == "esp"   ? ProtocolId::kEsp
                                                  : ProtocolId::kAh;
        if (protocol == "esp" || protocol == "ah") proposal.spi = {0xc0, 0, 1, proposal.number};
        if (protocol == "rekey") proposal.spi = {1, 2, 3, 4, 5, 6, 7, 8};
        for (std::size_t i = 1; i < words.size(); ++i) proposal.transforms.push_back(transform_of(words[i]));
        out.push_back(std::move(proposal));
    }
    return out;
}

// An SA payload that was read; it keeps its bytes.
struct Offer {
    explicit Offer(const std::vector<Proposal>& proposals) { chain.sa(proposals); }
    explicit Offer(std::string_view text) : Offer(proposals_of(text)) {}
    [[nodiscard]] SaPayload sa() const {
        const auto payloads = read_payloads(chain.first(), chain.bytes());
        REQUIRE(payloads.has_value());
        return *payloads->find<SaPayload>();
    }
    Chain chain;
};

std::string text_of(const std::optional<IkeChoice>& choice) {
    return choice ? std::to_string(choice->number) + ":" + to_string(choice->suite) : "nothing";
}
std::string text_of(const std::optional<ChildChoice>& choice) {
    return choice ? std::to_string(choice->number) + ":" + to_string(choice->suite) : "nothing";
}

std::string ike(std::string_view offer, const Policy& policy = default_ike_policy()) {
    return text_of(choose_ike(Offer(offer).sa(), policy, false));
}
std::string child(std::string_view offer, Pfs pfs = Pfs::kNone, bool has_ke = false,
                  const Policy& policy = default_child_policy()) {
    return text_of(choose_child(Offer(offer).sa(), policy, pfs, has_ke));
}

TEST_CASE("KN1, KN2: of an IKE offer the best is chosen, by our order") {
    const std::vector<std::pair<std::string_view, std::string_view>> cases = {
        {"1:ike aes256gcm prfsha384 x25519", "1:aes256gcm-prfsha384-x25519"},
        // Order, duplicates and what nobody knows do not matter.
        {"1:ike x25519 prfsha384 aes256gcm", "1:aes256gcm-prfsha384-x25519"},
        {"1:ike aes256gcm aes256gcm prfsha384 prfsha384 x25519 x25519", "1:aes256gcm-prfsha384-x25519"},
        {"1:ike odd aes256gcm prfsha384 x25519 odd", "1:aes256gcm-prfsha384-x25519"},
        // Our order, not the peer's.
        {"1:ike aes128gcm chacha20poly1305 aes256gcm prfsha512 prfsha256 modp2048 x25519 ecp256",
         "1:aes256gcm-prfsha256-x25519"},
        {"1:ike aes256 sha256 prfsha256 x25519 | 2:ike chacha20poly1305 prfsha256 modp4096",
         "2:chacha20poly1305-prfsha256-modp4096"},
        {"1:ike aes128gcm prfsha256 x25519 | 2:ike aes256gcm prfsha256 modp2048", "2:aes256gcm-prfsha256-modp2048"},
        // The group before the PRF, and of two that are equal the earlier one.
        {"1:ike aes256gcm prfsha256 modp2048 | 2:ike aes256gcm prfsha512 x25519", "2:aes256gcm-prfsha512-x25519"},
        {"3:ike aes256gcm prfsha256 x25519 | 2:ike aes256gcm prfsha256 x25519", "3:aes256gcm-prfsha256-x25519"},
        // Integrity: none beside an AEAD, or NONE; never without one.
        {"1:ike aes256gcm none prfsha256 x25519", "1:aes256gcm-prfsha256-x25519"},
        {"1:ike aes256gcm none sha256 prfsha256 x25519", "1:aes256gcm-prfsha256-x25519"},
        {"1:ike aes256gcm sha256 prfsha256 x25519", "nothing"},
        {"1:ike aes256 sha512 sha256 prfsha256 x25519", "1:aes256-sha256-prfsha256-x25519"},
        {"1:ike aes256 prfsha256 x25519", "nothing"},
        {"1:ike aes256 none prfsha256 x25519", "nothing"},
        // Both kinds of cipher in one proposal: that which its integrity fits.
        {"1:ike aes256gcm aes256 sha256 prfsha256 x25519", "1:aes256-sha256-prfsha256-x25519"},
        // Key lengths.
        {"1:ike aesnolength prfsha256 x25519", "nothing"},
        {"1:ike aes192gcm aes256gcm prfsha256 x25519", "1:aes256gcm-prfsha256-x25519"},
        {"1:ike aes192gcm prfsha256 x25519", "nothing"},
        {"1:ike chacha256 prfsha256 x25519", "nothing"},
        // A type too few, and types that do not belong.
        {"1:ike aes256gcm x25519", "nothing"},
        {"1:ike aes256gcm prfsha256", "nothing"},
        {"1:ike aes256gcm prfsha256 nogroup", "nothing"},
        {"1:ike prfsha256 x25519", "nothing"},
        {"1:ike aes256gcm prfsha256 x25519 type77", "nothing"},
        {"1:ike aes256gcm prfsha256 x25519 noesn", "nothing"},
        {"1:ike aes256gcm prfsha256 x25519 type77 | 2:ike aes128gcm prfsha256 x25519", "2:aes128gcm-prfsha256-x25519"},
        // Other protocols, and SPIs where there are none.
        {"1:esp aes256gcm prfsha256 x25519", "nothing"},
        {"1:ah aes256gcm prfsha256 x25519 | 2:ike aes128gcm prfsha256 ecp256", "2:aes128gcm-prfsha256-ecp256"},
        {"1:rekey aes256gcm prfsha256 x25519", "nothing"},
        // What is refused or legacy.
        {"1:ike 3des sha256 prfsha256 modp2048", "nothing"},
        {"1:ike des aes256 md5 sha1 sha256 prfmd5 prfsha1 prfsha256 modp768 modp1024 modp1536 modp2048",
         "1:aes256-sha256-prfsha256-modp2048"},
        {"1:ike aes256 sha1 prfsha256 modp2048", "nothing"},
        {"1:ike aes256 sha256 prfsha1 modp2048", "nothing"},
        {"1:ike aes256 sha256 prfsha256 modp1024", "nothing"},
        {"1:ike aes256 sha256 prfsha256 modp2048s256", "nothing"},
        {"1:ike aes128 sha256 prfsha256 modp2048", "nothing"},  // no default of ours
    };
    for (const auto& [offer, expected] : cases) {
        CAPTURE(offer);
        CHECK(ike(offer) == expected);
    }
}

TEST_CASE("KN4: what Windows offers is taken where the operator says so, and as the last") {
    const std::string_view windows =
        "1:ike 3des sha1 prfsha1 modp1024 | 2:ike aes256 sha1 prfsha1 modp1024 | 3:ike aes256 sha256 prfsha256 modp1024"
        "| 4:ike aes256 sha384 prfsha384 modp1024";
    CHECK(ike(windows) == "nothing");
    CHECK(ike(windows, windows_ike_policy()) == "3:aes256-sha256-prfsha256-modp1024");
    const std::string with_better = std::string(windows) + "| 5:ike aes256 sha384 prfsha384 modp2048";
    CHECK(ike(with_better, windows_ike_policy()) == "5:aes256-sha384-prfsha384-modp2048");
    CHECK(ike("1:ike 3des sha1 prfsha1 modp1024", windows_ike_policy()) == "nothing");
}

TEST_CASE("KL5: in a rekey of an IKE_SA proposals have its SPI") {
    const Offer offer("1:rekey aes256gcm prfsha256 x25519");
    const auto choice = choose_ike(offer.sa(), default_ike_policy(), true);
    REQUIRE(choice.has_value());
    CHECK(choice->spi == 0x0102030405060708);
    CHECK(choice->answer(0x1112131415161718).spi == Buffer{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18});
    CHECK_FALSE(choose_ike(Offer("1:ike aes256gcm prfsha256 x25519").sa(), default_ike_policy(), true).has_value());
    auto zero = proposals_of("1:rekey aes256gcm prfsha256 x25519");
    std::ranges::fill(zero[0].spi, 0);
    CHECK_FALSE(choose_ike(Offer(zero).sa(), default_ike_policy(), true).has_value());
}

TEST_CASE("KN1: an answer has one transform of a type, and NONE where the offer had it") {
    const auto answer = [](std::string_view offer) {
        return choose_ike(Offer(offer).sa(), default_ike_policy(), false)->answer();
    };
    CHECK(answer("1:ike aes256gcm aes128gcm prfsha256 prfsha512 x25519 ecp256") ==
          proposals_of("1:ike aes256gcm prfsha256 x25519")[0]);
    CHECK(answer("2:ike aes256gcm none prfsha256 x25519") == proposals_of("2:ike aes256gcm prfsha256 none x25519")[0]);
    CHECK(answer("1:ike aes256 sha256 prfsha256 x25519") == proposals_of("1:ike aes256 prfsha256 sha256 x25519")[0]);

    const auto child_answer = [](std::string_view offer, Pfs pfs, bool has_ke) {
        return choose_child(Offer(offer).sa(), default_child_policy(), pfs, has_ke)->answer(0xc0000909);
    };
    const auto expected = [](std::string_view text) {
        Proposal out = proposals_of(text)[0];
        out.spi = {0xc0, 0, 9, 9};
        return out;
    };
    CHECK(child_answer("1:esp aes128gcm esn noesn", Pfs::kNone, false) == expected("1:esp aes128gcm esn"));
    CHECK(child_answer("1:esp aes128gcm none noesn", Pfs::kNone, false) == expected("1:esp aes128gcm none noesn"));
    CHECK(child_answer("1:esp aes128gcm", Pfs::kNone, false) == expected("1:esp aes128gcm"));
    CHECK(child_answer("1:esp aes256 sha256 x25519 noesn", Pfs::kOptional, true) ==
          expected("1:esp aes256 sha256 x25519 noesn"));
    CHECK(child_answer("1:esp aes128gcm x25519 nogroup noesn", Pfs::kOptional, false) ==
          expected("1:esp aes128gcm nogroup noesn"));
    CHECK(child_answer("1:esp aes128gcm x25519 noesn", Pfs::kNone, false) == expected("1:esp aes128gcm noesn"));
}

TEST_CASE("KN1, KN2: of a child's offer the best is chosen") {
    const std::vector<std::pair<std::string_view, std::string_view>> cases = {
        {"1:esp aes128gcm noesn", "1:aes128gcm"},
        {"1:esp aes256gcm aes128gcm esn noesn", "1:aes128gcm-esn"},
        {"1:esp aes128gcm noesn esn", "1:aes128gcm-esn"},
        {"1:esp aes128gcm", "1:aes128gcm"},  // no transform of ESN: no ESN
        {"1:esp aes256 sha512 sha256 noesn", "1:aes256-sha256"},
        {"1:esp aes128 sha256 noesn", "1:aes128-sha256"},
        {"1:esp aes256 noesn", "nothing"},
        {"1:esp aes128gcm sha256 noesn", "nothing"},
        {"1:esp aes128gcm none noesn", "1:aes128gcm"},
        {"1:esp aes128gcm prfsha256 noesn", "nothing"},
        {"1:esp aes128gcm noesn type77", "nothing"},
        {"1:esp null sha256 noesn", "nothing"},
        {"1:esp aes256 sha1 noesn", "nothing"},
        {"1:ah sha256 noesn", "nothing"},
        {"1:ike aes128gcm noesn", "nothing"},
        {"1:esp aes256 sha256 noesn | 2:esp aes256gcm noesn", "2:aes256gcm"},
    };
    for (const auto& [offer, expected] : cases) {
        CAPTURE(offer);
        CHECK(child(offer) == expected);
    }
}

TEST_CASE("a child has a key exchange of its own as both want it") {
    struct Case {
        std::string_view offer;
        Pfs pfs;
        bool has_ke;
        std::string_view expected;
    };
    const std::string_view with = "1:esp aes128gcm modp2048 x25519 noesn";
    const std::string_view without = "1:esp aes128gcm noesn";
    const std::string_view either = "1:esp aes128gcm x25519 nogroup noesn";
    const std::string_view unknown = "1:esp aes128gcm modp1536 noesn";
    const std::vector<Case> cases = {
        {with, Pfs::kNone, false, "1:aes128gcm"},  // in IKE_AUTH groups mean nothing
        {with, Pfs::kOff, true, "nothing"},
        {with, Pfs::kOptional, true, "1:aes128gcm-x25519"},
        {with, Pfs::kOptional, false, "nothing"},  // a group and no KE: neither is what the peer says
        {with, Pfs::kRequired, true, "1:aes128gcm-x25519"},
        {with, Pfs::kRequired, false, "1:aes128gcm-x25519"},
        {without, Pfs::kOff, false, "1:aes128gcm"},
        {without, Pfs::kOptional, false, "1:aes128gcm"},
        {without, Pfs::kOptional, true, "1:aes128gcm"},
        {without, Pfs::kRequired, false, "nothing"},
        {either, Pfs::kOff, true, "1:aes128gcm"},
        {either, Pfs::kOptional, true, "1:aes128gcm-x25519"},
        {either, Pfs::kOptional, false, "1:aes128gcm"},
        {either, Pfs::kRequired, true, "1:aes128gcm-x25519"},
        {unknown, Pfs::kOptional, true, "nothing"},
        {unknown, Pfs::kRequired, true, "nothing"},
        {unknown, Pfs::kNone, true, "1:aes128gcm"},
        // With KE, a proposal that has its group before one that has none.
        {"1:esp aes128gcm noesn | 2:esp aes128gcm x25519 noesn", Pfs::kOptional, true, "2:aes128gcm-x25519"},
        {"1:esp aes128gcm noesn | 2:esp aes128gcm x25519 noesn", Pfs::kOptional, false, "1:aes128gcm"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.offer);
        CAPTURE(static_cast<int>(one.pfs));
        CAPTURE(one.has_ke);
        CHECK(child(one.offer, one.pfs, one.has_ke) == one.expected);
    }
}

TEST_CASE("ES1: a child's SPI has four bytes and is none of the reserved ones") {
    auto proposals = proposals_of("1:esp aes128gcm noesn");
    CHECK(choose_child(Offer(proposals).sa(), default_child_policy(), Pfs::kNone, false)->spi == 0xc0000101);
    for (const Buffer& spi : {Buffer{}, Buffer{0, 0, 0, 0}, Buffer{0, 0, 0, 255}, Buffer{1, 0, 0}, Buffer(8, 1)}) {
        proposals[0].spi = spi;
        CHECK_FALSE(choose_child(Offer(proposals).sa(), default_child_policy(), Pfs::kNone, false).has_value());
    }
    proposals[0].spi = {0, 0, 1, 0};
    CHECK(choose_child(Offer(proposals).sa(), default_child_policy(), Pfs::kNone, false)->spi == 256);
}

TEST_CASE("KN1: a transform with an attribute that we do not know is not chosen") {
    // 1:ike AES-GCM-16 with a key length of 256 and attribute 17, PRF, group; then AES-GCM-16 of 128 without.
    const Buffer body = test::from_hex(
        "00000038 01010004 03000010 01000014 800e0100 80110001 0300000c 01000014 800e0080 03000008 02000005"
        "00000008 0400001f 00000000");
    Buffer exact(body.begin(), body.end() - 4);
    store_be(exact.data() + 2, static_cast<std::uint16_t>(exact.size()));
    Chain chain;
    chain.raw(PayloadType::kSa, exact);
    const auto payloads = read_payloads(chain.first(), chain.bytes());
    REQUIRE(payloads.has_value());
    CHECK(text_of(choose_ike(*payloads->find<SaPayload>(), default_ike_policy(), false)) ==
          "1:aes128gcm-prfsha256-x25519");
}

// --- what we offer -------------------------------------------------------------------------------

TEST_CASE("KN2: the defaults are offered line by line, and taken by ourselves") {
    const auto offered = offer_ike(default_ike_policy());
    REQUIRE(offered.size() == 2);
    CHECK(offered[0] == proposals_of("1:ike aes256gcm aes128gcm chacha20poly1305 prfsha256 prfsha384 prfsha512 x25519 "
                                     "ecp256 ecp384 ecp521 modp2048 modp3072 modp4096")[0]);
    CHECK(offered[1] == proposals_of("2:ike aes256 prfsha256 prfsha384 prfsha512 sha256 sha384 sha512 x25519 ecp256 "
                                     "ecp384 ecp521 modp2048 modp3072 modp4096")[0]);
    CHECK(first_method(offered)->name == "x25519");
    CHECK(text_of(choose_ike(Offer(offered).sa(), default_ike_policy(), false)) == "1:aes256gcm-prfsha256-x25519");

    const Algorithm* const wanted = find_algorithm(kKeyExchange, "modp2048");
    const auto again = offer_ike(default_ike_policy(), 0x0102030405060708, wanted);
    CHECK(first_method(again) == wanted);
    CHECK(again[0].transforms.size() == offered[0].transforms.size());
    CHECK(again[0].spi.size() == 8);
    CHECK(first_method(offer_ike(default_ike_policy(), 0, find_algorithm(kKeyExchange, "modp1024")))->name == "x25519");
}

TEST_CASE("a child is offered with groups, without, or both") {
    const auto names = [](Pfs pfs) {
        std::string out;
        for (const Proposal& one : offer_child(default_child_policy(), pfs, 0xc0000909)) {
            CHECK(one.spi == Buffer{0xc0, 0, 9, 9});
            const std::array<Proposal, 1> alone = {one};
            const bool has_group = first_method(alone) != nullptr;
            out += std::to_string(one.number) + (has_group ? "+" : "-") + " ";
        }
        return out;
    };
    CHECK(names(Pfs::kNone) == "1- 2- ");
    CHECK(names(Pfs::kOff) == "1- 2- ");
    CHECK(names(Pfs::kOptional) == "1+ 2+ 3- 4- ");
    CHECK(names(Pfs::kRequired) == "1+ 2+ ");
    const auto offered = offer_child(default_child_policy(), Pfs::kNone, 0xc0000101);
    CHECK(offered[0] == proposals_of("1:esp aes128gcm aes256gcm chacha20poly1305 esn noesn")[0]);
    CHECK(offered[1].transforms == proposals_of("2:esp aes256 aes128 sha256 sha512 esn noesn")[0].transforms);
}

TEST_CASE("KN5: an answer is taken when it is one of what was offered") {
    const auto offered = offer_ike(default_ike_policy());
    const auto accept = [&](std::string_view answer) { return text_of(accept_ike(Offer(answer).sa(), offered)); };
    const std::vector<std::pair<std::string_view, std::string_view>> cases = {
        {"1:ike aes128gcm prfsha512 ecp384", "1:aes128gcm-prfsha512-ecp384"},
        {"1:ike aes128gcm none prfsha512 ecp384", "1:aes128gcm-prfsha512-ecp384"},
        {"2:ike aes256 sha384 prfsha256 modp4096", "2:aes256-sha384-prfsha256-modp4096"},
        {"3:ike aes128gcm prfsha512 ecp384", "nothing"},
        {"1:esp aes128gcm prfsha512 ecp384", "nothing"},
        {"1:rekey aes128gcm prfsha512 ecp384", "nothing"},
        {"1:ike aes128gcm prfsha512", "nothing"},
        {"1:ike aes128gcm ecp384", "nothing"},
        {"1:ike prfsha512 ecp384", "nothing"},
        {"1:ike aes128gcm aes256gcm prfsha512 ecp384", "nothing"},
        {"1:ike aes128gcm aes128gcm prfsha512 ecp384", "nothing"},
        {"1:ike aes128gcm prfsha512 modp1024", "nothing"},
        {"1:ike aes256 sha256 prfsha256 ecp384", "nothing"},
        {"2:ike aes256 none prfsha256 ecp384", "nothing"},
        {"2:ike aes256 prfsha256 ecp384", "nothing"},
        {"1:ike aes128gcm sha256 prfsha512 ecp384", "nothing"},
        {"1:ike aes128gcm none none prfsha512 ecp384", "nothing"},
        {"1:ike aes128gcm prfsha512 ecp384 noesn", "nothing"},
        {"1:ike aes128gcm prfsha512 ecp384 type77", "nothing"},
        {"1:ike aes128gcm prfsha512 ecp384 | 2:ike aes256 sha256 prfsha256 ecp384", "nothing"},
    };
    for (const auto& [answer, expected] : cases) {
        CAPTURE(answer);
        CHECK(accept(answer) == expected);
    }
    const auto rekey = offer_ike(default_ike_policy(), 9);
    CHECK(accept_ike(Offer("1:rekey aes128gcm prfsha512 ecp384").sa(), rekey)->spi == 0x0102030405060708);
    CHECK_FALSE(accept_ike(Offer("1:ike aes128gcm prfsha512 ecp384").sa(), rekey).has_value());
}

TEST_CASE("KN5: a child's answer is taken when it is one of what was offered") {
    const auto accept = [](std::string_view answer, Pfs pfs) {
        return text_of(accept_child(Offer(answer).sa(), offer_child(default_child_policy(), pfs, 0xc0000909)));
    };
    CHECK(accept("1:esp aes256gcm esn", Pfs::kNone) == "1:aes256gcm-esn");
    CHECK(accept("1:esp aes256gcm noesn", Pfs::kNone) == "1:aes256gcm");
    CHECK(accept("1:esp aes256gcm", Pfs::kNone) == "1:aes256gcm");
    CHECK(accept("1:esp aes256gcm esn noesn", Pfs::kNone) == "nothing");
    CHECK(accept("1:esp aes256gcm x25519 esn", Pfs::kNone) == "nothing");
    CHECK(accept("1:esp aes256gcm x25519 esn", Pfs::kOptional) == "1:aes256gcm-x25519-esn");
    CHECK(accept("1:esp aes256gcm esn", Pfs::kOptional) == "nothing");
    CHECK(accept("3:esp aes256gcm esn", Pfs::kOptional) == "3:aes256gcm-esn");
    CHECK(accept("2:esp aes128 sha512 modp2048 noesn", Pfs::kRequired) == "2:aes128-sha512-modp2048");
    auto reserved = proposals_of("1:esp aes256gcm noesn");
    reserved[0].spi = {0, 0, 0, 255};
    const auto offered = offer_child(default_child_policy(), Pfs::kNone, 0xc0000909);
    CHECK_FALSE(accept_child(Offer(reserved).sa(), offered).has_value());
}

TEST_CASE("KN1: whatever two policies choose, the one that offered takes") {
    test::SeededRandom random(61);
    std::vector<const Algorithm*> good;
    for (const Algorithm& one : algorithms()) {
        if (one.standing != Standing::kRefused) good.push_back(&one);
    }
    const auto some = [&](TransformType type, bool is_aead) {
        std::vector<const Algorithm*> out;
        for (const Algorithm* const one : good) {
            if (one->type == type && (type != kEncryption || one->is_aead() == is_aead)) out.push_back(one);
        }
        for (std::size_t i = out.size() - 1; i > 0; --i) std::swap(out[i], out[random.below(i + 1)]);
        out.resize(1 + random.below(out.size()));
        return out;
    };
    const auto policy = [&] {
        Policy out;
        for (std::uint64_t i = 1 + random.below(3); i > 0; --i) {
            const bool is_aead = random.below(2) == 0;
            Acceptable line;
            line.encryption = some(kEncryption, is_aead);
            if (!is_aead) line.integrity = some(kIntegrity, false);
            line.prf = some(kPrf, false);
            line.key_exchange = some(kKeyExchange, false);
            out.lines.push_back(std::move(line));
        }
        return out;
    };
    int chosen = 0;
    for (int round = 0; round < 500; ++round) {
        const Policy initiator = policy();
        const Policy responder = policy();
        const auto offered = offer_ike(initiator);
        const auto choice = choose_ike(Offer(offered).sa(), responder, false);
        if (!choice) continue;
        ++chosen;
        const auto accepted = accept_ike(Offer(std::vector{choice->answer()}).sa(), offered);
        REQUIRE(accepted.has_value());
        CHECK(accepted->suite == choice->suite);
    }
    CHECK(chosen > 50);
}

// --- the table -----------------------------------------------------------------------------------

TEST_CASE("the table of algorithms is consistent") {
    for (const Algorithm& one : algorithms()) {
        CAPTURE(one.name);
        CHECK(find_algorithm(one.transform()) == &one);
        CHECK(find_algorithm(one.type, one.name) == &one);
        if (!one.other_name.empty()) CHECK(find_algorithm(one.type, one.other_name) == &one);
        CHECK(one.why.empty() == (one.standing == Standing::kGood));
        CHECK((one.in_ike || one.in_esp) == (one.standing != Standing::kRefused));
        if (one.standing == Standing::kRefused) continue;
        if (one.type == kEncryption) {
            CHECK(one.is_aead() == crypto::is_aead(one.cipher));
            CHECK(static_cast<std::size_t>(one.key_size + one.salt_size) == crypto::encryption_key_size(one.cipher));
            if (one.key_bits != 0) CHECK(one.key_bits == 8 * one.key_size);
        }
        if (one.type == kPrf || one.type == kIntegrity) CHECK(one.key_size == crypto::digest_size(one.sha));
        if (one.type == kIntegrity) CHECK(one.icv_size <= one.key_size);
    }
    CHECK(find_algorithm(kEncryption, "AES256GCM") == find_algorithm(kEncryption, "aes256gcm16"));
    CHECK(find_algorithm(kEncryption, "x25519") == nullptr);
    CHECK(find_algorithm(kEncryption, "") == nullptr);
    CHECK(find_method(static_cast<KeyExchangeId>(35)) == nullptr);
}

TEST_CASE("KP5: nonces are at least half of the PRF's key") {
    CHECK(test::ike_suite("aes256gcm", "prfsha256", "", "x25519").least_nonce() == 16);
    CHECK(test::ike_suite("aes256gcm", "prfsha384", "", "x25519").least_nonce() == 24);
    CHECK(test::ike_suite("aes256gcm", "prfsha512", "", "x25519").least_nonce() == 32);
    CHECK(test::ike_suite("aes256", "prfsha1", "sha1", "modp1024").least_nonce() == 16);
}

TEST_CASE("a line of the operator's") {
    const auto line = [](ProtocolId protocol, std::string_view words) {
        std::vector<Transform> transforms;
        for (const std::string_view word : words_of(words)) transforms.push_back(transform_of(word));
        return acceptable_of(protocol, transforms);
    };
    const auto ike_line = line(ProtocolId::kIke, "aes256gcm aes128gcm prfsha384 x25519 x25519");
    REQUIRE(ike_line.has_value());
    CHECK(ike_line->encryption.size() == 2);
    CHECK(ike_line->key_exchange.size() == 1);
    const auto child_line = line(ProtocolId::kEsp, "aes256 sha1");
    REQUIRE(child_line.has_value());
    CHECK(child_line->esn == std::vector{EsnId::kYes, EsnId::kNo});
    CHECK(child_line->key_exchange.empty());
    CHECK(line(ProtocolId::kIke, "aes256 prfsha1 sha1 modp1024").has_value());
    for (const std::string_view words :
         {"", "prfsha384 x25519", "aes256gcm x25519", "aes256gcm prfsha384", "aes256gcm aes256 prfsha384 x25519",
          "aes256gcm sha256 prfsha384 x25519", "aes256 prfsha384 x25519", "3des sha256 prfsha384 x25519",
          "aes256gcm prfsha384 modp1536", "odd prfsha384 x25519", "aes256gcm prfsha384 x25519 noesn"}) {
        CAPTURE(words);
        CHECK_FALSE(line(ProtocolId::kIke, words).has_value());
    }
    for (const std::string_view words :
         {"", "x25519", "aes256", "aes256gcm sha256", "aes256gcm prfsha256", "aes256gcm modp1024", "null sha256"}) {
        CAPTURE(words);
        CHECK_FALSE(line(ProtocolId::kEsp, words).has_value());
    }
}

TEST_CASE("a line without groups is for children without a key exchange of their own") {
    const std::vector<Transform> words = {transform_of("aes128gcm")};
    const Policy policy = {{*acceptable_of(ProtocolId::kEsp, words)}};
    CHECK(child("1:esp aes128gcm noesn", Pfs::kOptional, false, policy) == "1:aes128gcm");
    CHECK(child("1:esp aes128gcm x25519 noesn", Pfs::kOptional, true, policy) == "nothing");
    CHECK(offer_child(policy, Pfs::kOptional, 256).size() == 1);
    CHECK(offer_child(policy, Pfs::kRequired, 256).empty());
}

}  // namespace
}  // namespace warren::ike
