// From a child to a session of the data plane, and back.
#include <algorithm>
#include <array>

#include "vpnd/ike/engine_state.h"
#include "vpnd/ike/ike_record.h"

namespace warren::ike {

namespace {

crypto::AeadSuite cbc_suite_of(crypto::IkeCipher cipher, crypto::Sha sha) {
    const bool is_128 = cipher == crypto::IkeCipher::kAes128Cbc;
    switch (sha) {
        case crypto::Sha::kSha1: return is_128 ? crypto::AeadSuite::kAes128CbcSha1 : crypto::AeadSuite::kAes256CbcSha1;
        case crypto::Sha::kSha256:
            return is_128 ? crypto::AeadSuite::kAes128CbcSha256 : crypto::AeadSuite::kAes256CbcSha256;
        default: return is_128 ? crypto::AeadSuite::kAes128CbcSha512 : crypto::AeadSuite::kAes256CbcSha512;
    }
}

crypto::AeadSuite suite_of(const ChildSuite& suite) {
    switch (suite.encryption->cipher) {
        case crypto::IkeCipher::kAes128Gcm: return crypto::AeadSuite::kAes128Gcm;
        case crypto::IkeCipher::kAes256Gcm: return crypto::AeadSuite::kAes256Gcm;
        case crypto::IkeCipher::kChacha20Poly1305: return crypto::AeadSuite::kChacha20Poly1305;
        case crypto::IkeCipher::kAes128Cbc:
        case crypto::IkeCipher::kAes256Cbc: break;
    }
    return cbc_suite_of(suite.encryption->cipher, suite.integrity->sha);
}

// An AEAD's salt follows the key (RFC 4106 §8.1, RFC 7634 §2).
crypto::AeadKey packet_key(const ChildSuite& suite, const ChildKey& key) {
    crypto::AeadKey out;
    out.suite = suite_of(suite);
    const Bytes material = key.encryption.reveal();
    const std::size_t size = suite.encryption->key_size;
    std::copy_n(material.begin(), size, out.secret.writable().begin());
    if (suite.encryption->is_aead()) {
        std::copy_n(material.begin() + static_cast<std::ptrdiff_t>(size), out.salt.size(), out.salt.begin());
        return out;
    }
    out.integrity = std::make_unique<crypto::Secret<64>>();
    const Bytes integrity = key.integrity.reveal();
    std::copy(integrity.begin(), integrity.end(), out.integrity->writable().begin());
    return out;
}

dataplane::Lifetime lifetime_of(const Lifetimes& lifetimes, bool esn) {
    dataplane::Lifetime out;
    out.renew_on_sending.bytes = lifetimes.child_bytes;
    out.hard.age = lifetimes.child_rekey * kHardPercent / 100;
    out.hard.bytes = lifetimes.child_bytes / 100 * kHardPercent;
    if (esn) return out;
    out.renew_on_sending.messages = kSoftSequence;
    out.hard.messages = kHardSequence;
    return out;
}

}  // namespace

void Engine::State::post(Call& call, std::uint32_t worker, dataplane::Command command) {
    call.out.commands.push_back({worker, std::move(command)});
}

// Children with equal selectors share a flow, so that the newest one is sent on (conformance KS4). A packet takes the
// first flow whose selectors match: each child of the configuration has the one of its place, whichever came first. A
// further child of the peer's, with other selectors, has one behind them.
std::optional<std::uint8_t> Engine::State::flow_for(const IkeSa& sa, PeerIndex peer, const ChildSelectors& selectors) {
    std::array<bool, dataplane::kFlowsPerPeer> is_used{};
    for (const std::uint32_t slot : entry_of(sa.connection)->slots_of(sa.session)) {
        for (const ChildSa& child : at(slot)->children) {
            if (child.peer != peer) continue;
            if (child.selectors == selectors) return child.flow;
            is_used[child.flow] = true;
        }
    }
    const std::vector<ChildConfig>& children = directory.find(sa.connection)->children;
    const auto has_peer = [&](const ChildConfig& child) { return child.peer_of(sa.session) == peer; };
    const auto own = std::find_if(children.begin(), children.end(), [&](const ChildConfig& child) {
        return has_peer(child) && covers(child.local, selectors.local) &&
               (child.remote.empty() || covers(child.remote, selectors.remote));
    });
    const auto place = is_used.begin() + std::count_if(children.begin(), own, has_peer);
    if (own != children.end() && !*place) return static_cast<std::uint8_t>(place - is_used.begin());
    auto free =
        std::find(is_used.begin() + std::count_if(children.begin(), children.end(), has_peer), is_used.end(), false);
    if (free == is_used.end()) free = std::find(is_used.begin(), is_used.end(), false);
    if (free == is_used.end()) return std::nullopt;
    return static_cast<std::uint8_t>(free - is_used.begin());
}

bool Engine::State::is_flow_sent_on(const IkeSa& sa, PeerIndex peer, std::uint8_t flow) {
    const auto& slots = entry_of(sa.connection)->slots_of(sa.session);
    return std::any_of(slots.begin(), slots.end(), [&](std::uint32_t slot) {
        const auto& children = at(slot)->children;
        return std::any_of(children.begin(), children.end(), [&](const ChildSa& child) {
            return child.peer == peer && child.flow == flow && child.is_sent_on;
        });
    });
}

SessionId Engine::State::new_child_spi(const IkeSa& sa, const ChildConfig& config) {
    return indexes.allocate({control::IndexKind::kHandshake, settings.listener, config.peer_of(sa.session)},
                            config.worker, random);
}

dataplane::InstallSession Engine::State::session_of(const IkeSa& sa, const Connection& connection,
                                                    const ChildSa& child) const {
    dataplane::InstallSession session;
    session.local_id = child.ours;
    session.remote_id = child.theirs;
    session.peer = child.peer;
    session.listener = settings.listener;
    session.send_key = packet_key(child.suite, child.send_key);
    session.receive_key = packet_key(child.suite, child.receive_key);
    session.created = child.created;
    session.lifetime = lifetime_of(connection.lifetimes, child.suite.esn);
    const bool is_followed = sa.peer_is_behind_nat && !sa.has_mobike;
    session.follow = is_followed ? dataplane::Follow::kAuthentic : dataplane::Follow::kNever;
    session.initiated_from = sa.remote;
    session.first_counter = 1;
    session.has_extended_sequence = child.suite.esn;
    session.replay_window = connection.replay_window;
    session.copies_dscp = connection.copies_dscp;
    session.is_initiator = child.we_asked;
    session.flow = child.flow;
    session.selectors = child.selectors.pairs();
    return session;
}

ChildSa& Engine::State::install(Call& call, IkeSa& sa, NewChild child) {
    const Connection& connection = *directory.find(sa.connection);
    ChildKeys keys = derive_child_keys(sa.suite, sa.sk_d, child.suite, child.secret, child.nonces);
    const ChildConfig& config = *child.config;
    const PeerIndex peer = config.peer_of(sa.session);
    ChildSa made;
    made.ours = child.ours;
    made.theirs = child.theirs;
    made.name = config.name;
    made.peer = peer;
    made.worker = config.worker;
    made.flow = child.flow;
    made.suite = child.suite;
    made.selectors = std::move(child.selectors);
    made.created = call.instant();
    made.rekey_at = soft_deadline(call.instant(), connection.lifetimes.child_rekey);
    made.expires_at = call.instant() + connection.lifetimes.child_rekey * kHardPercent / 100;
    made.config = digest_of(config);
    made.we_asked = child.we_asked;
    made.send_key = std::move(child.we_asked ? keys.initiator : keys.responder);
    made.receive_key = std::move(child.we_asked ? keys.responder : keys.initiator);
    dataplane::InstallSession session = session_of(sa, connection, made);
    session.send_when = child.send_when;
    const IkeSa::Place place = sa.data_at.value_or(IkeSa::Place{sa.remote, sa.local});
    post(call, config.worker, dataplane::SetEndpoint{peer, place.remote, place.local});
    post(call, config.worker, std::move(session));
    indexes.become_keypair(child.ours);
    sa.children.push_back(std::move(made));
    if (child.send_when == dataplane::SendWhen::kNow) note_sent_on(sa, sa.children.back());
    ConnectionEntry& entry = *entry_of(sa.connection);
    if (PeerRecord* const record = record_of(entry, peer)) {
        record->has_session = true;
        record->latest = call.now;
        lead(call, entry, *record);
    }
    call.out.news.emplace_back(control::HandshakeCompleted{peer, child.we_asked, call.now, sa.remote});
    touch(sa);
    return sa.children.back();
}

// Another one of its flow is not any more.
void Engine::State::note_sent_on(IkeSa& sa, ChildSa& child) {
    child.confirm_at = kNever;
    for (const std::uint32_t slot : entry_of(sa.connection)->slots_of(sa.session)) {
        for (ChildSa& other : at(slot)->children) {
            if (other.peer == child.peer && other.flow == child.flow) other.is_sent_on = false;
        }
    }
    child.is_sent_on = child.was_sent_on = true;
}

void Engine::State::confirm(Call& call, IkeSa& sa, ChildSa& child) {
    note_sent_on(sa, child);
    post(call, child.worker, dataplane::Confirm{child.ours});
}

void Engine::State::retire_session(Call& call, SessionId ours, std::uint32_t worker) {
    indexes.release(ours);
    post(call, worker, dataplane::RetireSession{ours});
    // It began with another worker, which transfers its messages.
    if (ours.worker() != worker) post(call, ours.worker(), dataplane::RetireSession{ours});
}

// Of a peer that has its most, the oldest one goes for it.
void Engine::State::retire_soon(Call& call, const ChildSa& replaced) {
    const auto is_peers = [&](const Leaving& session) { return session.peer == replaced.peer; };
    if (static_cast<std::size_t>(std::count_if(leaving.begin(), leaving.end(), is_peers)) >=
        kMostReceivedAfterDeleteOfPeer) {
        const auto oldest = std::find_if(leaving.begin(), leaving.end(), is_peers);
        retire_session(call, oldest->ours, oldest->worker);
        leaving.erase(oldest);
    }
    if (leaving.size() >= kMostReceivedAfterDelete) return retire_session(call, replaced.ours, replaced.worker);
    leaving.push_back({replaced.ours, replaced.peer, replaced.worker, call.instant() + kReceivedAfterDelete});
}

void Engine::State::retire_leaving(Call& call, PeerIndex peer) {
    for (auto session = leaving.begin(); session != leaving.end();) {
        if (session->peer != peer) {
            ++session;
            continue;
        }
        retire_session(call, session->ours, session->worker);
        session = leaving.erase(session);
    }
}

void Engine::State::retire_due(Call& call) {
    while (!leaving.empty() && leaving.front().until <= call.instant()) {
        retire_session(call, leaving.front().ours, leaving.front().worker);
        leaving.pop_front();
    }
}

void Engine::State::retire(Call& call, IkeSa& sa, SessionId ours, control::LostBecause because) {
    const auto found =
        std::find_if(sa.children.begin(), sa.children.end(), [&](const ChildSa& child) { return child.ours == ours; });
    if (found == sa.children.end()) return;
    const ChildSa gone = std::move(*found);
    sa.children.erase(found);
    touch(sa);
    ConnectionEntry* const entry = entry_of(sa.connection);
    IkeSa* successors_sa = nullptr;
    ChildSa* successor = nullptr;
    bool is_last = true;
    for (const std::uint32_t slot : entry == nullptr ? std::vector<std::uint32_t>{} : entry->slots_of(sa.session)) {
        for (ChildSa& child : at(slot)->children) {
            if (child.replaced_by == ours) {
                // What was to take its place is gone.
                child.replaced_by = {};
                child.delete_at = kNever;
            }
            if (child.peer != gone.peer) continue;
            is_last = false;
            const bool is_newer = successor == nullptr || child.created >= successor->created;
            if (child.flow != gone.flow || !is_newer || child.replaced_by.valid()) continue;
            successor = &child;
            successors_sa = at(slot);
        }
    }
    if (gone.is_sent_on && successor != nullptr) confirm(call, *successors_sa, *successor);
    if (gone.replaced_by.valid() && gone.was_sent_on && successor != nullptr) {
        retire_soon(call, gone);
    } else {
        retire_session(call, gone.ours, gone.worker);
    }
    if (is_last) retire_leaving(call, gone.peer);
    PeerRecord* const record = entry == nullptr ? nullptr : record_of(*entry, gone.peer);
    if (record == nullptr) return;
    lead(call, *entry, *record);
    if (is_last) note_lost(call, *entry, *record, because);
}

void Engine::State::note_lost(Call& call, ConnectionEntry& entry, PeerRecord& record, control::LostBecause because) {
    entry.lost_because = because;
    const Connection* const connection = directory.find(entry.index);
    const ChildConfig* const config = connection == nullptr ? nullptr : child_of_peer(*connection, record);
    const bool may_begin =
        connection != nullptr && connection->remote_address && connection->start != Start::kResponder;
    if (config != nullptr && !may_begin) post(call, config->worker, dataplane::ForgetEndpoint{record.peer});
    // What waits is nobody's any more: the next one there may be somebody else.
    if (config != nullptr && connection->is_for_many()) post(call, config->worker, dataplane::PurgeStaged{record.peer});
    if (!record.has_session) return;
    record.has_session = false;
    record.lost_because = because;
    call.out.news.emplace_back(control::PeerLost{record.peer, because, call.now});
}

void Engine::State::move_endpoint(Call& call, IkeSa& sa) {
    std::vector<PeerIndex> told;
    for (const ChildSa& child : sa.children) {
        if (std::find(told.begin(), told.end(), child.peer) != told.end()) continue;
        told.push_back(child.peer);
        post(call, child.worker, dataplane::SetEndpoint{child.peer, sa.remote, sa.local});
        call.out.news.emplace_back(control::PeerMoved{child.peer});
    }
}

}  // namespace warren::ike
