// Byte-exact ESP: the RFCs' own packets, and ours sealed by another implementation.
#include <doctest/doctest.h>

#include "esp_rig.h"
#include "tests/vectors/hex.h"
#include "vpnd/dataplane/framing/esp.h"

namespace warren::dataplane::test {
namespace {

using crypto::AeadSuite;
using warren::test::from_hex;

// RFC 7634 App. A: an ICMP packet from 198.51.100.5 to 192.0.2.5.
const char* const kPacket =
    "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10000736270809 "
    "0a0b0c0d0e0f101112131415161718191a1b1c"
    "1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637";
const char* const kKey = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
const char* const kSalt = "a0a1a2a3";

struct Tunnel : EspRig {
    Tunnel() {
        put({.listener = kEspListener, .peers = {{0, {"198.51.100.5/32", "192.0.2.5/32"}}}});
        set_endpoint(0, "198.51.100.7:1111");
    }
    void install_keys(std::uint32_t spi, AeadSuite suite, std::string_view key, std::string_view salt, bool esn = false,
                      std::uint64_t first = 1) {
        InstallSession session = session_of({.spi = spi, .suite = suite, .esn = esn});
        const auto secret = from_hex(key);
        for (crypto::AeadKey* one : {&session.send_key, &session.receive_key}) {
            one->secret = {};
            std::copy(secret.begin(), secret.end(), one->secret.writable().begin());
            one->salt = warren::test::array_from_hex<4>(salt);
            if (one->integrity == nullptr) continue;
            for (std::size_t i = 0; i < 64; ++i) one->integrity->writable()[i] = static_cast<std::uint8_t>(0xc0 + i);
        }
        session.remote_id = spi;
        session.first_counter = first;
        apply(std::move(session));
    }
};

TEST_CASE("ES4: the ESP packet of RFC 7634 is opened to the packet that it was made of") {
    Tunnel tunnel;
    tunnel.install_keys(0x0102'0304, AeadSuite::kChacha20Poly1305, kKey, kSalt);
    Packet message = from_hex(
        "01020304 00000005 1011121314151617"
        "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f"
        "64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e076aaa8266b7fb0f7b11b369907e1ad43");
    const auto delivered = tunnel.take(message);
    REQUIRE(delivered.size() == 1);
    CHECK(delivered[0] == from_hex(kPacket));
    CHECK(tunnel.all_drops() == 0);
    CHECK(tunnel.take(message).empty());
    CHECK(tunnel.drops(DropReason::kReplayDuplicate) == 1);
}

// Their next header is 1, not a tunnel's: authentic, and dropped for that.
TEST_CASE("ES4: the ESP packets of the AES-GCM test cases are authentic, with and without extended sequence numbers") {
    Tunnel tunnel;  // draft-mcgrew-gcm-test-01 §4
    tunnel.install_keys(0x0000'4321, AeadSuite::kAes128Gcm, "4c80cdefbb5d10da906ac73c3613a634", "2e443b68", true);
    tunnel.install_keys(0x4a2c'bfe3, AeadSuite::kAes256Gcm,
                        "abbccddef00112233445566778899aababbccddef00112233445566778899aab", "11223344");
    tunnel.receive(from_hex(
        "4a2cbfe3 00000002 0102030405060708"
        "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f0545659f14e99def842d8e"
        "b335f4eecfdbf831824b4c4915956c96"));
    CHECK(tunnel.drops(DropReason::kEspMalformed) == 1);
    const Packet extended = from_hex(
        "00004321 00000000 4956ed7e3b244cfe"
        "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5"
        "ff6247aeabb786b93bce61bc17d768fd9732459018148f6cbe722fd04796562dfdb4");
    tunnel.receive(extended);  // the high half is inferred to be 0, with which nothing is numbered 0
    CHECK(tunnel.drops(DropReason::kEspMalformed) == 2);
    CHECK(tunnel.drops(DropReason::kAuthenticationFailed) == 0);
}

TEST_CASE("ES3: the extended sequence number of the AES-GCM test case is inferred from those before it") {
    InstallSession install;
    install.has_extended_sequence = true;
    Session session(std::move(install), kEspFraming);
    (void)session.received.mark(0x8765'4320'ffff'fff0);
    const Packet message = from_hex(
        "00004321 00000000 4956ed7e3b244cfe"
        "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5"
        "ff6247aeabb786b93bce61bc17d768fd9732459018148f6cbe722fd04796562dfdb4");
    const auto counter = kEspFraming.counter_of(session, 0, message.size());
    REQUIRE(counter.has_value());
    CHECK(*counter == 0x8765'4321'0000'0000);
    crypto::AeadJob job;
    kEspFraming.begin_open(session, *counter, message, job);
    crypto::AeadKey key;
    key.suite = AeadSuite::kAes128Gcm;
    const auto secret = from_hex("4c80cdefbb5d10da906ac73c3613a634");
    std::copy(secret.begin(), secret.end(), key.secret.writable().begin());
    key.salt = warren::test::array_from_hex<4>("2e443b68");
    Packet text(72);
    CHECK(crypto::suite_open(key, job.iv, job.associated_data(), Bytes(message).subspan(16), text));
    CHECK(text ==
          from_hex("45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000045f736970045f756470"
                   "037369700963796265726369747902646b000021000101020201"));
}

// Computed with Python's `cryptography`: the packet of RFC 7634 with its keys, the counter as the IV.
struct Known {
    AeadSuite suite;
    bool esn;
    std::uint64_t counter;
    const char* message;
};
const Known kKnown[] = {
    {AeadSuite::kChacha20Poly1305, false, 5,
     "0102030400000005000000000000000540a5013b9982a1c1c09ad9d6bec8c94941c3f1d4aed33e3399442ac42f9a1ffd9e252634d51c4d057"
     "b"
     "17a35746e1f0a8100d5535e0257cf69b0ecfeecfa03d50388df7410ab7e134488998f9805abe8aa5f769f1c185bacf59b4c9abdb85d98ff1b"
     "8"
     "6b4dbf037444"},
    {AeadSuite::kChacha20Poly1305, true, 0x5'0000'0007,
     "01020304000000070000000500000007543689c5df9cd724e4d12a8f0dddced47252c153974aee8cbc2b12e74659f5f7cebd2456593b566a7"
     "d"
     "0e7e2df8a6492c8fa3b129ffc6c3763b5cfdcaea8d63fd40542805c63e2302b32beddbf86de67caea4488c17355b7cbcd271c47bcb22f2923"
     "e"
     "09059ebe5caf"},
    {AeadSuite::kAes128Gcm, false, 5,
     "010203040000000500000000000000058f79f2173dc8080b9fca08f2d7d47027dc26410c1ec8879241edf79c543cc0e0eb4b14c977a0af3c0"
     "b"
     "26be8aca444fc5f719085efe8ceef4e8431b880a5711f0d9a17843016e79a91528400af4626c64c1de9aada4c0dc2ed4521cfb89ddced42d1"
     "3"
     "549a8c7ac3f1"},
    {AeadSuite::kAes128Gcm, true, 0x5'0000'0007,
     "01020304000000070000000500000007f37670f2496582f162c4495c6df3a7f9959a244d643a22a3ce3d9fc3d5266cfb8bd349463019c36ac"
     "c"
     "98a5deeee4c51e5e2c6a6a693c100f210acdcbeb49c69a304425dccdf7c319d63bb4455e4644f0f408407e1e31b4098af196adffb4462ff93"
     "5"
     "a73ee0744c7e"},
    {AeadSuite::kAes256Gcm, false, 5,
     "01020304000000050000000000000005e6d0e87dcf46885793a16745f889654a31fe656b973c78b430c2f67ddf7dba5c89dcb20df3c6b9fe5"
     "7"
     "86a5128741268fe62e5a98fcc1387273bdda414783f859ed31c228a235be61019afdfb8b114a9054c6cd2f3aa0394af4c51995b9d7fa164f1"
     "4"
     "0a1b3f156c3f"},
    {AeadSuite::kAes256Gcm, true, 0x5'0000'0007,
     "0102030400000007000000050000000723c7bde235205ab022596b1c22b6562135d2f8e5a761ecfd7b3931b44b20f0c16aafd086177b10c40"
     "5"
     "fd30e0ff1a0647a5b8de57882f8a6661da250e9fd150fff5be34d90f2e9147fb389dea06ac030b02d06c27655329c855a48ca3ef1f5b63905"
     "7"
     "84153b65a964"},
    // AES-CBC: the IV is the counter encrypted under the key.
    {AeadSuite::kAes128CbcSha1, false, 5,
     "01020304000000050ef75c4b5c232c1c8c39779ac5f7c012fa3a44e3a49b680ce928af738d5dd836b7abdd96bebc7013d43166d90a1993be"
     "1dfc338baf55b2279078deef16d308389dec0d0ac0ef0078fe53f7c2c62c8fe32cedd58b4824e8a922452a974bc17123039980e974f16c9c"
     "853022856b33effcd49b45bf8fae3ce0f2a99bd8"},
    {AeadSuite::kAes128CbcSha1, true, 0x5'0000'0007,
     "01020304000000073fd2eaec1e1649b128680ce36ab970af82cc7f90b624000123fd15175997f73f75c21b0cb5c679ad8700480ae086d1e9"
     "c80c9b8f825131a2375dd0a15eb70252b2c77afd96342df0191c5d787f4c04a016c87a5f8f4a741c93b36b6543ed0e915d800ccfdd81df59"
     "7d53cda17ccdbcd17921e7e969bafe8d29b6624e"},
    {AeadSuite::kAes256CbcSha1, false, 5,
     "0102030400000005b3c1770f795d45e3f4866338c581e5580590aca3746b387c73e9866612b9f1b135edfb45e0c863b985675f6b516c1066"
     "43c76660111f570358f03ea19af6cefadff4d7c54d89753219f3aba94f3937339bc2a6224a1a5c52b1411ea8c01de9ac79ca47bf74563fb8"
     "8feecba7d4dce64037363d4addc2e03011011ac5"},
    {AeadSuite::kAes256CbcSha1, true, 0x5'0000'0007,
     "0102030400000007c6145d39e10ca2cad76cd7f4119e5116456bf02f41bedb68735c2652d393314666772fbe8bb6fde2f60e4e1df9851bdf"
     "6adc25011f0777581855e48df6aeb831e61d90c87206533a9fea794974ef987c7b1835768cd2357671c29746ea52d0676a61440013758c6e"
     "5cc650865b46ffb4b51c8059924de23699b4bab9"},
    {AeadSuite::kAes128CbcSha256, false, 5,
     "01020304000000050ef75c4b5c232c1c8c39779ac5f7c012fa3a44e3a49b680ce928af738d5dd836b7abdd96bebc7013d43166d90a1993be"
     "1dfc338baf55b2279078deef16d308389dec0d0ac0ef0078fe53f7c2c62c8fe32cedd58b4824e8a922452a974bc17123039980e974f16c9c"
     "853022856b33effc9b2d5584be0237a817b438f17f130482"},
    {AeadSuite::kAes128CbcSha256, true, 0x5'0000'0007,
     "01020304000000073fd2eaec1e1649b128680ce36ab970af82cc7f90b624000123fd15175997f73f75c21b0cb5c679ad8700480ae086d1e9"
     "c80c9b8f825131a2375dd0a15eb70252b2c77afd96342df0191c5d787f4c04a016c87a5f8f4a741c93b36b6543ed0e915d800ccfdd81df59"
     "7d53cda17ccdbcd1bd8891a74cf1e9f3f82dbc9dc0486fec"},
    {AeadSuite::kAes256CbcSha256, false, 5,
     "0102030400000005b3c1770f795d45e3f4866338c581e5580590aca3746b387c73e9866612b9f1b135edfb45e0c863b985675f6b516c1066"
     "43c76660111f570358f03ea19af6cefadff4d7c54d89753219f3aba94f3937339bc2a6224a1a5c52b1411ea8c01de9ac79ca47bf74563fb8"
     "8feecba7d4dce640dca0e2973e14797c350060e72cfc3f6e"},
    {AeadSuite::kAes256CbcSha256, true, 0x5'0000'0007,
     "0102030400000007c6145d39e10ca2cad76cd7f4119e5116456bf02f41bedb68735c2652d393314666772fbe8bb6fde2f60e4e1df9851bdf"
     "6adc25011f0777581855e48df6aeb831e61d90c87206533a9fea794974ef987c7b1835768cd2357671c29746ea52d0676a61440013758c6e"
     "5cc650865b46ffb4fe93c03590dcb86e1ae096bcb163763b"},
    {AeadSuite::kAes128CbcSha512, false, 5,
     "01020304000000050ef75c4b5c232c1c8c39779ac5f7c012fa3a44e3a49b680ce928af738d5dd836b7abdd96bebc7013d43166d90a1993be"
     "1dfc338baf55b2279078deef16d308389dec0d0ac0ef0078fe53f7c2c62c8fe32cedd58b4824e8a922452a974bc17123039980e974f16c9c"
     "853022856b33effcce240f7bb4b42b79f87297815d542621080a9de134fe929a61970a7012489f64"},
    {AeadSuite::kAes128CbcSha512, true, 0x5'0000'0007,
     "01020304000000073fd2eaec1e1649b128680ce36ab970af82cc7f90b624000123fd15175997f73f75c21b0cb5c679ad8700480ae086d1e9"
     "c80c9b8f825131a2375dd0a15eb70252b2c77afd96342df0191c5d787f4c04a016c87a5f8f4a741c93b36b6543ed0e915d800ccfdd81df59"
     "7d53cda17ccdbcd1e98bb9a43147fc046a7718ddafd33ee3f55e2e30eff9ad6765ab001847cd3deb"},
    {AeadSuite::kAes256CbcSha512, false, 5,
     "0102030400000005b3c1770f795d45e3f4866338c581e5580590aca3746b387c73e9866612b9f1b135edfb45e0c863b985675f6b516c1066"
     "43c76660111f570358f03ea19af6cefadff4d7c54d89753219f3aba94f3937339bc2a6224a1a5c52b1411ea8c01de9ac79ca47bf74563fb8"
     "8feecba7d4dce64010186e173a301f4f8f65b62881fa98a04f04dc812ca44e56c567c27cc27be142"},
    {AeadSuite::kAes256CbcSha512, true, 0x5'0000'0007,
     "0102030400000007c6145d39e10ca2cad76cd7f4119e5116456bf02f41bedb68735c2652d393314666772fbe8bb6fde2f60e4e1df9851bdf"
     "6adc25011f0777581855e48df6aeb831e61d90c87206533a9fea794974ef987c7b1835768cd2357671c29746ea52d0676a61440013758c6e"
     "5cc650865b46ffb4943d404ab89f964f0189b68d1ae7de3177819d1f7cd11e28fd46dc4fc9954008"},
};

TEST_CASE("ES2, ES4: what we send is what another implementation makes of the same packet, number and keys") {
    for (const Known& known : kKnown) {
        CAPTURE(known.message);
        Tunnel tunnel;
        tunnel.install_keys(0x0102'0304, known.suite, kKey, kSalt, known.esn, known.counter);
        tunnel.transmit(0, from_hex(kPacket));
        const auto sent = tunnel.sent();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].bytes == from_hex(known.message));
        CHECK(sent[0].listener == ListenerIndex{kEspListener});
        // The same keys in the other direction; a first number as large as the others would be taken for a small one.
        if (!known.esn) CHECK(tunnel.take(from_hex(known.message)) == std::vector<Packet>{from_hex(kPacket)});
    }
}

}  // namespace
}  // namespace warren::dataplane::test
