// The bytes of a kept IKE_SA.
#include "vpnd/ike/ike_record.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/vectors/seeded_random.h"

namespace warren::ike {
namespace {

constexpr std::size_t kSpace = 8184;

// IKE_SAs of every kind, as random as they may be.
class Maker {
  public:
    explicit Maker(std::uint64_t seed) : random_(seed) {}

    SaRecord record() {
        SaRecord out;
        random_.fill(out.owner.connection);
        random_.fill(out.owner.config);
        if (flag()) out.owner.lease.v4 = address(Family::kV4);
        if (flag()) out.owner.lease.v6 = address(Family::kV6);
        out.owner.session_began = time();
        out.owner.is_going = flag();
        IkeSa& sa = out.sa;
        sa.state = flag() ? IkeState::kEstablished : IkeState::kRekeyed;
        sa.is_initiator = flag();
        sa.spis = {number() | 1, number() | 1};
        sa.session = below(100);
        sa.our_identity = {IdType::kFqdn, bytes(below(40))};
        sa.peer_identity = {IdType::kRfc822Addr, bytes(below(60))};
        sa.suite = suite();
        random_.fill(sa.nonce);
        add_place(sa);
        sa.sealer.emplace(key(sa.suite), number() % kMostIv);
        sa.receive_key = key(sa.suite);
        sa.sk_d = secret<crypto::kMostDigest>(crypto::digest_size(sa.suite.prf_hash()));
        const bool is_waiting = flag();
        sa.window = Window::resume({below(9000), below(9000), is_waiting, ExchangeType::kInformational,
                                    is_waiting ? Datagrams{bytes(60), bytes(80)} : Datagrams{},
                                    flag() ? Datagrams{bytes(200)} : Datagrams{}});
        if (is_waiting) sa.request = request();
        sa.replaced_by = number();
        sa.loses_to = number();
        for (Instant* const at :
             {&sa.created, &sa.rekey_at, &sa.expires_at, &sa.reauth_at, &sa.proven_until, &sa.ends_at})
            *at = time();
        for (unsigned left = below(5); left > 0; --left) sa.children.push_back(child());
        for (unsigned left = below(3); left > 0; --left)
            sa.wishes.push_back({.task = Task::kDeleteChild, .child = {below(1 << 30)}, .is_forgotten = true});
        return out;
    }

    unsigned below(unsigned most) { return static_cast<unsigned>(random_.below(most)); }
    void add_children(IkeSa& sa, std::size_t count) {
        while (sa.children.size() < count) sa.children.push_back(child());
    }

  private:
    bool flag() { return below(2) == 1; }
    std::uint64_t number() {
        std::array<std::uint8_t, 8> out{};
        random_.fill(out);
        return load_le<std::uint64_t>(out.data());
    }
    Instant time() { return flag() ? kNever : Instant{static_cast<std::int64_t>(number() >> 2)}; }
    std::vector<std::uint8_t> bytes(std::size_t size) {
        std::vector<std::uint8_t> out(size);
        random_.fill(out);
        return out;
    }
    template <std::size_t N>
    crypto::SecretBytes<N> secret(std::size_t size) {
        return crypto::SecretBytes<N>(Bytes(bytes(size)));
    }
    IpAddress address(Family family) { return IpAddress::from_bytes(bytes(family == Family::kV4 ? 4 : 16)); }
    IpAddress address() { return address(flag() ? Family::kV4 : Family::kV6); }
    Endpoint endpoint() { return {address(), static_cast<std::uint16_t>(number()), below(9)}; }
    LocalAddress local() { return {address(), below(9)}; }
    const Algorithm* algorithm(TransformType type, bool in_ike, bool is_aead = false) {
        std::vector<const Algorithm*> all;
        for (const Algorithm& one : algorithms()) {
            const bool fits =
                one.type == type && one.standing != Standing::kRefused && (in_ike ? one.in_ike : one.in_esp);
            if (fits && (type != TransformType::kEncryption || one.is_aead() == is_aead)) all.push_back(&one);
        }
        return all.at(below(static_cast<unsigned>(all.size())));
    }
    IkeSuite suite() {
        const bool is_aead = flag();
        return {algorithm(TransformType::kEncryption, true, is_aead), algorithm(TransformType::kPrf, true),
                is_aead ? nullptr : algorithm(TransformType::kIntegrity, true),
                algorithm(TransformType::kKeyExchange, true)};
    }
    crypto::IkeCipherKey key(const IkeSuite& suite) {
        crypto::IkeCipherKey out;
        out.cipher = suite.encryption->cipher;
        out.encryption = secret<36>(crypto::encryption_key_size(out.cipher));
        if (suite.integrity == nullptr) return out;
        out.integrity = {suite.integrity->sha, suite.integrity->icv_size};
        out.integrity_key = secret<crypto::kMostDigest>(suite.integrity->key_size);
        return out;
    }
    void add_place(IkeSa& sa) {
        sa.remote = endpoint();
        sa.local = local();
        sa.local_port = static_cast<std::uint16_t>(number());
        for (bool* const one : {&sa.peer_is_behind_nat, &sa.we_are_behind_nat, &sa.has_nat_traversal,
                                &sa.takes_fragments, &sa.has_mobike})
            *one = flag();
        if (flag()) sa.data_at = {endpoint(), local()};
        for (unsigned left = below(kMostTested); left > 0; --left) sa.tested.push_back(address());
    }
    std::unique_ptr<Request> request() {
        auto out = std::make_unique<Request>();
        out->task = static_cast<Task>(3 + below(7));
        out->is_sent = true;
        out->child.value = below(1 << 30);
        out->name = "lan";
        out->tries = below(9);
        out->new_child.value = below(1 << 30);
        out->rival.value = below(1 << 30);
        if (out->task == Task::kTestPath) out->nonce = bytes(16);
        out->tests = endpoint();
        return out;
    }
    SelectorList selectors() {
        SelectorList out;
        for (unsigned left = below(4); left > 0; --left) {
            const Family family = flag() ? Family::kV4 : Family::kV6;
            out.push_back({address(family), address(family), static_cast<std::uint8_t>(number()),
                           static_cast<std::uint16_t>(number()), static_cast<std::uint16_t>(number())});
        }
        return out;
    }
    ChildSa child() {
        ChildSa out;
        const bool is_aead = flag();
        out.ours.value = SessionId::kLeast + below(1 << 30);
        out.theirs = static_cast<std::uint32_t>(number());
        out.name = flag() ? "lan" : "voice";
        out.config = number();
        out.flow = static_cast<std::uint8_t>(below(16));
        out.suite = {algorithm(TransformType::kEncryption, false, is_aead),
                     is_aead ? nullptr : algorithm(TransformType::kIntegrity, false),
                     flag() ? nullptr : algorithm(TransformType::kKeyExchange, false), flag()};
        out.selectors = {selectors(), selectors()};
        random_.fill(out.nonce);
        for (Instant* const at : {&out.created, &out.rekey_at, &out.expires_at, &out.delete_at, &out.confirm_at})
            *at = time();
        out.is_sent_on = flag();
        out.we_asked = flag();
        out.replaced_by.value = below(1 << 30);
        for (ChildKey* const key : {&out.send_key, &out.receive_key}) {
            key->encryption = secret<36>(std::size_t{out.suite.encryption->key_size} + out.suite.encryption->salt_size);
            if (!is_aead) key->integrity = secret<crypto::kMostDigest>(out.suite.integrity->key_size);
        }
        return out;
    }

    test::SeededRandom random_;
};

std::vector<std::uint8_t> written(const SaRecord& record, std::size_t space = kSpace) {
    std::vector<std::uint8_t> out(space);
    out.resize(write(record.owner, record.sa, out));
    return out;
}

void check_same(const ChildSa& a, const ChildSa& b) {
    CHECK(a.ours == b.ours);
    CHECK(a.theirs == b.theirs);
    CHECK(a.name == b.name);
    CHECK(a.config == b.config);
    CHECK(a.flow == b.flow);
    CHECK(a.suite == b.suite);
    CHECK(a.selectors == b.selectors);
    CHECK(a.nonce == b.nonce);
    CHECK(a.created == b.created);
    CHECK(a.expires_at == b.expires_at);
    CHECK(a.confirm_at == b.confirm_at);
    CHECK(a.is_sent_on == b.is_sent_on);
    CHECK(a.we_asked == b.we_asked);
    CHECK(a.replaced_by == b.replaced_by);
    CHECK(a.send_key.encryption == b.send_key.encryption);
    CHECK(a.send_key.integrity == b.send_key.integrity);
    CHECK(a.receive_key.encryption == b.receive_key.encryption);
    CHECK(a.receive_key.integrity == b.receive_key.integrity);
}

void check_same(const crypto::IkeCipherKey& a, const crypto::IkeCipherKey& b) {
    CHECK(a.cipher == b.cipher);
    CHECK(a.encryption == b.encryption);
    CHECK(a.integrity_key == b.integrity_key);
    if (!a.integrity_key.empty()) CHECK(a.integrity == b.integrity);
}

void check_same(const IkeSa& a, const IkeSa& b) {
    CHECK(a.state == b.state);
    CHECK(a.is_initiator == b.is_initiator);
    CHECK(a.spis == b.spis);
    CHECK(a.session == b.session);
    CHECK(a.our_identity == b.our_identity);
    CHECK(a.peer_identity == b.peer_identity);
    CHECK(a.suite == b.suite);
    CHECK(a.nonce == b.nonce);
    CHECK(a.remote == b.remote);
    CHECK(a.local == b.local);
    CHECK(a.local_port == b.local_port);
    CHECK(a.peer_is_behind_nat == b.peer_is_behind_nat);
    CHECK(a.we_are_behind_nat == b.we_are_behind_nat);
    CHECK(a.has_nat_traversal == b.has_nat_traversal);
    CHECK(a.takes_fragments == b.takes_fragments);
    CHECK(a.has_mobike == b.has_mobike);
    CHECK(a.tested == b.tested);
    REQUIRE(a.data_at.has_value() == b.data_at.has_value());
    if (a.data_at)
        CHECK(std::tie(a.data_at->remote, a.data_at->local) == std::tie(b.data_at->remote, b.data_at->local));
    check_same(a.sealer->key(), b.sealer->key());
    CHECK(a.sealer->next_iv() == b.sealer->next_iv());
    check_same(a.receive_key, b.receive_key);
    CHECK(a.sk_d == b.sk_d);
    CHECK(a.window.keep() == b.window.keep());
    CHECK(a.replaced_by == b.replaced_by);
    CHECK(a.loses_to == b.loses_to);
    CHECK(a.created == b.created);
    CHECK(a.expires_at == b.expires_at);
    CHECK(a.reauth_at == b.reauth_at);
    CHECK(a.proven_until == b.proven_until);
    CHECK(a.ends_at == b.ends_at);
    REQUIRE((a.request == nullptr) == (b.request == nullptr));
    if (a.request != nullptr) {
        CHECK(a.request->task == b.request->task);
        CHECK(a.request->child == b.request->child);
        CHECK(a.request->name == b.request->name);
        CHECK(a.request->tries == b.request->tries);
        CHECK(a.request->new_child == b.request->new_child);
        CHECK(a.request->rival == b.request->rival);
        CHECK(a.request->nonce == b.request->nonce);
        CHECK(a.request->tests == b.request->tests);
        CHECK(b.request->is_sent);
        const bool made_a_key = a.request->task == Task::kCreateChild || a.request->task == Task::kRekeyChild ||
                                a.request->task == Task::kRekeyIke;
        CHECK(b.request->is_orphan == made_a_key);
    }
    REQUIRE(a.wishes.size() == b.wishes.size());
    for (std::size_t i = 0; i < a.wishes.size(); ++i) {
        CHECK(a.wishes[i].task == b.wishes[i].task);
        CHECK(a.wishes[i].child == b.wishes[i].child);
        CHECK(b.wishes[i].is_forgotten);
    }
    REQUIRE(a.children.size() == b.children.size());
    for (std::size_t i = 0; i < a.children.size(); ++i) check_same(a.children[i], b.children[i]);
}

TEST_CASE("KL13: what is written is read again") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        const SaRecord before = Maker(seed).record();
        const auto bytes = written(before);
        REQUIRE(!bytes.empty());
        const auto after = read(bytes);
        REQUIRE(after);
        CHECK(after->owner == before.owner);
        check_same(before.sa, after->sa);
        CHECK(written(*after) == bytes);
    }
}

TEST_CASE("KL13: a record with any bit changed is none") {
    const auto bytes = written(Maker(4).record());
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ 1U << bit % 8);
        CHECK_FALSE(read(damaged));
    }
}

TEST_CASE("KL13: a record that was cut is none, and what is behind it does not matter") {
    auto bytes = written(Maker(5).record());
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(read(Bytes(bytes).first(size)));
    bytes.resize(bytes.size() + 100, 0x5a);
    CHECK(read(bytes));
    CHECK_FALSE(read(std::vector<std::uint8_t>(kSpace)));
}

TEST_CASE("KL13: without room for the last response it is left out, and without room for all else there is no record") {
    SaRecord record = Maker(6).record();
    Window::Kept window = record.sa.window.keep();
    window.response = {std::vector<std::uint8_t>(600, std::uint8_t{0x77})};
    record.sa.window = Window::resume(window);
    const std::size_t whole = written(record).size();
    const auto less = read(written(record, whole - 1));
    REQUIRE(less);
    CHECK(less->sa.window.last_response().empty());
    CHECK(less->sa.window.next_from_peer() == window.next_from_peer);
    CHECK(written(record, whole - 602).size() == whole - 602);
    CHECK(written(record, whole - 603).empty());
}

TEST_CASE("KL13: an IKE_SA has room with all the children that it may have, and a long last response") {
    Maker maker(8);
    SaRecord record = maker.record();
    maker.add_children(record.sa, kMostChildren);
    Window::Kept window = record.sa.window.keep();
    window.response = {std::vector<std::uint8_t>(1200, std::uint8_t{0x77})};
    record.sa.window = Window::resume(window);
    const auto after = read(written(record));
    REQUIRE(after);
    CHECK(after->sa.children.size() == kMostChildren);
    CHECK(after->sa.window.last_response() == window.response);
}

TEST_CASE("KL13: what waits for its turn comes due again") {
    SaRecord record = Maker(7).record();
    IkeSa& sa = record.sa;
    sa.request.reset();
    sa.window = {};
    sa.children.clear();
    sa.wishes.clear();
    sa.rekey_at = kNever;
    CHECK(read(written(record))->sa.rekey_at == kNever);
    sa.wishes.push_back({.task = Task::kRekeyIke});
    CHECK(read(written(record))->sa.rekey_at == sa.created);
    // An ephemeral key that is being made is not waited for.
    sa.wishes.clear();
    sa.request = std::make_unique<Request>();
    sa.request->task = Task::kRekeyIke;
    const auto after = read(written(record));
    CHECK(after->sa.rekey_at == sa.created);
    CHECK(after->sa.request == nullptr);
}

// --- whose it is ---------------------------------------------------------------------------------

TEST_CASE("KL13: a connection is named by its customer's id and its own name, together") {
    CHECK(name_of("acme", "graz") == name_of("acme", "graz"));
    CHECK(name_of("acme", "graz") != name_of("globex", "graz"));
    CHECK(name_of("acme", "graz") != name_of("acme", "linz"));
    CHECK(name_of("acme", "graz") != name_of("acmeg", "raz"));
}

TEST_CASE("KL13: another identity, secret, address or way to prove it is another connection; an index is not") {
    Connection connection;
    connection.psk = 7;
    connection.remote_identity = *parse_expected_identity("graz@acme.example");
    CustomerConfig customer;
    customer.identity = *parse_identity("acme.example.net");
    const auto digest = digest_of(connection, customer);
    const auto changed = [&](const std::function<void(Connection&, CustomerConfig&)>& change) {
        Connection other = connection;
        CustomerConfig its = customer;
        change(other, its);
        return digest_of(other, its) != digest;
    };
    CHECK(changed([](auto& c, auto&) { c.psk = 8; }));
    CHECK(changed([](auto& c, auto&) { c.auth = Auth::kCertificate; }));
    CHECK(changed([](auto& c, auto&) { c.ppk = 1; }));
    CHECK(changed([](auto& c, auto&) { c.ppk_identity = "a"; }));
    CHECK(changed([](auto& c, auto&) { c.ppk_required = true; }));
    CHECK(changed([](auto& c, auto&) { c.local_identity = *parse_identity("other.example.net"); }));
    CHECK(changed([](auto& c, auto&) { c.remote_identity = *parse_expected_identity("linz@acme.example"); }));
    CHECK(changed([](auto& c, auto&) { c.remote_identity = *parse_expected_identity("any"); }));
    CHECK(changed([](auto& c, auto&) { c.remote_address = *parse_ip("192.0.2.1"); }));
    CHECK(changed([](auto&, auto& its) { its.identity = *parse_identity("beta.example.net"); }));
    CHECK(changed([](auto&, auto& its) { its.identity.reset(); }));
    CHECK_FALSE(changed([](auto& c, auto& its) {
        c.index = ConnectionIndex{9};
        c.customer = its.customer = CustomerIndex{9};
        c.trust = 3;  // of no use with a PSK
    }));
    connection.auth = Auth::kCertificate;
    Connection other = connection;
    other.trust = 3;
    CHECK(digest_of(connection, customer) != digest_of(other, customer));
}

TEST_CASE("KL13: other networks are another child") {
    ChildConfig child;
    child.name = "lan";
    child.local = {{IpAddress::v4(10, 0, 0, 0), IpAddress::v4(10, 0, 0, 255)}};
    const auto changed = [&](const std::function<void(ChildConfig&)>& change) {
        ChildConfig other = child;
        change(other);
        return digest_of(other) != digest_of(child);
    };
    CHECK(changed([](auto& c) { c.name = "voice"; }));
    CHECK(changed([](auto& c) { std::swap(c.local, c.remote); }));
    CHECK(changed([](auto& c) { c.local[0].last_port = 80; }));
    CHECK(changed([](auto& c) { c.local[0].protocol = 6; }));
    CHECK(changed([](auto& c) { c.local[0].last = IpAddress::v4(10, 0, 0, 127); }));
    CHECK_FALSE(changed([](auto& c) { c.peer = PeerIndex{7}; }));
}

}  // namespace
}  // namespace warren::ike
