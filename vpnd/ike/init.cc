// IKE_SA_INIT (RFC 7296 §1.2, §2.6, §2.7): algorithms, public values, nonces; nobody is authentic yet.
#include <algorithm>
#include <utility>

#include "crypto/short_hash.h"
#include "vpnd/ike/engine_state.h"
#include "vpnd/ike/nat_detection.h"
#include "vpnd/ike/signature_hashes.h"

namespace warren::ike {

namespace {

constexpr std::size_t kNonceSize = 32;
// Between two repetitions of an answer to IKE_SA_INIT: it may be larger than the request, whose source may be forged.
// Peers wait for half a second at least.
constexpr Duration kRepeatInterval = 200ms;

std::vector<std::uint8_t> copy_of(Bytes bytes) {
    return {bytes.begin(), bytes.end()};
}

std::vector<std::uint8_t> new_nonce(crypto::RandomSource& random) {
    std::vector<std::uint8_t> out(kNonceSize);
    random.fill(out);
    return out;
}

}  // namespace

// --- as responder --------------------------------------------------------------------------------

std::array<std::uint8_t, 16> Engine::State::init_key_of(const control::Arrival& arrival, Bytes bytes) const {
    std::array<std::uint8_t, 37> all{};
    const auto address = arrival.from.address.bytes();
    const auto message = crypto::short_hash_128(init_hash_key, bytes);
    std::copy(address.begin(), address.end(), all.begin());
    store_be(all.data() + 16, arrival.from.port);
    store_be(all.data() + 18, arrival.to_port);
    std::copy(message.begin(), message.end(), all.begin() + 20);
    all[36] = arrival.from.address.is_v4() ? 4 : 6;
    return crypto::short_hash_128(init_hash_key, all);
}

void Engine::State::handle_init_request(Call& call, const control::Arrival& arrival, const Header& header,
                                        Bytes bytes) {
    if (bytes.size() > kMostInitMessage) return count(DropReason::kIkeTooLong);
    const auto key = init_key_of(arrival, bytes);
    const auto present = by_init.find(load_le<std::uint64_t>(key.data()));
    if (present != by_init.end()) {
        IkeSa& sa = *at(present->second);
        const bool is_answered = sa.setup != nullptr && !sa.setup->init_response.empty();
        if (!is_answered || call.instant() < sa.last_sent + kRepeatInterval) return count(DropReason::kIkeBusy);
        sa.last_sent = call.instant();
        return send(call, arrival.from, arrival.to, arrival.to_port, sa.setup->init_response);
    }
    const auto message = read_message(bytes);
    if (!message) {
        const bool is_critical = notify_for(message.error()) == NotifyType::kUnsupportedCriticalPayload;
        count(is_critical ? DropReason::kIkeCriticalPayload : DropReason::kIkeMalformed);
        if (is_critical) answer_unprotected(call, arrival, header, notify_about(message.error()));
        return;
    }
    bool has_cookie = false;
    const auto choice = check_init(call, arrival, *message, has_cookie);
    if (!choice) return;

    const IpAddress prefix = control::source_prefix_of(arrival.from.address);
    const bool is_known = half_open.is_known(call.instant(), prefix);
    if (half_open.is_full(is_known)) {
        const auto oldest = half_open.oldest_without_cookie();
        IkeSa* const victim = oldest ? at(*oldest) : nullptr;
        count(DropReason::kIkeHalfOpenFull);
        if (victim == nullptr) return;
        remove_sa(call, *victim, control::LostBecause::kSilent);
    }
    IkeSa& sa = add_sa();
    sa.state = IkeState::kHalfOpen;
    sa.created = call.instant();
    sa.ends_at = call.instant() + kHalfOpenLife;
    sa.spis.initiator = header.spis.initiator;
    name(sa, new_spi());
    sa.remote = arrival.from;
    sa.local = arrival.to;
    sa.local_port = arrival.to_port;
    sa.prefix = prefix;
    sa.is_known = is_known;
    sa.suite = choice->suite;
    sa.window.answered_init();
    sa.takes_fragments = message->payloads.notify(NotifyType::kIkev2FragmentationSupported) != nullptr;
    detect_nat(sa, message->payloads, header.spis, arrival);
    sa.setup = std::make_unique<Setup>();
    Setup& setup = *sa.setup;
    setup.uses_ppk = directory.has_ppk() && message->payloads.notify(NotifyType::kUsePpk) != nullptr;
    setup.init_request = copy_of(bytes);
    setup.init_key = key;
    setup.has_cookie = has_cookie;
    setup.answer = choice->answer();
    setup.peer_nonce = copy_of(message->payloads.find<NoncePayload>()->nonce);
    setup.peer_value = copy_of(message->payloads.find<KePayload>()->public_value);
    setup.our_nonce = new_nonce(random);
    sa.nonce = lowest_nonce(setup.peer_nonce, setup.our_nonce);
    by_init[load_le<std::uint64_t>(key.data())] = sa.slot;
    half_open.add(sa.slot, sa.prefix, has_cookie);
    ++begun;

    if (auto made = take_ephemeral(call.instant(), sa.suite.key_exchange->method)) {
        setup.key = std::move(*made);
        return send_init_response(call, sa);
    }
    if (!may_ask(sa)) return remove_sa(call, sa, control::LostBecause::kSilent);
    ask(call, sa, AskFor::kInitKey,
        KeyExchangeAsk{.method = sa.suite.key_exchange->method, .key = {}, .peer_value = {}});
}

// In the order of their cost (conformance KD1).
std::optional<IkeChoice> Engine::State::check_init(Call& call, const control::Arrival& arrival, const Message& message,
                                                   bool& has_cookie) {
    const Row* const row = find_row(IkeState::kNone, message.header.exchange, Role::kResponder, Direction::kRequest,
                                    set_of(message.payloads));
    if (row == nullptr) {
        count(DropReason::kIkeUnexpected);
        return std::nullopt;
    }
    if (!admit(call, arrival, message, has_cookie)) return std::nullopt;
    auto choice = choose(call, arrival, message);
    if (!choice) return std::nullopt;
    const KePayload& ke = *message.payloads.find<KePayload>();
    const auto ours = static_cast<KeyExchangeId>(choice->suite.key_exchange->id);
    if (ke.method != ours) {
        count(DropReason::kIkeInvalidKe);
        answer_unprotected(call, arrival, message.header, invalid_ke_payload(ours));
        return std::nullopt;
    }
    const bool is_sound = ke.public_value.size() == crypto::public_value_size(choice->suite.key_exchange->method) &&
                          message.payloads.find<NoncePayload>()->nonce.size() >= choice->suite.least_nonce();
    if (is_sound) return choice;
    count(DropReason::kIkeMalformed);
    return std::nullopt;
}

bool Engine::State::admit(Call& call, const control::Arrival& arrival, const Message& message, bool& has_cookie) {
    const NoncePayload& nonce = *message.payloads.find<NoncePayload>();
    const std::uint64_t spi = message.header.spis.initiator;
    const NotifyPayload* const notify = message.payloads.notify(NotifyType::kCookie);
    const auto cookie = notify == nullptr ? std::nullopt : cookie_of(*notify);
    has_cookie = cookie && cookies.is_valid(call.instant(), *cookie, nonce.nonce, arrival.from, spi);
    switch (half_open.admit(call.instant(), control::source_prefix_of(arrival.from.address), has_cookie)) {
        case HalfOpen::Admission::kTake: return true;
        case HalfOpen::Admission::kRateLimited: count(DropReason::kIkeRateLimited); return false;
        case HalfOpen::Admission::kFull: count(DropReason::kIkeHalfOpenFull); return false;
        case HalfOpen::Admission::kCookie: break;
    }
    count(cookie ? DropReason::kIkeCookieWrong : DropReason::kIkeCookieRequired);
    answer_unprotected(call, arrival, message.header,
                       notify_of(NotifyType::kCookie, cookies.make(call.instant(), nonce.nonce, arrival.from, spi)));
    return false;
}

// What the connection of that address takes goes first, then what all take, then what any connection takes: whose the
// peer is, nobody knows before IKE_AUTH, and then it must be one that takes it.
std::optional<IkeChoice> Engine::State::choose(Call& call, const control::Arrival& arrival, const Message& message) {
    const SaPayload& offer = *message.payloads.find<SaPayload>();
    if (const Connection* const connection = directory.at_address(arrival.from.address)) {
        if (auto choice = choose_ike(offer, connection->ike, false)) return choice;
    }
    if (auto choice = choose_ike(offer, settings.ike, false)) return choice;
    for (const Policy& policy : directory.ike_policies()) {
        if (auto choice = choose_ike(offer, policy, false)) return choice;
    }
    count(DropReason::kIkeNoProposal);
    answer_unprotected(call, arrival, message.header, notify_of(NotifyType::kNoProposalChosen));
    refusals.note(call.now, DropReason::kIkeNoProposal, arrival.from);
    AttemptNote note;
    note.attempt = {.at = call.now, .peer = arrival.from, .failure = DropReason::kIkeNoProposal};
    if (stranger_notes.is_open(call.instant())) {
        note.attempt.offered = text_of(offer);
        note.attempt.accepted = text_of(settings.ike);
        note_stranger(call, std::move(note));
    }
    return std::nullopt;
}

void Engine::State::send_init_response(Call& call, IkeSa& sa) {
    Setup& setup = *sa.setup;
    Chain chain;
    chain.sa({&setup.answer, 1});
    chain.ke(static_cast<KeyExchangeId>(sa.suite.key_exchange->id), setup.key.public_value());
    chain.nonce(setup.our_nonce);
    if (sa.has_nat_traversal) add_nat_detection(chain, sa.spis, sa.local, sa.local_port, sa.remote);
    if (sa.takes_fragments) chain.notify(notify_of(NotifyType::kIkev2FragmentationSupported));
    if (setup.uses_ppk) chain.notify(notify_of(NotifyType::kUsePpk));
    if (directory.has_certified()) {
        if (hashes_in(setup.init_request)) chain.notify(signature_hash_algorithms(kHashesTaken));
        add_certificate_request(chain, customer_at(sa));
    }
    Header header;
    header.spis = sa.spis;
    header.exchange = ExchangeType::kIkeSaInit;
    header.is_response = true;
    setup.init_response = write_message(header, chain);
    send(call, sa.remote, sa.local, sa.local_port, setup.init_response);
    touch(sa);
}

void Engine::State::derive_keys(IkeSa& sa, const crypto::SharedSecret& secret) {
    Setup& setup = *sa.setup;
    const bool is_initiator = sa.is_initiator;
    const Nonces nonces{is_initiator ? setup.our_nonce : setup.peer_nonce,
                        is_initiator ? setup.peer_nonce : setup.our_nonce};
    IkeKeys keys = derive_ike_keys(sa.suite, secret, nonces, sa.spis);
    sa.sealer.emplace(std::move(is_initiator ? keys.sk_i : keys.sk_r));
    sa.receive_key = std::move(is_initiator ? keys.sk_r : keys.sk_i);
    sa.sk_d = std::move(keys.sk_d);
    setup.sk_pi = std::move(keys.sk_pi);
    setup.sk_pr = std::move(keys.sk_pr);
}

// --- as initiator --------------------------------------------------------------------------------

void Engine::State::begin_init(Call& call, IkeSa& sa) {
    const Connection& connection = *directory.find(sa.connection);
    Setup& setup = *sa.setup;
    setup.offered = offer_ike(connection.ike);
    setup.our_nonce = new_nonce(random);
    sa.suite.key_exchange = first_group(setup.offered);
    if (sa.suite.key_exchange == nullptr) return fail_attempt(call, sa, DropReason::kIkeNoProposal, {});
    if (auto made = take_ephemeral(call.instant(), sa.suite.key_exchange->method)) {
        setup.key = std::move(*made);
        return send_init_request(call, sa, true);
    }
    if (!is_room_for_ask(sa)) return fail_attempt(call, sa, DropReason::kIkeAsksFull, {});
    ask(call, sa, AskFor::kInitKey,
        KeyExchangeAsk{.method = sa.suite.key_exchange->method, .key = {}, .peer_value = {}});
}

void Engine::State::send_init_request(Call& call, IkeSa& sa, bool is_first) {
    Setup& setup = *sa.setup;
    Chain chain;
    if (!setup.cookie.empty()) chain.notify(notify_of(NotifyType::kCookie, setup.cookie));
    chain.sa(setup.offered);
    chain.ke(static_cast<KeyExchangeId>(sa.suite.key_exchange->id), setup.key.public_value());
    chain.nonce(setup.our_nonce);
    add_nat_detection(chain, sa.spis, sa.local, sa.local_port, sa.remote);
    const Connection& connection = *directory.find(sa.connection);
    if (connection.fragmentation) chain.notify(notify_of(NotifyType::kIkev2FragmentationSupported));
    if (connection.ppk != kNoSecret) chain.notify(notify_of(NotifyType::kUsePpk));
    if (connection.auth == Auth::kCertificate) chain.notify(signature_hash_algorithms(kHashesTaken));
    Header header;
    header.spis = sa.spis;
    header.exchange = ExchangeType::kIkeSaInit;
    header.is_initiator = true;
    setup.init_request = write_message(header, chain);
    Datagrams request{setup.init_request};
    send_all(call, sa, request);
    if (is_first) {
        sa.window.sent(call.instant(), ExchangeType::kIkeSaInit, std::move(request), random);
    } else {
        sa.window.changed(call.instant(), std::move(request), random);
    }
    touch(sa);
}

void Engine::State::handle_init_response(Call& call, IkeSa& sa, const control::Arrival& arrival, Bytes bytes) {
    const bool is_awaited = sa.state == IkeState::kInitSent && sa.ask == 0 &&
                            sa.window.is_awaited(0, ExchangeType::kIkeSaInit) && arrival.from == sa.remote;
    if (!is_awaited) return count(DropReason::kIkeResponseUnasked);
    const auto message = read_message(bytes);
    if (!message) return count(DropReason::kIkeMalformed);
    const Row* const row =
        find_row(sa.state, ExchangeType::kIkeSaInit, sa.role(), Direction::kResponse, set_of(message->payloads));
    if (row == nullptr) return count(DropReason::kIkeUnexpected);
    if (row->step == Step::kTakeInit) return take_init(call, sa, arrival, *message);
    take_init_refusal(call, sa, *message);
}

// Whoever sees the path may have written it: what does not fit is no reason to stop waiting for what does.
void Engine::State::take_init(Call& call, IkeSa& sa, const control::Arrival& arrival, const Message& message) {
    Setup& setup = *sa.setup;
    const auto choice = accept_ike(*message.payloads.find<SaPayload>(), setup.offered);
    const KePayload& ke = *message.payloads.find<KePayload>();
    const Bytes nonce = message.payloads.find<NoncePayload>()->nonce;
    const bool is_sound = choice && message.header.spis.responder != 0 &&
                          choice->suite.key_exchange == sa.suite.key_exchange &&
                          ke.method == static_cast<KeyExchangeId>(choice->suite.key_exchange->id) &&
                          ke.public_value.size() == crypto::public_value_size(choice->suite.key_exchange->method) &&
                          nonce.size() >= choice->suite.least_nonce();
    if (!is_sound) return count(DropReason::kIkeMalformed);
    if (!may_ask(sa)) return;
    sa.window.got_response();
    sa.state = IkeState::kAuthSent;
    sa.spis.responder = message.header.spis.responder;
    sa.suite = choice->suite;
    sa.local = arrival.to;
    sa.takes_fragments = directory.find(sa.connection)->fragmentation &&
                         message.payloads.notify(NotifyType::kIkev2FragmentationSupported) != nullptr;
    detect_nat(sa, message.payloads, message.header.spis, arrival);
    setup.uses_ppk =
        directory.find(sa.connection)->ppk != kNoSecret && message.payloads.notify(NotifyType::kUsePpk) != nullptr;
    setup.init_response = copy_of(message.bytes);
    setup.peer_nonce = copy_of(nonce);
    setup.peer_value = copy_of(ke.public_value);
    sa.nonce = lowest_nonce(setup.peer_nonce, setup.our_nonce);
    const bool is_translated = settings.forces_encapsulation || sa.peer_is_behind_nat || sa.we_are_behind_nat;
    if (sa.has_nat_traversal && is_translated && sa.local_port == settings.ike_port) {
        sa.local_port = settings.nat_port;
        sa.remote.port = kNatPort;
    }
    ask(call, sa, AskFor::kInitSecret,
        KeyExchangeAsk{
            .method = sa.suite.key_exchange->method, .key = std::move(setup.key), .peer_value = setup.peer_value});
}

// A cookie is sent back, another group is tried once, if it is one of ours; everything else is only remembered
// (RFC 7296 §2.6, §2.7, §2.21.1).
void Engine::State::take_init_refusal(Call& call, IkeSa& sa, const Message& message) {
    Setup& setup = *sa.setup;
    if (const NotifyPayload* const notify = message.payloads.notify(NotifyType::kCookie)) {
        const auto cookie = cookie_of(*notify);
        if (!cookie || ++setup.cookies > kMostCookies) return count(DropReason::kIkeUnexpected);
        setup.cookie = copy_of(*cookie);
        return send_init_request(call, sa, false);
    }
    if (const NotifyPayload* const notify = message.payloads.notify(NotifyType::kInvalidKePayload)) {
        const auto wanted = wanted_method(*notify);
        const Algorithm* const group = wanted ? find_method(*wanted) : nullptr;
        const bool is_another = group != nullptr && group != sa.suite.key_exchange && is_offered(setup.offered, *group);
        if (!is_another || setup.group_was_changed || !may_ask(sa)) return count(DropReason::kIkeUnexpected);
        setup.group_was_changed = true;
        sa.suite.key_exchange = group;
        ask(call, sa, AskFor::kInitKey, KeyExchangeAsk{.method = group->method, .key = {}, .peer_value = {}});
        return;
    }
    if (const NotifyPayload* const error = message.payloads.error()) {
        setup.hint = name_of(error->type);
        count(DropReason::kIkePeerRefused);
    }
}

}  // namespace warren::ike
