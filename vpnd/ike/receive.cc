// Messages in, in the order of their checks: header, IKE_SA, message ID, integrity, payloads, state. Nothing moves
// before integrity is right.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

namespace {

constexpr std::array<std::uint8_t, 4> kMarker{};  // RFC 3948 §2.2
constexpr std::uint8_t kKeepalive = 0xff;         // RFC 3948 §2.3

}  // namespace

void Engine::handle_datagram(Now now, const control::Arrival& arrival, Bytes datagram, control::Output& out) {
    Call call{now, out};
    state_->handle_datagram(call, arrival, datagram);
    state_->finish(call);
}

std::optional<Bytes> Engine::State::message_of(const control::Arrival& arrival, Bytes datagram, bool is_counted) {
    if (arrival.to_port != settings.nat_port) return datagram;
    if (datagram.size() == 1 && datagram[0] == kKeepalive) return std::nullopt;
    if (datagram.size() >= kMarker.size() && std::equal(kMarker.begin(), kMarker.end(), datagram.begin()))
        return datagram.subspan(kMarker.size());
    if (is_counted) count(DropReason::kIkeMalformed);
    return std::nullopt;
}

// A packet of a child that we do not have any more. Who sent it may be made up, so the answer is no larger (RFC 7296
// §1.5; conformance KL9). The data plane has counted it.
bool Engine::State::handle_packet(Call& call, const control::Arrival& arrival, Bytes datagram) {
    constexpr std::size_t kAnswer = kMarker.size() + kHeaderSize + 12;
    const bool is_packet = arrival.to_port == settings.nat_port && datagram.size() >= kAnswer &&
                           !std::equal(kMarker.begin(), kMarker.end(), datagram.begin());
    if (!is_packet) return false;
    if (!invalid_spi.allow(call.instant(), control::source_prefix_of(arrival.from.address)) ||
        !unprotected_answers.take(call.instant(), kUnprotectedAnswers))
        return true;
    Header header;
    header.spis = {new_spi(), new_spi()};  // of no IKE_SA
    header.exchange = ExchangeType::kInformational;
    header.is_initiator = true;
    const auto spi = load_be<std::uint32_t>(datagram.data());
    send(call, arrival.from, arrival.to, arrival.to_port, write_message(header, Chain().notify(ike::invalid_spi(spi))));
    return true;
}

void Engine::State::handle_datagram(Call& call, const control::Arrival& arrival, Bytes datagram) {
    if (handle_packet(call, arrival, datagram)) return;
    const auto message = message_of(arrival, datagram, true);
    if (!message) return;
    const auto header = read_header(*message);
    if (!header) return refuse_header(call, arrival, *message, header.error());
    if (header->exchange == ExchangeType::kIkeSaInit && !header->is_response)
        return handle_init_request(call, arrival, *header, *message);
    IkeSa* const sa = find(*header);
    if (sa == nullptr) return handle_unknown(call, arrival, *header);
    if (header->exchange == ExchangeType::kIkeSaInit) return handle_init_response(call, *sa, arrival, *message);
    handle_protected(call, *sa, arrival, *header, *message);
}

void Engine::State::refuse_header(Call& call, const control::Arrival& arrival, Bytes message, const Flaw& flaw) {
    const bool is_version = flaw.misfit == Misfit::kIkev1 || flaw.misfit == Misfit::kMajorVersion;
    count(is_version ? DropReason::kIkeVersion : DropReason::kIkeMalformed);
    if (flaw.misfit != Misfit::kMajorVersion || call.instant() - last_invalid_version < kInvalidVersionInterval) return;
    const Header to = header_fields(message.first<kHeaderSize>());
    if (to.length != message.size()) return;  // something else than IKE
    last_invalid_version = call.instant();
    answer_unprotected(call, arrival, to, notify_about(flaw));
}

// A peer whose IKE_SA we do not have any more is to notice soon (RFC 7296 §1.5, §2.21.4; conformance KL9).
void Engine::State::handle_unknown(Call& call, const control::Arrival& arrival, const Header& header) {
    count(DropReason::kIkeSpiUnknown);
    if (header.is_response || !invalid_spi.allow(call.instant(), control::source_prefix_of(arrival.from.address)))
        return;
    answer_unprotected(call, arrival, header, notify_of(NotifyType::kInvalidIkeSpi));
}

void Engine::State::handle_protected(Call& call, IkeSa& sa, const control::Arrival& arrival, const Header& header,
                                     Bytes bytes) {
    if (!sa.sealer) return wait_for_keys(call, sa, arrival, header, bytes);
    const auto message = read_message(bytes);
    if (!message) return count(DropReason::kIkeMalformed);
    const bool is_protected =
        message->payloads.find<SkPayload>() != nullptr || message->payloads.find<SkfPayload>() != nullptr;
    if (!is_protected) return handle_hint(call, sa, *message);
    const bool is_busy = sa.ask != 0;
    const auto place = header.is_response ? Window::Place::kNext : sa.window.place_of(header.message_id);
    if (header.is_response && !sa.window.is_awaited(header.message_id, header.exchange))
        return count(DropReason::kIkeResponseUnasked);
    if (place == Window::Place::kOutside) return count(DropReason::kIkeMessageId);
    const bool is_new_request = !header.is_response && place == Window::Place::kNext;
    if (is_new_request && is_busy) return count(DropReason::kIkeBusy);

    if (place == Window::Place::kLast) {
        const auto* const fragment = message->payloads.find<SkfPayload>();
        if (fragment != nullptr && fragment->number != 1) return;  // RFC 7383 §2.6.1
        const bool is_authentic = fragment != nullptr
                                      ? open(sa.receive_key, *fragment).has_value()
                                      : open(sa.receive_key, *message->payloads.find<SkPayload>()).has_value();
        if (!is_authentic) return count(DropReason::kIkeIntegrityWrong);
        // Whoever sees the path may repeat it too: it is no sign that the peer is there (RFC 7296 §2.4).
        return repeat_response(call, sa, arrival);
    }
    auto held = open_message(call, sa, arrival, *message);
    if (!held || sa.is_gone) return;
    heard(call, sa, arrival, is_new_request);
    if (is_busy) {
        sa.response_waiting = std::make_unique<Held>(std::move(*held));
        return;
    }
    process(call, sa, std::move(*held), nullptr);
}

// An IKE_AUTH request whose keys are not there yet: that is when they are made (conformance KD1, KD5).
void Engine::State::wait_for_keys(Call& call, IkeSa& sa, const control::Arrival& arrival, const Header& header,
                                  Bytes bytes) {
    const bool may_be_first = sa.state == IkeState::kHalfOpen && header.exchange == ExchangeType::kIkeAuth &&
                              !header.is_response && header.message_id == 1 && !sa.setup->init_response.empty();
    if (!may_be_first) return count(DropReason::kIkeUnexpected);
    const auto message = read_message(bytes);
    if (!message) return count(DropReason::kIkeMalformed);
    const bool is_protected =
        message->payloads.find<SkPayload>() != nullptr || message->payloads.find<SkfPayload>() != nullptr;
    if (!is_protected) return count(DropReason::kIkeUnprotected);
    Setup& setup = *sa.setup;
    if (setup.waiting.size() >= kMostWaiting || setup.waiting_bytes + bytes.size() > kMostWaitingBytes)
        return count(DropReason::kIkeBusy);
    if (sa.ask == 0) {
        if (!may_ask(sa)) return;
        ask(call, sa, AskFor::kInitSecret,
            KeyExchangeAsk{.method = setup.key.method(), .key = std::move(setup.key), .peer_value = setup.peer_value});
    }
    const bool is_there = std::any_of(setup.waiting.begin(), setup.waiting.end(), [&](const Waiting& one) {
        return std::equal(one.bytes.begin(), one.bytes.end(), bytes.begin(), bytes.end());
    });
    if (is_there) return count(DropReason::kIkeBusy);
    setup.waiting.push_back({arrival, {bytes.begin(), bytes.end()}});
    setup.waiting_bytes += bytes.size();
}

std::optional<Held> Engine::State::open_message(Call& call, IkeSa& sa, const control::Arrival& arrival,
                                                const Message& message) {
    if (const auto* const fragment = message.payloads.find<SkfPayload>()) {
        if (!sa.takes_fragments) {
            count(DropReason::kIkeFragment);
            return std::nullopt;
        }
        if (!sa.reassembly.wants(call.instant(), message.header, *fragment)) return std::nullopt;
        const auto part = open(sa.receive_key, *fragment);
        if (!part) {
            count(DropReason::kIkeIntegrityWrong);
            return std::nullopt;
        }
        touch(sa);
        if (!sa.is_authentic() && sa.reassembly.size() + part->size() > kMostAuthMessage) {
            count(DropReason::kIkeFragment);
            sa.reassembly.clear();
            return std::nullopt;
        }
        switch (sa.reassembly.add(call.instant(), message.header, *fragment, *part)) {
            case Reassembly::Verdict::kComplete: return Held{arrival, message.header, sa.reassembly.take()};
            case Reassembly::Verdict::kRefused: count(DropReason::kIkeFragment); break;
            case Reassembly::Verdict::kWaiting:
            case Reassembly::Verdict::kIgnored: break;
        }
        return std::nullopt;
    }
    auto opened = open(sa.receive_key, *message.payloads.find<SkPayload>());
    if (opened) return Held{arrival, message.header, std::move(*opened)};
    if (opened.error().misfit == Misfit::kNotAuthentic) {
        count(DropReason::kIkeIntegrityWrong);
        return std::nullopt;
    }
    const Held empty{arrival, message.header, Opened(PayloadType::kNone, {})};
    refuse_payloads(call, sa, empty, opened.error());
    return std::nullopt;
}

// Whoever sees the path may have written it, so that it only hastens a question (conformance KL7).
void Engine::State::handle_hint(Call& call, IkeSa& sa, const Message& message) {
    count(DropReason::kIkeUnprotected);
    const bool is_hint = message.payloads.notify(NotifyType::kInvalidIkeSpi) != nullptr ||
                         message.payloads.notify(NotifyType::kInvalidSpi) != nullptr;
    if (!is_hint || !sa.is_established() || call.instant() - sa.last_hint < kHintInterval) return;
    sa.last_hint = call.instant();
    sa.probe_at = call.instant();
    touch(sa);
}

// A peer behind a NAT is where its newest request comes from (RFC 7296 §2.23, conformance KM3); one that begins goes to
// the other port on its own.
void Engine::State::heard(Call& call, IkeSa& sa, const control::Arrival& arrival, bool is_new_request) {
    sa.last_heard = call.instant();
    sa.probe_at = kNever;
    touch(sa);
    const bool is_followed = sa.peer_is_behind_nat && !sa.has_mobike;
    const bool may_move = is_new_request && (is_followed || sa.state == IkeState::kHalfOpen);
    const bool is_elsewhere = sa.remote != arrival.from || sa.local != arrival.to || sa.local_port != arrival.to_port;
    if (!may_move || !is_elsewhere) return;
    sa.remote = arrival.from;
    sa.local = arrival.to;
    sa.local_port = arrival.to_port;
    move_endpoint(call, sa);
}

void Engine::State::process(Call& call, IkeSa& sa, Held held, Answer* answer) {
    const Header& header = held.header;
    if (header.is_response && !sa.window.is_awaited(header.message_id, header.exchange))
        return count(DropReason::kIkeResponseUnasked);
    const auto payloads = read_payloads(held.opened.first, held.opened.chain);
    if (!payloads) return refuse_payloads(call, sa, held, payloads.error());
    const Direction direction = header.is_response ? Direction::kResponse : Direction::kRequest;
    const Row* const row = find_row(sa.state, header.exchange, sa.role(), direction, set_of(*payloads));
    if (row == nullptr) {
        if (!may_come(sa.state, header.exchange, sa.role(), direction)) return count(DropReason::kIkeUnexpected);
        return refuse_payloads(call, sa, held, Flaw{Misfit::kMalformed, PayloadType::kNone});
    }
    auto question = run(call, sa, row->step, Incoming{held.arrival, header, *payloads, answer});
    if (sa.is_gone) return;
    if (!question) {
        // What a peer asks for before EAP is answered after it.
        if (sa.eap != nullptr && sa.eap->first == nullptr) sa.eap->first = std::make_unique<Held>(std::move(held));
        return;
    }
    ask(call, sa, AskFor::kHeld, std::move(*question));
    sa.held = std::make_unique<Held>(std::move(held));
}

// Authentic, and not to be understood. INVALID_SYNTAX ends the IKE_SA on both sides (RFC 7296 §2.21.3).
void Engine::State::refuse_payloads(Call& call, IkeSa& sa, const Held& held, const Flaw& flaw) {
    const auto notify = notify_for(flaw);
    const bool is_critical = notify == NotifyType::kUnsupportedCriticalPayload;
    count(is_critical ? DropReason::kIkeCriticalPayload : DropReason::kIkeInvalidSyntax);
    const bool is_auth = held.header.exchange == ExchangeType::kIkeAuth;
    if (held.header.is_response) {
        if (sa.state == IkeState::kAuthSent)
            return fail_attempt(call, sa, DropReason::kIkeInvalidSyntax, std::string(text_of(flaw.misfit)));
        // It answered our Delete, whatever it says.
        if (sa.state == IkeState::kDeleting) return remove_sa(call, sa, control::LostBecause::kStopped);
        drop_request(sa);
        return end_sa(call, sa, control::LostBecause::kDeleted);
    }
    const Payloads none;
    const Incoming in{held.arrival, held.header, none};
    if (is_auth && !is_critical && flaw.payload == PayloadType::kNone) {
        // Whoever has another way to show who it is than those that we know.
        respond(call, sa, in, notify_of(NotifyType::kAuthenticationFailed));
        return close(call, sa, control::LostBecause::kDeleted);
    }
    respond(call, sa, in, notify ? notify_about(flaw) : notify_of(NotifyType::kInvalidSyntax));
    if (!is_critical || is_auth) close(call, sa, control::LostBecause::kDeleted);
}

std::optional<Question> Engine::State::run(Call& call, IkeSa& sa, Step step, const Incoming& in) {
    switch (step) {
        case Step::kAnswerInit:
        case Step::kTakeInit:
        case Step::kTakeInitRefusal: break;  // in the clear: init.cc
        case Step::kAnswerAuth: return answer_auth(call, sa, in);
        case Step::kBeginEap: return begin_eap(call, sa, in);
        case Step::kRelayEap: return relay_eap(call, sa, in);
        case Step::kAnswerEapAuth: answer_eap_auth(call, sa, in); break;
        case Step::kTakeEapEnd: take_eap_end(call, sa, in); break;
        case Step::kTakeAuth: return take_auth(call, sa, in);
        case Step::kTakeAuthRefusal: take_auth_refusal(call, sa, in); break;
        case Step::kAnswerChild: return answer_child(call, sa, in);
        case Step::kAnswerIkeRekey: return answer_ike_rekey(call, sa, in);
        case Step::kTakeCreated: return take_created(call, sa, in);
        case Step::kTakeRefusal: take_refusal(call, sa, in); break;
        case Step::kRefuseForNow:
            count(DropReason::kIkeTemporaryFailure);
            respond(call, sa, in, notify_of(NotifyType::kTemporaryFailure));
            break;
        case Step::kAnswerInformational: answer_informational(call, sa, in); break;
        case Step::kTakeInformational: take_informational(call, sa, in); break;
    }
    return std::nullopt;
}

}  // namespace warren::ike
