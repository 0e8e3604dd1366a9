// Where everything is found: IKE_SAs by slot and SPI, connections, their deadlines.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

LowestNonce lowest_nonce(Bytes one, Bytes other) {
    const Bytes lower = std::lexicographical_compare(one.begin(), one.end(), other.begin(), other.end()) ? one : other;
    LowestNonce out{};
    std::copy_n(lower.begin(), std::min(lower.size(), out.size()), out.begin());
    return out;
}

ChildSa* IkeSa::find_ours(SessionId spi) {
    const auto found =
        std::find_if(children.begin(), children.end(), [&](const ChildSa& child) { return child.ours == spi; });
    return found == children.end() ? nullptr : &*found;
}

ChildSa* IkeSa::find_theirs(std::uint32_t spi) {
    const auto found =
        std::find_if(children.begin(), children.end(), [&](const ChildSa& child) { return child.theirs == spi; });
    return found == children.end() ? nullptr : &*found;
}

bool IkeSa::is_going() const {
    return state == IkeState::kDeleting ||
           std::any_of(wishes.begin(), wishes.end(), [](const Wish& wish) { return wish.task == Task::kDeleteIke; });
}

Engine::State::State(Settings with, control::IndexTable& index_table, crypto::RandomSource& random_source)
    : settings(std::move(with)),
      indexes(index_table),
      random(random_source),
      half_open(random),
      eap_limits(random),
      cookies(random),
      invalid_spi(kInvalidSpiInterval, kInvalidSpiTable, random),
      asks_of_prefix(0, control::KeyedHash(random)) {
    random.fill(init_hash_key);
    directory.set_gateway(settings.gateway, settings.gateway_signer);
}

// The indexes are all engines'.
Engine::State::~State() {
    for (const Leaving& session : leaving) indexes.release(session.ours);
    for (const auto& sa : sas) {
        if (sa == nullptr) continue;
        for (const ChildSa& child : sa->children) indexes.release(child.ours);
        if (sa->request != nullptr && sa->request->new_child.valid()) indexes.release(sa->request->new_child);
    }
}

IkeSa& Engine::State::add_sa() {
    std::uint32_t slot = static_cast<std::uint32_t>(sas.size());
    if (free_slots.empty()) {
        sas.emplace_back();
    } else {
        slot = free_slots.back();
        free_slots.pop_back();
    }
    sas[slot] = std::make_unique<IkeSa>();
    sas[slot]->slot = slot;
    touch(*sas[slot]);
    return *sas[slot];
}

std::uint64_t Engine::State::new_spi() {
    for (;;) {
        std::array<std::uint8_t, 8> bytes{};
        random.fill(bytes);
        const auto spi = load_le<std::uint64_t>(bytes.data());
        if (spi != 0 && !by_spi.contains(spi)) return spi;
    }
}

void Engine::State::name(IkeSa& sa, std::uint64_t our_spi) {
    (sa.is_initiator ? sa.spis.initiator : sa.spis.responder) = our_spi;
    by_spi[our_spi] = sa.slot;
}

// The peer's I flag is the opposite of ours, and its SPI the one that it showed first.
IkeSa* Engine::State::find(const Header& header) {
    const auto found = by_spi.find(header.is_initiator ? header.spis.responder : header.spis.initiator);
    IkeSa* const sa = found == by_spi.end() ? nullptr : at(found->second);
    if (sa == nullptr || sa->is_initiator == header.is_initiator) return nullptr;
    const std::uint64_t theirs = header.is_initiator ? header.spis.initiator : header.spis.responder;
    return sa->peer_spi() == 0 || sa->peer_spi() == theirs ? sa : nullptr;
}

void Engine::State::remove_sa(Call& call, IkeSa& sa, control::LostBecause because) {
    if (sa.is_gone) return;
    stop_keeping(sa);
    close_ask(sa);
    drop_request(sa);
    while (!sa.children.empty()) retire(call, sa, sa.children.back().ours, because);
    half_open.remove(sa.slot);
    end_eap(sa);
    if (sa.setup != nullptr && !sa.is_initiator) by_init.erase(load_le<std::uint64_t>(sa.setup->init_key.data()));
    by_spi.erase(sa.our_spi());
    deadlines.set(sa.slot, kNever);
    sa.is_gone = true;
    graveyard.push_back(std::move(sas[sa.slot]));
    free_slots.push_back(sa.slot);
    if (ConnectionEntry* const entry = entry_of(sa.connection)) {
        leave(call, *entry, sa);
        want_connection(call, *entry, Duration::zero());
    }
}

void Engine::State::finish(Call& call) {
    while (!touched.empty()) {
        const std::uint32_t slot = touched.back();
        touched.pop_back();
        if (IkeSa* const sa = at(slot)) start_proof(call, *sa);
        if (IkeSa* const sa = at(slot)) start_next(call, *sa);
        IkeSa* const sa = at(slot);
        if (sa == nullptr) continue;
        schedule(*sa);
        if (std::exchange(sa->is_changed, false)) changed.push_back(slot);
    }
    // Where an IKE_SA takes over another's children, that they are there comes before that they are gone.
    for (const bool is_established : {true, false}) {
        for (const std::uint32_t slot : changed) {
            IkeSa* const sa = at(slot);
            if (sa != nullptr && sa->is_established() == is_established) keep(*sa);
        }
    }
    changed.clear();
    graveyard.clear();
}

void Engine::State::schedule(IkeSa& sa) {
    deadlines.set(sa.slot, deadline_of(sa));
}

void Engine::State::schedule(const ConnectionEntry& entry) {
    connection_deadlines.set(entry.index.value, entry.next_attempt);
}

ConnectionEntry* Engine::State::entry_of(ConnectionIndex connection) {
    return connection.value < entries.size() ? entries[connection.value].get() : nullptr;
}

const ConnectionEntry* Engine::State::entry_of(ConnectionIndex connection) const {
    return connection.value < entries.size() ? entries[connection.value].get() : nullptr;
}

ConnectionEntry* Engine::State::entry_of(PeerIndex peer) {
    return peer.value < connection_of_peer.size() ? entry_of(connection_of_peer[peer.value]) : nullptr;
}

PeerRecord* Engine::State::record_of(ConnectionEntry& entry, PeerIndex peer) {
    const auto found = std::lower_bound(entry.peers.begin(), entry.peers.end(), peer,
                                        [](const PeerRecord& record, PeerIndex one) { return record.peer < one; });
    return found == entry.peers.end() || found->peer != peer ? nullptr : &*found;
}

const ChildConfig* Engine::State::child_config(const Connection& connection, std::string_view name) {
    const auto found = std::find_if(connection.children.begin(), connection.children.end(),
                                    [&](const ChildConfig& child) { return child.name == name; });
    return found == connection.children.end() ? nullptr : &*found;
}

// The first one; null: none of its children has the peer.
const ChildConfig* Engine::State::child_of_peer(const Connection& connection, const PeerRecord& record) {
    const auto found =
        std::find_if(connection.children.begin(), connection.children.end(),
                     [&](const ChildConfig& child) { return child.peer_of(record.session) == record.peer; });
    return found == connection.children.end() ? nullptr : &*found;
}

bool Engine::State::make_room_for_sa(Call& call, ConnectionEntry& entry, const Connection& connection) {
    while (!is_room_for_sa(entry, connection)) {
        const auto going = std::find_if(entry.ike_sas.begin(), entry.ike_sas.end(),
                                        [&](std::uint32_t slot) { return at(slot)->is_going(); });
        if (going == entry.ike_sas.end()) return false;
        remove_sa(call, *at(*going), control::LostBecause::kSilent);
    }
    return true;
}

bool Engine::State::is_room_for_sa(const ConnectionEntry& entry, const Connection& connection) const {
    return entry.ike_sas.size() < most_ike_sas(connection.max_sessions);
}

}  // namespace warren::ike
