#include "vpnd/ike/ike_record.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "crypto/blake2s.h"

namespace warren::ike {

namespace {

constexpr std::size_t kCheckSize = 16;
constexpr std::size_t kHeadSize = 8;  // form and size
constexpr std::size_t kMostDatagrams = 64;
constexpr std::size_t kMostForgotten = 64;
constexpr unsigned kLastTask = kTasks - 1;

std::array<std::uint8_t, kCheckSize> check_of(Bytes part) {
    return crypto::blake2s_mac(as_bytes("warren kept ike_sa"), {part});
}

// --- writing -------------------------------------------------------------------------------------

// Fields one after the other; what has no fixed size has its size before it.
class Out {
  public:
    explicit Out(MutableBytes space) : to_(space) {}
    [[nodiscard]] bool ok() const { return to_.ok(); }
    [[nodiscard]] std::size_t size() const { return to_.size(); }

    void flag(bool value) { to_.u8(value ? 1 : 0); }
    template <std::unsigned_integral T>
    void number(T value) {
        to_.le(value);
    }
    void time(Instant value) { to_.le(static_cast<std::uint64_t>(value.nanoseconds)); }
    void fixed(Bytes bytes) { to_.bytes(bytes); }
    void bytes(Bytes bytes) {
        to_.le(static_cast<std::uint16_t>(bytes.size()));
        to_.bytes(bytes);
    }
    void text(std::string_view text) { bytes(as_bytes(text)); }
    void address(const IpAddress& value) {
        to_.u8(static_cast<std::uint8_t>(value.family));
        to_.bytes(value.bytes());
    }
    void address(const std::optional<IpAddress>& value) {
        flag(value.has_value());
        if (value) address(*value);
    }
    void place(const Endpoint& remote, const LocalAddress& local) {
        endpoint(remote);
        address(local.address);
        to_.le(local.interface_index);
    }
    void endpoint(const Endpoint& value) {
        address(value.address);
        to_.le(value.port);
        to_.le(value.scope_id);
    }
    void identity(const Identity& value) {
        to_.u8(static_cast<std::uint8_t>(value.type));
        bytes(value.value);
    }
    // Null: an identifier that no algorithm has.
    void algorithm(const Algorithm* value) {
        to_.le(value == nullptr ? std::uint16_t{0} : value->id);
        to_.le(value == nullptr ? std::uint16_t{0} : value->key_bits);
        flag(value != nullptr);
    }
    void datagrams(const Datagrams& value) {
        to_.u8(static_cast<std::uint8_t>(value.size()));
        for (const auto& datagram : value) bytes(datagram);
    }
    void selectors(const SelectorList& value) {
        to_.u8(static_cast<std::uint8_t>(value.size()));
        for (const TrafficSelector& one : value) {
            address(one.first);
            address(one.last);
            to_.u8(one.protocol);
            to_.le(one.first_port);
            to_.le(one.last_port);
        }
    }

  private:
    ByteWriter to_;
};

void write_owner(Out& out, const SaOwner& owner) {
    out.fixed(owner.connection);
    out.fixed(owner.config);
    out.address(owner.lease.v4);
    out.address(owner.lease.v6);
    out.time(owner.session_began);
    out.flag(owner.is_going);
}

void write_place(Out& out, const IkeSa& sa) {
    out.place(sa.remote, sa.local);
    out.number(sa.local_port);
    for (const bool flag : {sa.peer_is_behind_nat, sa.we_are_behind_nat, sa.has_nat_traversal, sa.takes_fragments,
                            sa.has_mobike, sa.data_at.has_value()})
        out.flag(flag);
    if (sa.data_at) out.place(sa.data_at->remote, sa.data_at->local);
    out.number(static_cast<std::uint8_t>(sa.tested.size()));
    for (const IpAddress& address : sa.tested) out.address(address);
}

void write_keys(Out& out, const IkeSa& sa) {
    for (const crypto::IkeCipherKey* const key : {&sa.sealer->key(), &sa.receive_key}) {
        out.bytes(key->encryption.reveal());
        out.bytes(key->integrity_key.reveal());
    }
    out.number(sa.sealer->next_iv());
    out.bytes(sa.sk_d.reveal());
}

void write_window(Out& out, const Window::Kept& window, bool with_response) {
    out.number(window.next_from_peer);
    out.number(window.next_id);
    out.flag(window.is_waiting);
    out.number(static_cast<std::uint8_t>(window.exchange));
    out.datagrams(window.request);
    out.datagrams(with_response ? window.response : Datagrams());
}

// Only what waits for its response; all else begins anew.
void write_request(Out& out, const IkeSa& sa) {
    const bool is_sent = sa.request != nullptr && sa.request->is_sent;
    out.flag(is_sent);
    if (!is_sent) return;
    const Request& request = *sa.request;
    out.number(static_cast<std::uint8_t>(request.task));
    out.number(request.child.value);
    out.text(request.name);
    out.number(request.tries);
    out.number(request.new_child.value);
    out.number(request.rival.value);
    out.bytes(request.task == Task::kTestPath ? Bytes(request.nonce) : Bytes());
    out.endpoint(request.tests);
}

bool is_wanted(const IkeSa& sa, Task task, SessionId child) {
    const auto is_that = [&](const auto& other) { return other.task == task && other.child == child; };
    return (sa.request != nullptr && is_that(*sa.request)) || std::any_of(sa.wishes.begin(), sa.wishes.end(), is_that);
}

// What waits for its turn comes due again.
Instant due(const IkeSa& sa, Instant at, Task task, SessionId child) {
    return is_wanted(sa, task, child) ? sa.created : at;
}
Instant rekey_due(const IkeSa& sa, const ChildSa& child) {
    return std::min(due(sa, child.rekey_at, Task::kRekeyChild, child.ours),
                    due(sa, child.rekey_at, Task::kCreateChild, child.ours));
}

void write_child(Out& out, const IkeSa& sa, const ChildSa& child) {
    out.number(child.ours.value);
    out.number(child.theirs);
    out.text(child.name);
    out.number(child.config);
    out.number(child.flow);
    out.algorithm(child.suite.encryption);
    out.algorithm(child.suite.integrity);
    out.algorithm(child.suite.key_exchange);
    out.flag(child.suite.esn);
    out.selectors(child.selectors.local);
    out.selectors(child.selectors.remote);
    out.fixed(child.nonce);
    out.time(child.created);
    out.time(rekey_due(sa, child));
    out.time(child.expires_at);
    out.time(due(sa, child.delete_at, Task::kDeleteChild, child.ours));
    out.time(child.confirm_at);
    out.flag(child.is_sent_on);
    out.flag(child.we_asked);
    out.number(child.replaced_by.value);
    for (const ChildKey* const key : {&child.send_key, &child.receive_key}) {
        out.bytes(key->encryption.reveal());
        out.bytes(key->integrity.reveal());
    }
}

// Children that the peer alone has, and is to delete.
void write_forgotten(Out& out, const IkeSa& sa) {
    std::vector<SessionId> forgotten;
    for (const Wish& wish : sa.wishes) {
        if (wish.task == Task::kDeleteChild && wish.is_forgotten && forgotten.size() < kMostForgotten)
            forgotten.push_back(wish.child);
    }
    out.number(static_cast<std::uint8_t>(forgotten.size()));
    for (const SessionId child : forgotten) out.number(child.value);
}

std::size_t write(const SaOwner& owner, const IkeSa& sa, MutableBytes space, bool with_response) {
    if (space.size() < kHeadSize + kCheckSize) return 0;
    Out out(space.subspan(kHeadSize, space.size() - kHeadSize - kCheckSize));
    write_owner(out, owner);
    out.number(static_cast<std::uint8_t>(sa.state));
    out.flag(sa.is_initiator);
    out.number(sa.spis.initiator);
    out.number(sa.spis.responder);
    out.number(sa.session);
    out.identity(sa.our_identity);
    out.identity(sa.peer_identity);
    for (const Algorithm* const one : {sa.suite.encryption, sa.suite.prf, sa.suite.integrity, sa.suite.key_exchange})
        out.algorithm(one);
    out.fixed(sa.nonce);
    write_place(out, sa);
    write_keys(out, sa);
    write_window(out, sa.window.keep(), with_response);
    write_request(out, sa);
    out.number(sa.replaced_by);
    out.number(sa.loses_to);
    out.time(sa.created);
    out.time(due(sa, sa.rekey_at, Task::kRekeyIke, {}));
    for (const Instant at : {sa.expires_at, sa.reauth_at, sa.proven_until, sa.ends_at}) out.time(at);
    out.number(static_cast<std::uint8_t>(sa.children.size()));
    for (const ChildSa& child : sa.children) write_child(out, sa, child);
    write_forgotten(out, sa);
    if (!out.ok()) return 0;
    const std::size_t used = kHeadSize + out.size();
    store_le(space.data(), kSaForm);
    store_le(space.data() + 4, static_cast<std::uint32_t>(used + kCheckSize));
    const auto check = check_of(space.first(used));
    std::copy(check.begin(), check.end(), space.begin() + static_cast<std::ptrdiff_t>(used));
    return used + kCheckSize;
}

// --- reading -------------------------------------------------------------------------------------

// The other way. What cannot be makes ok() false.
class In {
  public:
    explicit In(Bytes from) : from_(from) {}
    [[nodiscard]] bool ok() const { return ok_ && from_.ok(); }
    [[nodiscard]] bool finished() const { return ok_ && from_.finished(); }
    void refuse_unless(bool is_sound) { ok_ = ok_ && is_sound; }

    bool flag() {
        const std::uint8_t value = from_.u8();
        refuse_unless(value <= 1);
        return value == 1;
    }
    template <std::unsigned_integral T>
    T number() {
        return from_.le<T>();
    }
    Instant time() { return {static_cast<std::int64_t>(from_.le<std::uint64_t>())}; }
    template <std::size_t N>
    std::array<std::uint8_t, N> fixed() {
        return from_.array<N>();
    }
    Bytes bytes() { return from_.take(from_.le<std::uint16_t>()); }
    std::vector<std::uint8_t> vector() {
        const Bytes got = bytes();
        return {got.begin(), got.end()};
    }
    std::string text() {
        const Bytes got = bytes();
        return {got.begin(), got.end()};
    }
    template <std::size_t N>
    crypto::SecretBytes<N> secret(std::size_t size) {
        const Bytes got = bytes();
        refuse_unless(got.size() == size && size <= N);
        return ok() ? crypto::SecretBytes<N>(got) : crypto::SecretBytes<N>();
    }
    IpAddress address() {
        const std::uint8_t family = from_.u8();
        refuse_unless(family <= static_cast<std::uint8_t>(Family::kV6));
        const Bytes octets = from_.take(family == static_cast<std::uint8_t>(Family::kV4) ? 4 : 16);
        return ok() ? IpAddress::from_bytes(octets) : IpAddress();
    }
    std::optional<IpAddress> optional_address() { return flag() ? std::optional(address()) : std::nullopt; }
    Endpoint endpoint() {
        Endpoint out;
        out.address = address();
        out.port = number<std::uint16_t>();
        out.scope_id = number<std::uint32_t>();
        return out;
    }
    LocalAddress local() {
        LocalAddress out;
        out.address = address();
        out.interface_index = number<std::uint32_t>();
        return out;
    }
    Identity identity() {
        const auto type = static_cast<IdType>(from_.u8());
        return {type, vector()};
    }
    const Algorithm* algorithm(TransformType type) {
        Transform transform{.type = type};
        transform.id = number<std::uint16_t>();
        transform.key_bits = number<std::uint16_t>();
        if (!flag()) return nullptr;
        const Algorithm* const found = find_algorithm(transform);
        refuse_unless(found != nullptr && found->standing != Standing::kRefused);
        return found;
    }
    Datagrams datagrams() {
        Datagrams out;
        const std::uint8_t count = from_.u8();
        refuse_unless(count <= kMostDatagrams);
        for (unsigned i = 0; i < count && ok(); ++i) out.push_back(vector());
        return out;
    }
    SelectorList selectors() {
        SelectorList out;
        const std::uint8_t count = from_.u8();
        refuse_unless(count <= kMostSideSelectors + 1);
        for (unsigned i = 0; i < count && ok(); ++i) {
            TrafficSelector& one = out.emplace_back();
            one.first = address();
            one.last = address();
            one.protocol = number<std::uint8_t>();
            one.first_port = number<std::uint16_t>();
            one.last_port = number<std::uint16_t>();
            refuse_unless(one.first.family == one.last.family);
        }
        return out;
    }

  private:
    ByteReader from_;
    bool ok_ = true;
};

std::size_t key_size(const Algorithm* algorithm) {
    return algorithm == nullptr ? 0U : std::size_t{algorithm->key_size} + algorithm->salt_size;
}

void read_owner(In& in, SaOwner& owner) {
    owner.connection = in.fixed<std::tuple_size_v<ConnectionName>>();
    owner.config = in.fixed<std::tuple_size_v<ConnectionDigest>>();
    owner.lease.v4 = in.optional_address();
    owner.lease.v6 = in.optional_address();
    owner.session_began = in.time();
    owner.is_going = in.flag();
}

void read_place(In& in, IkeSa& sa) {
    sa.remote = in.endpoint();
    sa.local = in.local();
    sa.local_port = in.number<std::uint16_t>();
    sa.peer_is_behind_nat = in.flag();
    sa.we_are_behind_nat = in.flag();
    sa.has_nat_traversal = in.flag();
    sa.takes_fragments = in.flag();
    sa.has_mobike = in.flag();
    if (in.flag()) {
        IkeSa::Place& place = sa.data_at.emplace();
        place.remote = in.endpoint();
        place.local = in.local();
    }
    const auto tested = in.number<std::uint8_t>();
    in.refuse_unless(tested <= kMostTested);
    for (unsigned i = 0; i < tested && in.ok(); ++i) sa.tested.push_back(in.address());
}

bool read_suite(In& in, IkeSuite& suite) {
    suite.encryption = in.algorithm(TransformType::kEncryption);
    suite.prf = in.algorithm(TransformType::kPrf);
    suite.integrity = in.algorithm(TransformType::kIntegrity);
    suite.key_exchange = in.algorithm(TransformType::kKeyExchange);
    return in.ok() && suite.encryption != nullptr && suite.prf != nullptr && suite.key_exchange != nullptr &&
           suite.encryption->in_ike && suite.encryption->is_aead() == (suite.integrity == nullptr);
}

crypto::IkeCipherKey read_key(In& in, const IkeSuite& suite) {
    crypto::IkeCipherKey out;
    out.cipher = suite.encryption->cipher;
    if (suite.integrity != nullptr) out.integrity = {suite.integrity->sha, suite.integrity->icv_size};
    out.encryption = in.secret<36>(key_size(suite.encryption));
    out.integrity_key = in.secret<crypto::kMostDigest>(key_size(suite.integrity));
    return out;
}

Window::Kept read_window(In& in) {
    Window::Kept out;
    out.next_from_peer = in.number<std::uint32_t>();
    out.next_id = in.number<std::uint32_t>();
    out.is_waiting = in.flag();
    out.exchange = static_cast<ExchangeType>(in.number<std::uint8_t>());
    out.request = in.datagrams();
    out.response = in.datagrams();
    in.refuse_unless(out.is_waiting == !out.request.empty());
    return out;
}

std::unique_ptr<Request> read_request(In& in) {
    if (!in.flag()) return nullptr;
    auto out = std::make_unique<Request>();
    const auto task = in.number<std::uint8_t>();
    in.refuse_unless(task <= kLastTask);
    out->task = static_cast<Task>(task);
    out->is_sent = true;
    out->child.value = in.number<std::uint32_t>();
    out->name = in.text();
    out->tries = in.number<unsigned>();
    out->new_child.value = in.number<std::uint32_t>();
    out->rival.value = in.number<std::uint32_t>();
    out->nonce = in.vector();
    out->tests = in.endpoint();
    out->is_orphan = out->task == Task::kCreateChild || out->task == Task::kRekeyChild || out->task == Task::kRekeyIke;
    return out;
}

ChildSa read_child(In& in) {
    ChildSa out;
    out.ours.value = in.number<std::uint32_t>();
    out.theirs = in.number<std::uint32_t>();
    out.name = in.text();
    out.config = in.number<std::uint64_t>();
    out.flow = in.number<std::uint8_t>();
    out.suite.encryption = in.algorithm(TransformType::kEncryption);
    out.suite.integrity = in.algorithm(TransformType::kIntegrity);
    out.suite.key_exchange = in.algorithm(TransformType::kKeyExchange);
    out.suite.esn = in.flag();
    out.selectors.local = in.selectors();
    out.selectors.remote = in.selectors();
    out.nonce = in.fixed<std::tuple_size_v<LowestNonce>>();
    out.created = in.time();
    out.rekey_at = in.time();
    out.expires_at = in.time();
    out.delete_at = in.time();
    out.confirm_at = in.time();
    out.is_sent_on = in.flag();
    out.we_asked = in.flag();
    out.replaced_by.value = in.number<std::uint32_t>();
    const Algorithm* const cipher = out.suite.encryption;
    in.refuse_unless(out.ours.value >= SessionId::kLeast && out.flow < dataplane::kFlowsPerPeer && cipher != nullptr &&
                     cipher->in_esp && cipher->is_aead() == (out.suite.integrity == nullptr));
    if (!in.ok()) return out;
    for (ChildKey* const key : {&out.send_key, &out.receive_key}) {
        key->encryption = in.secret<36>(key_size(cipher));
        key->integrity = in.secret<crypto::kMostDigest>(key_size(out.suite.integrity));
    }
    return out;
}

// Appends what it reads to a hash's input.
void append(std::vector<std::uint8_t>& to, Bytes bytes) {
    std::array<std::uint8_t, 4> size{};
    store_le(size.data(), static_cast<std::uint32_t>(bytes.size()));
    to.insert(to.end(), size.begin(), size.end());
    to.insert(to.end(), bytes.begin(), bytes.end());
}
void append(std::vector<std::uint8_t>& to, std::uint64_t number) {
    std::array<std::uint8_t, 8> bytes{};
    store_le(bytes.data(), number);
    append(to, Bytes(bytes));
}
void append(std::vector<std::uint8_t>& to, const Identity& identity) {
    append(to, static_cast<std::uint64_t>(identity.type));
    append(to, as_bytes(key_of(identity)));
}

}  // namespace

ConnectionName name_of(std::string_view customer, std::string_view connection) {
    std::vector<std::uint8_t> all;
    append(all, as_bytes(customer));
    append(all, as_bytes(connection));
    return crypto::blake2s_mac(as_bytes("warren ike connection"), {all});
}

ConnectionDigest digest_of(const Connection& connection, const CustomerConfig& customer) {
    std::vector<std::uint8_t> all;
    append(all, static_cast<std::uint64_t>(connection.auth));
    append(all, connection.psk);
    const bool has_trust = connection.auth == Auth::kCertificate || connection.auth == Auth::kEapTls;
    append(all, has_trust ? connection.trust : kNoSecret);
    append(all, connection.ppk);
    append(all, as_bytes(connection.ppk_identity));
    append(all, std::uint64_t{connection.ppk_required});
    const std::optional<Identity>& ours = connection.local_identity ? connection.local_identity : customer.identity;
    append(all, std::uint64_t{ours.has_value()});
    if (ours) append(all, *ours);
    append(all, static_cast<std::uint64_t>(connection.remote_identity.kind));
    append(all, connection.remote_identity.identity);
    append(all, as_bytes(connection.remote_address ? to_string(*connection.remote_address) : std::string()));
    return crypto::blake2s_mac(as_bytes("warren ike settings"), {all});
}

std::uint64_t digest_of(const ChildConfig& child) {
    std::vector<std::uint8_t> all;
    append(all, as_bytes(child.name));
    for (const auto* const side : {&child.local, &child.remote}) {
        append(all, side->size());
        for (const TrafficSelector& one : *side) {
            append(all, one.first.bytes());
            append(all, one.last.bytes());
            append(all, std::uint64_t{one.protocol});
            append(all, std::uint64_t{one.first_port} << 16U | one.last_port);
        }
    }
    const auto out = load_le<std::uint64_t>(crypto::blake2s_mac(as_bytes("warren ike child"), {all}).data());
    return out == 0 ? 1 : out;
}

std::size_t write(const SaOwner& owner, const IkeSa& sa, MutableBytes out) {
    const std::size_t whole = write(owner, sa, out, true);
    return whole != 0 ? whole : write(owner, sa, out, false);
}

std::size_t size_of_record(Bytes record) {
    return record.size() < kHeadSize ? 0 : load_le<std::uint32_t>(record.data() + 4);
}

std::optional<SaRecord> read(Bytes record) {
    if (record.size() < kHeadSize || load_le<std::uint32_t>(record.data()) != kSaForm) return std::nullopt;
    const std::size_t size = size_of_record(record);
    if (size < kHeadSize + kCheckSize || size > record.size()) return std::nullopt;
    const std::size_t used = size - kCheckSize;
    if (!std::ranges::equal(check_of(record.first(used)), record.subspan(used, kCheckSize))) return std::nullopt;
    In in(record.subspan(kHeadSize, used - kHeadSize));
    std::optional<SaRecord> out(std::in_place);
    IkeSa& sa = out->sa;
    read_owner(in, out->owner);
    const auto state = static_cast<IkeState>(in.number<std::uint8_t>());
    in.refuse_unless(state == IkeState::kEstablished || state == IkeState::kRekeyed);
    sa.state = state;
    sa.is_initiator = in.flag();
    sa.spis.initiator = in.number<std::uint64_t>();
    sa.spis.responder = in.number<std::uint64_t>();
    sa.session = in.number<std::uint32_t>();
    sa.our_identity = in.identity();
    sa.peer_identity = in.identity();
    if (!read_suite(in, sa.suite)) return std::nullopt;
    sa.nonce = in.fixed<std::tuple_size_v<LowestNonce>>();
    read_place(in, sa);
    crypto::IkeCipherKey send_key = read_key(in, sa.suite);
    sa.receive_key = read_key(in, sa.suite);
    sa.sealer.emplace(std::move(send_key), in.number<std::uint64_t>());
    sa.sk_d = in.secret<crypto::kMostDigest>(crypto::digest_size(sa.suite.prf_hash()));
    sa.window = Window::resume(read_window(in));
    sa.request = read_request(in);
    in.refuse_unless((sa.request != nullptr) == sa.window.is_waiting());
    sa.replaced_by = in.number<std::uint64_t>();
    sa.loses_to = in.number<std::uint64_t>();
    sa.created = in.time();
    sa.rekey_at = in.time();
    for (Instant* const at : {&sa.expires_at, &sa.reauth_at, &sa.proven_until, &sa.ends_at}) *at = in.time();
    const auto children = in.number<std::uint8_t>();
    in.refuse_unless(children <= kMostChildrenWithReplaced);
    for (unsigned i = 0; i < children && in.ok(); ++i) sa.children.push_back(read_child(in));
    const auto forgotten = in.number<std::uint8_t>();
    in.refuse_unless(forgotten <= kMostForgotten);
    for (unsigned i = 0; i < forgotten && in.ok(); ++i)
        sa.wishes.push_back({.task = Task::kDeleteChild, .child = {in.number<std::uint32_t>()}, .is_forgotten = true});
    in.refuse_unless(sa.spis.initiator != 0 && sa.spis.responder != 0 && sa.sealer->next_iv() < kMostIv);
    if (!in.finished()) return std::nullopt;
    return out;
}

}  // namespace warren::ike
