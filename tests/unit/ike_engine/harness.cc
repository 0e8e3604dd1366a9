#include "tests/unit/ike_engine/harness.h"

#include <utility>

namespace warren::ike::testing {

void SessionTable::note_key(const crypto::AeadKey& key) {
    std::array<std::uint8_t, 36> bytes{};
    std::copy_n(key.secret.reveal().begin(), 32, bytes.begin());
    std::copy_n(key.salt.begin(), 4, bytes.begin() + 32);
    if (std::find(keys_seen.begin(), keys_seen.end(), bytes) != keys_seen.end()) ++keys_twice;
    keys_seen.push_back(bytes);
}

// As the data plane does: a session takes the place of the one of its flow.
void SessionTable::send_on(std::uint32_t id) {
    const auto found = entries.find(id);
    if (found == entries.end()) return;
    for (auto& [other, entry] : entries) {
        if (entry.session.peer == found->second.session.peer && entry.session.flow == found->second.session.flow)
            entry.is_sent_on = false;
    }
    found->second.is_sent_on = true;
}

void SessionTable::apply(dataplane::Command command, std::uint32_t worker) {
    if (auto* const install = std::get_if<dataplane::InstallSession>(&command)) {
        const std::uint32_t id = install->local_id.value;
        CHECK(!entries.contains(id));
        note_key(install->send_key);
        note_key(install->receive_key);
        const dataplane::SendWhen when = install->send_when;
        const bool now = when == dataplane::SendWhen::kNow || when == dataplane::SendWhen::kNowInSilence;
        entries[id] = {std::move(*install), false, when == dataplane::SendWhen::kAfterFirstReceived};
        if (now) send_on(id);
    } else if (const auto* const retire = std::get_if<dataplane::RetireSession>(&command)) {
        const auto gone = entries.find(retire->local_id.value);
        const bool is_routed = gone == entries.end() && retire->local_id.worker() == worker;
        CHECK((gone != entries.end() || is_routed));
        if (gone == entries.end()) return;
        if (gone->second.session.kept != nullptr) gone->second.session.kept->free();
        entries.erase(gone);
    } else if (const auto* const confirm = std::get_if<dataplane::Confirm>(&command)) {
        send_on(confirm->local_id.value);
    } else if (const auto* const endpoint = std::get_if<dataplane::SetEndpoint>(&command)) {
        endpoints[endpoint->peer.value] = endpoint->remote;
    } else if (const auto* const forget = std::get_if<dataplane::ForgetEndpoint>(&command)) {
        endpoints.erase(forget->peer.value);
    } else if (const auto* const put = std::get_if<dataplane::PutPrefix>(&command)) {
        reach[put->peer.value].insert(put->prefix);
        told_workers.insert(worker);
    } else if (const auto* const drop = std::get_if<dataplane::DropPrefix>(&command)) {
        CHECK(reach[drop->peer.value].erase(drop->prefix) == 1);
    } else if (const auto* const anew = std::get_if<dataplane::CountAnew>(&command)) {
        counted_anew.push_back(anew->peer.value);
    }
}

bool SessionTable::receive(std::uint32_t id) {
    const auto found = entries.find(id);
    if (found == entries.end() || !std::exchange(found->second.awaits_first, false)) return false;
    // One that came later has taken its place.
    for (const auto& [other, entry] : entries) {
        const bool is_same_flow =
            entry.session.peer == found->second.session.peer && entry.session.flow == found->second.session.flow;
        if (is_same_flow && other != id && entry.session.created > found->second.session.created) return false;
    }
    send_on(id);
    return true;
}

const dataplane::InstallSession* SessionTable::sending(PeerIndex peer, std::uint8_t flow) const {
    for (const auto& [id, entry] : entries) {
        if (entry.session.peer == peer && entry.session.flow == flow && entry.is_sent_on) return &entry.session;
    }
    return nullptr;
}

Hub::Hub(const char* text, std::uint64_t seed, Settings settings)
    : address(*parse_ip(text)), random(seed), answerer(random), engine(std::move(settings), indexes, random) {
    engine.put_customer({}, {kAcme, "acme", identity("acme.example.net"), {}}, out);
}

void Hub::collect() {
    if (before_commands) before_commands(out);
    for (auto& posted : out.commands) sessions.apply(std::move(posted.command), posted.worker);
    for (auto& message : out.messages)
        sent.push_back({{address, message.from_port, 0}, message.to, std::move(message.bytes)});
    all_news.insert(all_news.end(), out.news.begin(), out.news.end());
    out.clear();
    for (Ask& ask : engine.take_asks()) {
        ++asked;
        asks.push_back(std::move(ask));
    }
}

void Hub::answer_asks() {
    while (!asks.empty()) {
        Ask ask = std::move(asks.front());
        asks.pop_front();
        engine.handle_answer(now, ask.id, answerer.answer(std::move(ask.question)), out);
        collect();
    }
}

void Hub::deliver(const Wire& wire) {
    call([&] { engine.handle_datagram(now, {wire.from, {wire.to.address, 1}, wire.to.port}, wire.bytes, out); });
}

void Hub::run_until(Instant end) {
    std::size_t calls = 0;
    while (engine.next_deadline() <= end) {
        const Duration by = std::max(engine.next_deadline() - now.instant, Duration::zero());
        now = {now.instant + by, WallTime{now.wall.nanoseconds + by.count()}};
        calls = by == Duration::zero() ? calls + 1 : 0;
        REQUIRE(calls < 1000);  // time goes on
        call([&] { engine.handle_timeout(now, out); });
    }
    if (end <= now.instant) return;
    const Duration by = end - now.instant;
    now = {end, WallTime{now.wall.nanoseconds + by.count()}};
}

Connection connection_of(bool is_left) {
    Connection out;
    out.index = kFirst;
    out.customer = kAcme;
    out.name = is_left ? "to-right" : "to-left";
    out.local_identity = identity(is_left ? "left.example.net" : "right.example.net");
    out.remote_identity = expected(is_left ? "right.example.net" : "left.example.net");
    out.remote_address = *parse_ip(is_left ? "192.0.2.2" : "192.0.2.1");
    ChildConfig child;
    child.name = "lan";
    child.peer = PeerIndex{0};
    child.local = {network(is_left ? "10.1.0.0/16" : "10.2.0.0/16")};
    child.remote = {network(is_left ? "10.2.0.0/16" : "10.1.0.0/16")};
    out.children = {child};
    return out;
}

Pair::Pair(std::uint64_t seed, const std::function<void(Connection&, bool)>& change) {
    left.random = test::SeededRandom(2 * seed + 1);
    right.random = test::SeededRandom(2 * seed + 2);
    for (Hub* const hub : {&left, &right}) {
        const bool is_left = hub == &left;
        Connection connection = connection_of(is_left);
        if (change) change(connection, is_left);
        hub->put_psk(connection.index, "correct horse battery staple");
        hub->put(std::move(connection));
    }
}

void Pair::step(Hub& from) {
    if (from.sent.empty()) return;
    const Wire wire = std::move(from.sent.front());
    from.sent.pop_front();
    log.push_back(wire);
    if (filter && !filter(wire)) return;
    Hub& to = other(from);
    if (wire.to.address == to.address) to.deliver(wire);
}

void Pair::settle() {
    while (!left.sent.empty() || !right.sent.empty()) {
        step(left);
        step(right);
    }
}

void Pair::advance(Duration by) {
    const Instant end = left.now.instant + by;
    for (;;) {
        const Instant next = std::min(left.engine.next_deadline(), right.engine.next_deadline());
        if (next > end) break;
        left.run_until(std::max(next, left.now.instant));
        right.run_until(std::max(next, right.now.instant));
        settle();
    }
    left.run_until(end);
    right.run_until(end);
}

void Pair::check_agree(std::size_t flows) {
    for (std::size_t flow = 0; flow < flows; ++flow) {
        for (Hub* const hub : {&left, &right}) {
            const auto* const sending = hub->sessions.sending(PeerIndex{0}, static_cast<std::uint8_t>(flow));
            REQUIRE(sending != nullptr);
            const auto& theirs = other(*hub).sessions.entries;
            const auto found = theirs.find(sending->remote_id);
            REQUIRE(found != theirs.end());
            CHECK(found->second.session.remote_id == sending->local_id.value);
            CHECK(found->second.session.receive_key.secret.equals(sending->send_key.secret));
            CHECK(found->second.session.receive_key.salt == sending->send_key.salt);
        }
    }
    CHECK(left.sessions.keys_twice == 0);
    CHECK(right.sessions.keys_twice == 0);
}

}  // namespace warren::ike::testing
