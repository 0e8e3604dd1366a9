// Sessions that began in an earlier process go on (docs/decisions/0011-sessions-outlive-vpnd.md).
#include "vpnd/wireguard/engine_state.h"

namespace warren::wireguard {

// The slots follow from the order of the sessions: the newest that the peer is known to have is the current one.
void Engine::State::resume(Now now, PeerEntry& entry, std::span<control::SessionRecord> kept, Output& out) {
    for (control::SessionRecord& record : kept) {
        if (record.created < Instant{0} || record.created > now.instant) continue;  // damaged
        const Duration age = now.instant - record.created;
        if (age >= kRejectAfterTime) continue;
        if (!indexes.resume(record.local_id, {control::IndexKind::kKeypair, listener, entry.config.index})) continue;
        Peer& peer = wake(entry);
        // An endpoint that the operator changed meanwhile is the newer one.
        const auto& configured = entry.config.endpoint;
        const bool is_moved = configured && record.place.configured != control::digest_of(configured);
        if (record.place.remote && !is_moved) set_endpoint(peer, *record.place.remote, record.place.local, out);

        const bool is_confirmed = record.is_initiator || record.has_received;
        const KeyUse keys = keys_named(entry, record.peer);
        const Keypair keypair{record.local_id, entry.config.worker, record.created, !is_confirmed, keys};
        if (is_confirmed) {
            retire(peer.keypairs.previous, out);
            peer.keypairs.previous = std::exchange(peer.keypairs.current, keypair);
            entry.latest_handshake = {record.created, {now.wall.nanoseconds - age.count()}};
            entry.in_use = keys;
        } else {
            retire(peer.keypairs.next, out);
            peer.keypairs.next = keypair;
        }
        peer.timers.last_handshake_received = record.created;

        dataplane::InstallSession session;
        session.local_id = record.local_id;
        session.remote_id = record.remote_id;
        session.peer = entry.config.index;
        session.listener = listener;
        session.send_key = std::move(record.send_key);
        session.receive_key = std::move(record.receive_key);
        session.created = record.created;
        session.lifetime = lifetime_of(record.is_initiator);
        session.send_when =
            is_confirmed ? dataplane::SendWhen::kNowInSilence : dataplane::SendWhen::kAfterFirstReceived;
        session.first_counter = record.first_counter;
        session.is_initiator = record.is_initiator;
        session.pinned = entry.config.sources != nullptr;
        session.kept = record.kept;
        post(entry.config, std::move(session), out);
        // The customer is with another worker now, or there is another number of workers.
        if (record.local_id.worker() != entry.config.worker)
            out.commands.push_back(
                {record.local_id.worker(), dataplane::RouteSession{record.local_id, entry.config.worker}});
        schedule(peer);
    }
    if (entry.awake != nullptr && can_send(now.instant, *entry.awake))
        out.news.emplace_back(PeerResumed{entry.config.index});
}

}  // namespace warren::wireguard
