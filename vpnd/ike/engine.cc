#include "vpnd/ike/engine.h"

#include <bit>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

Engine::Engine(Settings settings, control::IndexTable& indexes, crypto::RandomSource& random)
    : state_(std::make_unique<State>(std::move(settings), indexes, random)) {}
Engine::~Engine() = default;

void Engine::set_gateway(std::optional<Identity> gateway, SecretId signer) {
    state_->settings.gateway = gateway;
    state_->directory.set_gateway(std::move(gateway), signer);
}

void Engine::set_ike_policy(Policy policy) {
    state_->settings.ike = std::move(policy);
}

// The port is not known here: four zero bytes are the marker, or an SPI that one peer in four billion has.
bool Engine::is_expensive(Bytes datagram) const {
    constexpr std::array<std::uint8_t, 4> kMarker{};
    if (datagram.size() >= kMarker.size() && std::equal(kMarker.begin(), kMarker.end(), datagram.begin()))
        datagram = datagram.subspan(kMarker.size());
    constexpr std::size_t kExchangeAt = 18;
    constexpr std::size_t kFlagsAt = 19;
    constexpr unsigned kResponseFlag = 0x20;
    return datagram.size() > kFlagsAt && datagram[kExchangeAt] == static_cast<std::uint8_t>(ExchangeType::kIkeSaInit) &&
           (datagram[kFlagsAt] & kResponseFlag) == 0;
}

control::Standing Engine::standing_of(Now now, const control::Arrival& arrival, Bytes datagram) {
    State& state = *state_;
    const auto bytes = state.message_of(arrival, datagram, true);
    if (!bytes) return control::Standing::kRefused;
    const auto header = read_header(*bytes);
    if (!header) {
        if (header.error().misfit == Misfit::kMajorVersion) return control::Standing::kStranger;  // it gets an answer
        state.count(header.error().misfit == Misfit::kIkev1 ? DropReason::kIkeVersion : DropReason::kIkeMalformed);
        return control::Standing::kRefused;
    }
    if (header->exchange != ExchangeType::kIkeSaInit || header->is_response)
        return state.find(*header) != nullptr ? control::Standing::kProven : control::Standing::kStranger;
    // A cookie is the first payload (RFC 7296 §2.6): what begins with another is not worth reading yet.
    constexpr std::size_t kNextPayloadAt = 16;
    if ((*bytes)[kNextPayloadAt] != static_cast<std::uint8_t>(PayloadType::kNotify))
        return control::Standing::kStranger;
    const auto message = read_message(*bytes);
    const NotifyPayload* const cookie = message ? message->payloads.notify(NotifyType::kCookie) : nullptr;
    const auto* const nonce = message ? message->payloads.find<NoncePayload>() : nullptr;
    if (cookie == nullptr || nonce == nullptr) return control::Standing::kStranger;
    const auto value = cookie_of(*cookie);
    const bool is_proven =
        value && state.cookies.is_valid(now.instant, *value, nonce->nonce, arrival.from, header->spis.initiator);
    return is_proven ? control::Standing::kProven : control::Standing::kStranger;
}

void Engine::set_queue_length(std::size_t waiting) {
    constexpr std::size_t kLongQueue = 512;  // half of what waits at most
    state_->half_open.set_queue_is_long(waiting >= kLongQueue);
}

bool Engine::under_load(Now now) const {
    return state_->half_open.wants_cookies(now.instant);
}

std::string Engine::identity() const {
    return state_->settings.gateway ? to_string(*state_->settings.gateway) : std::string();
}

std::optional<control::PeerStatus> Engine::peer_status(PeerIndex peer) const {
    ConnectionEntry* const entry = state_->entry_of(peer);
    if (entry == nullptr) return std::nullopt;
    const PeerRecord* const record = State::record_of(*entry, peer);
    if (record == nullptr) return std::nullopt;
    control::PeerStatus out;
    out.has_session = record->has_session;
    out.lost_because = record->lost_because;
    out.latest_handshake = record->latest.instant;
    out.latest_handshake_wall = record->latest.wall;
    const Connection& connection = *state_->directory.find(entry->index);
    if (connection.remote_address) out.endpoint = Endpoint{*connection.remote_address, kNatPort, 0};
    for (const std::uint32_t slot : entry->slots_of(record->session)) {
        const IkeSa& sa = *state_->at(slot);
        if (sa.is_established()) out.endpoint = sa.remote;
        if (sa.state == IkeState::kInitSent || sa.state == IkeState::kAuthSent) out.is_handshaking = true;
    }
    return out;
}

control::EngineCounters Engine::totals() const {
    control::EngineCounters out;
    out.handshakes_initiated = state_->begun;
    out.handshakes_completed = state_->completed;
    out.drops = state_->drops;
    return out;
}

control::SaCounts Engine::sa_counts() const {
    const Sizes now = sizes();
    return {now.half_open, now.ike_sas, now.children};
}

std::vector<control::Refusal> Engine::refusals() const {
    return state_->refusals.all();
}

bool Engine::has_refusals_to_tell() const {
    return state_->refusals.has_news();
}

std::vector<control::Refusals::Told> Engine::tell_refusals(Instant now, std::size_t most) {
    return state_->refusals.tell(now, most);
}

Engine::Sizes Engine::sizes() const {
    Sizes out;
    out.half_open = state_->half_open.size();
    out.open_asks = state_->open_asks.size();
    for (const auto& sa : state_->sas) {
        if (sa == nullptr) continue;
        ++out.all;
        if (sa->is_established()) ++out.ike_sas;
        out.children += sa->children.size();
    }
    return out;
}

// --- connections, for people ---------------------------------------------------------------------

namespace {

using control::ConnectionState;

std::vector<std::string> texts_of(const SelectorList& selectors) {
    std::vector<std::string> out;
    for (const TrafficSelector& selector : selectors) out.push_back(to_string(selector));
    return out;
}

control::ChildStatus status_of(const ChildSa& child) {
    control::ChildStatus out;
    out.name = child.name;
    out.peer = child.peer;
    out.local = texts_of(child.selectors.local);
    out.remote = texts_of(child.selectors.remote);
    out.spi_in = child.ours;
    out.spi_out = child.theirs;
    out.suite = to_string(child.suite);
    out.created = child.created;
    out.next_rekey = child.rekey_at;
    out.expires = child.expires_at;
    out.is_replaced = child.replaced_by.valid();
    return out;
}

control::IkeSaStatus status_of(const IkeSa& sa) {
    control::IkeSaStatus out;
    out.initiator_spi = sa.spis.initiator;
    out.responder_spi = sa.spis.responder;
    out.is_initiator = sa.is_initiator;
    out.is_established = sa.is_established();
    out.local_identity = sa.our_identity.empty() ? std::string() : to_string(sa.our_identity);
    out.remote_identity = sa.peer_identity.empty() ? std::string() : to_string(sa.peer_identity);
    out.endpoint = sa.remote;
    out.local = sa.local;
    out.local_port = sa.local_port;
    out.peer_is_behind_nat = sa.peer_is_behind_nat;
    out.we_are_behind_nat = sa.we_are_behind_nat;
    if (sa.suite.encryption != nullptr) out.suite = to_string(sa.suite);
    out.created = sa.created;
    out.next_rekey = sa.rekey_at;
    out.expires = sa.expires_at;
    out.last_heard = sa.last_heard;
    for (const ChildSa& child : sa.children) out.children.push_back(status_of(child));
    return out;
}

// Of an IKE_SA and its children, and of those before it. Not against an adversary: SPIs are ours and random.
std::uint64_t mark_of(const IkeSa& sa, std::uint64_t mark) {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 by the golden ratio
    const auto add = [&mark](std::uint64_t value) { mark = (std::rotl(mark, 5) ^ value) * kOdd; };
    add(sa.our_spi());
    add(static_cast<std::uint64_t>(sa.state));
    for (const ChildSa& child : sa.children) {
        add(child.ours.value);
        add(child.replaced_by.value);
    }
    return mark;
}

}  // namespace

std::optional<control::ConnectionStatus> Engine::connection_status(ConnectionIndex connection,
                                                                   control::ConnectionDetail detail) const {
    const ConnectionEntry* const entry = std::as_const(*state_).entry_of(connection);
    if (entry == nullptr) return std::nullopt;
    const Connection& config = *state_->directory.find(connection);
    control::ConnectionStatus out;
    out.next_attempt = entry->next_attempt;
    out.rekeys = entry->rekeys;
    out.failures = entry->all_failures;
    if (!entry->attempts.empty()) out.last_failure = entry->attempts.last().attempt.failure;
    if (config.remote_address) out.endpoint = Endpoint{*config.remote_address, kNatPort, 0};
    for (const PeerRecord& record : entry->peers) {
        if (record.latest.instant <= out.latest_handshake) continue;
        out.latest_handshake = record.latest.instant;
        out.latest_handshake_wall = record.latest.wall;
    }
    bool is_connecting = false;
    Instant latest = kLongAgo;
    for (const std::uint32_t slot : entry->ike_sas) {
        const IkeSa& sa = *state_->at(slot);
        if (sa.is_established() && !sa.children.empty()) ++out.sessions;
        is_connecting = is_connecting || sa.state == IkeState::kInitSent || sa.state == IkeState::kAuthSent ||
                        (sa.is_established() && sa.children.empty());
        if (sa.is_established() && sa.created >= latest) {
            latest = sa.created;
            out.endpoint = sa.remote;
        }
        out.sas_mark = mark_of(sa, out.sas_mark);
        if (detail == control::ConnectionDetail::kIkeSas) out.ike_sas.push_back(status_of(sa));
    }
    const bool has_failed = !entry->attempts.empty() && entry->attempts.last().attempt.failure;
    if (out.sessions == 0 && entry->was_up) out.lost_because = name_of(entry->lost_because);
    out.state = out.sessions > 0                    ? ConnectionState::kUp
                : is_connecting                     ? ConnectionState::kConnecting
                : entry->was_up || has_failed       ? ConnectionState::kDown
                : config.start == Start::kResponder ? ConnectionState::kListening
                                                    : ConnectionState::kDown;
    if (out.state == ConnectionState::kUp || out.state == ConnectionState::kListening) return out;
    if (has_failed) {
        out.reason = sentence_of(entry->attempts.last(), state_->directory, &config);
    } else if (out.state == ConnectionState::kDown) {
        out.reason = entry->is_stopped ? "stopped by an operator"
                     : entry->was_up   ? std::string(name_of(entry->lost_because))
                                       : "no packet has needed it yet";
    }
    return out;
}

std::vector<control::Attempt> Engine::attempts(ConnectionIndex connection) const {
    const ConnectionEntry* const entry = std::as_const(*state_).entry_of(connection);
    if (entry == nullptr) return {};
    return entry->attempts.tell(state_->directory, state_->directory.find(connection));
}

std::vector<control::Attempt> Engine::strangers_attempts() const {
    return state_->strangers.tell(state_->directory, nullptr);
}

}  // namespace warren::ike
