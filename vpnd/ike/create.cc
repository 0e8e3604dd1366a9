// Our own CREATE_CHILD_SA requests: new children, rekeys of children and of the IKE_SA, and what the peer answers
// (RFC 7296 §1.3, §2.8).
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

namespace {

SelectorList list_of(const TsPayload* payload) {
    SelectorList out;
    if (payload == nullptr) return out;
    for (const TrafficSelector& selector : payload->selectors) out.push_back(selector);
    return out;
}

// The packet's own selector leads (RFC 7296 §2.9).
SelectorList led_by(const TrafficSelector& first, SelectorList rest) {
    rest.insert(rest.begin(), first);
    return rest;
}

// The configuration may have changed while the peer answered: then neither are these its selectors, nor is the SPI one
// of the worker that has the peer now. What the packet itself asked for is within both.
bool is_still(const ChildConfig& config, std::uint32_t session, const Request& request, const ChildSelectors& allowed,
              const ChildSelectors& selectors) {
    return config.peer_of(session) == request.peer && config.worker == request.worker &&
           covers(allowed.local, selectors.local) && covers(allowed.remote, selectors.remote);
}

bool makes_child(Task task) {
    return task == Task::kCreateChild || task == Task::kRekeyChild;
}

}  // namespace

const Algorithm* first_group(const std::vector<Proposal>& offered) {
    if (offered.empty()) return nullptr;
    for (const Transform& transform : offered.front().transforms) {
        if (transform.type == TransformType::kKeyExchange) return find_algorithm(transform);
    }
    return nullptr;
}

bool is_offered(const std::vector<Proposal>& offered, const Algorithm& group) {
    return std::any_of(offered.begin(), offered.end(), [&](const Proposal& proposal) {
        return std::find(proposal.transforms.begin(), proposal.transforms.end(), group.transform()) !=
               proposal.transforms.end();
    });
}

void Engine::State::drop_request(IkeSa& sa) {
    if (sa.request == nullptr) return;
    if (sa.request->is_sent) sa.window.got_response();
    if (sa.request->new_child.valid()) indexes.release(sa.request->new_child);
    if (sa.ask_for == AskFor::kRequestKey) close_ask(sa);
    sa.request.reset();
    touch(sa);
}

std::unique_ptr<Request> Engine::State::take_request(IkeSa& sa) {
    sa.window.got_response();
    touch(sa);
    return std::move(sa.request);
}

// --- requests ------------------------------------------------------------------------------------

// What the child of `sa.request` offers, and its SPI. False: there is no such child any more.
bool Engine::State::prepare_child(IkeSa& sa, const Connection& connection) {
    Request& request = *sa.request;
    const ChildSa* const old = request.child.valid() ? sa.find_ours(request.child) : nullptr;
    if (request.child.valid() && (old == nullptr || old->replaced_by.valid())) return false;
    if (old != nullptr) request.name = old->name;
    const ChildConfig* const config = child_config(connection, request.name);
    if (config == nullptr) return false;
    request.peer = config->peer_of(sa.session);
    request.worker = config->worker;
    if (old != nullptr) {
        request.selectors = old->selectors;
    } else {
        request.selectors = allowed(sa, connection, *config);
        if (request.packet) {
            request.selectors.local = led_by(local_selector(*request.packet), std::move(request.selectors.local));
            request.selectors.remote = led_by(remote_selector(*request.packet), std::move(request.selectors.remote));
        }
    }
    request.new_child = new_child_spi(sa, *config);
    const Pfs pfs = request.task == Task::kAuth ? Pfs::kNone : connection.pfs;
    const Algorithm* const before = old == nullptr ? nullptr : old->suite.key_exchange;
    request.offered =
        offer_child(connection.child, pfs, request.new_child.value, request.group != nullptr ? request.group : before);
    if (request.offered.empty()) return false;
    if (request.group == nullptr && pfs != Pfs::kNone) request.group = first_group(request.offered);
    return true;
}

void Engine::State::begin_request(Call& call, IkeSa& sa, const Wish& wish, const Algorithm* group) {
    const Connection* const connection = directory.find(sa.connection);
    sa.request = std::make_unique<Request>();
    Request& request = *sa.request;
    request.task = wish.task;
    request.group = group;
    request.group_was_changed = group != nullptr;
    request.child = wish.child;
    request.peer = wish.peer;
    request.name = wish.name;
    request.packet = wish.packet;
    request.tries = wish.tries;
    switch (wish.task) {
        case Task::kDeleteChild: return send_delete_child(call, sa);
        case Task::kDeleteIke: return send_delete_ike(call, sa);
        case Task::kProbe: request.is_sent = true; return send_request(call, sa, ExchangeType::kInformational, Chain());
        case Task::kTestPath: return send_path_test(call, sa);
        default: break;
    }
    if (connection == nullptr || !(makes_child(wish.task) ? prepare_child(sa, *connection) : true))
        return drop_request(sa);
    if (wish.task == Task::kRekeyIke) {
        request.new_spi = new_spi();
        request.offered = offer_ike(connection->ike, request.new_spi, group != nullptr ? group : sa.suite.key_exchange);
        request.group = first_group(request.offered);
        if (request.group == nullptr) return drop_request(sa);
    }
    request.nonce.resize(32);
    random.fill(request.nonce);
    if (request.group == nullptr) return send_create(call, sa);
    if (auto made = take_ephemeral(call.instant(), request.group->method)) {
        request.key = std::move(*made);
        return send_create(call, sa);
    }
    if (!may_ask(sa)) {
        Wish again = wish;
        again.not_before = call.instant() + kAskAgain;
        drop_request(sa);
        return want(sa, std::move(again));
    }
    ask(call, sa, AskFor::kRequestKey, KeyExchangeAsk{.method = request.group->method, .key = {}, .peer_value = {}});
}

// With everything that it needs. What it is about may have gone while the key was made.
void Engine::State::send_create(Call& call, IkeSa& sa) {
    Request& request = *sa.request;
    const ChildSa* const old = request.child.valid() ? sa.find_ours(request.child) : nullptr;
    const bool is_void = !sa.is_usable() || directory.find(sa.connection) == nullptr ||
                         (request.child.valid() && (old == nullptr || old->replaced_by.valid()));
    if (is_void) return drop_request(sa);
    Chain chain;
    if (request.task == Task::kRekeyChild) chain.notify(rekey_sa(old->ours.value));
    chain.sa(request.offered);
    chain.nonce(request.nonce);
    if (request.group != nullptr) chain.ke(static_cast<KeyExchangeId>(request.group->id), request.key.public_value());
    if (makes_child(request.task)) {
        chain.ts(PayloadType::kTsi, request.selectors.local);
        chain.ts(PayloadType::kTsr, request.selectors.remote);
    }
    request.is_sent = true;
    send_request(call, sa, ExchangeType::kCreateChildSa, chain);
}

// --- responses -----------------------------------------------------------------------------------

std::optional<Question> Engine::State::take_created(Call& call, IkeSa& sa, const Incoming& in) {
    if (sa.request != nullptr && sa.request->is_orphan) {
        take_orphan(call, sa);
        return std::nullopt;
    }
    switch (sa.task()) {
        case Task::kRekeyIke: return take_ike_rekey(call, sa, in);
        case Task::kCreateChild:
        case Task::kRekeyChild: return take_child(call, sa, in);
        default: break;
    }
    count(DropReason::kIkeUnexpected);
    drop_request(sa);
    return std::nullopt;
}

std::optional<Question> Engine::State::take_child(Call& call, IkeSa& sa, const Incoming& in) {
    const auto choice = accept_child(*in.payloads.find<SaPayload>(), sa.request->offered);
    const auto* const ke = in.payloads.find<KePayload>();
    const Algorithm* const group = choice ? choice->suite.key_exchange : nullptr;
    const auto* const tsi = in.payloads.find<TsiPayload>();
    const auto* const tsr = in.payloads.find<TsrPayload>();
    const Bytes peer_nonce = in.payloads.find<NoncePayload>()->nonce;
    bool is_sound = choice && tsi != nullptr && tsr != nullptr && (group == nullptr || group == sa.request->group) &&
                    peer_nonce.size() >= sa.suite.least_nonce();
    if (is_sound && group != nullptr) {
        is_sound = ke != nullptr && ke->method == static_cast<KeyExchangeId>(group->id) &&
                   ke->public_value.size() == crypto::public_value_size(group->method);
    }
    if (is_sound && group != nullptr && in.answer == nullptr) {
        if (!may_ask(sa)) return std::nullopt;
        return KeyExchangeAsk{.method = group->method,
                              .key = std::move(sa.request->key),
                              .peer_value = {ke->public_value.begin(), ke->public_value.end()}};
    }
    auto* const exchange = in.answer == nullptr ? nullptr : std::get_if<KeyExchangeAnswer>(in.answer);
    if (group != nullptr) is_sound = is_sound && exchange != nullptr && !exchange->secret.empty();

    const std::unique_ptr<Request> request = take_request(sa);
    const Connection* const connection = directory.find(sa.connection);
    const ChildConfig* const config = connection == nullptr ? nullptr : child_config(*connection, request->name);
    ChildSelectors selectors{list_of(tsi), list_of(tsr)};
    const ChildSa* const old = request->child.valid() ? sa.find_ours(request->child) : nullptr;
    // Part of what was offered, and no less than what it replaces (RFC 7296 §2.9.2).
    const bool fits =
        is_sound && config != nullptr &&
        is_still(*config, sa.session, *request, allowed(sa, *connection, *config), selectors) &&
        !selectors.is_empty() && selectors.local.size() <= kMostSideSelectors + 1 &&
        selectors.remote.size() <= kMostSideSelectors + 1 && covers(request->selectors.local, selectors.local) &&
        covers(request->selectors.remote, selectors.remote) &&
        (old == nullptr ||
         (covers(selectors.local, old->selectors.local) && covers(selectors.remote, old->selectors.remote)));
    const auto flow = !fits            ? std::nullopt
                      : old != nullptr ? std::optional(old->flow)
                                       : flow_for(sa, request->peer, selectors);
    if (!flow) {
        count(is_sound ? DropReason::kIkeTsUnacceptable : DropReason::kIkeInvalidSyntax);
        delete_refused_child(sa, request->new_child);
        if (ChildSa* const kept = request->child.valid() ? sa.find_ours(request->child) : nullptr)
            kept->rekey_at = kNever;
        indexes.release(request->new_child);
        // One that its configuration has overtaken is wanted as it is now.
        if (config != nullptr &&
            !is_still(*config, sa.session, *request, allowed(sa, *connection, *config), request->selectors))
            want_missing_children(call, sa, Duration::zero());
        return std::nullopt;
    }
    NewChild child;
    child.ours = request->new_child;
    child.theirs = choice->spi;
    child.config = config;
    child.suite = choice->suite;
    child.selectors = std::move(selectors);
    child.flow = *flow;
    child.we_asked = true;
    child.secret = exchange == nullptr ? nullptr : &exchange->secret;
    child.nonces = {request->nonce, peer_nonce};
    take_new_child(call, sa, std::move(child), *request, lowest_nonce(request->nonce, peer_nonce));
    return std::nullopt;
}

// Where the peer rekeyed the same child meanwhile there are two now: the one with the lowest of the four nonces goes,
// by who asked for it (RFC 7296 §2.8.1).
void Engine::State::take_new_child(Call& call, IkeSa& sa, NewChild child, const Request& request,
                                   const LowestNonce& nonce) {
    const SessionId old_id = request.child;
    ChildSa* old = old_id.valid() ? sa.find_ours(old_id) : nullptr;
    const SessionId rival = old != nullptr ? old->replaced_by : request.rival;
    ChildSa* const theirs = rival.valid() ? sa.find_ours(rival) : nullptr;
    const bool is_redundant = theirs != nullptr && nonce < theirs->nonce;
    const SessionId winner = theirs == nullptr ? SessionId{} : theirs->ours;
    if (is_redundant) child.send_when = dataplane::SendWhen::kAfterFirstReceived;
    ChildSa& made = install(call, sa, std::move(child));
    made.nonce = nonce;
    const SessionId ours = made.ours;
    sa.ends_at = kNever;
    if (is_redundant) {
        made.replaced_by = winner;
        made.rekey_at = kNever;
        want(sa, {.task = Task::kDeleteChild, .child = ours});
        return;
    }
    if (ChildSa* const loser = winner.valid() ? sa.find_ours(winner) : nullptr) {
        loser->replaced_by = ours;
        loser->confirm_at = kNever;
        loser->rekey_at = kNever;
        loser->delete_at = call.instant() + kReplacedLife;
    }
    if (!old_id.valid()) return;
    old = sa.find_ours(old_id);
    if (old == nullptr) return;
    old->replaced_by = ours;
    old->rekey_at = kNever;
    want(sa, {.task = Task::kDeleteChild, .child = old_id});
}

// The peer has it, and we do not: it is to forget it.
void Engine::State::delete_refused_child(IkeSa& sa, SessionId spi) {
    want(sa, {.task = Task::kDeleteChild, .child = spi, .is_forgotten = true});
}

bool Engine::State::take_first_child(Call& call, IkeSa& sa, const Connection& connection, const Incoming& in) {
    const std::unique_ptr<Request> request = take_request(sa);
    const auto* const answer = in.payloads.find<SaPayload>();
    const auto choice = answer == nullptr ? std::nullopt : accept_child(*answer, request->offered);
    const ChildConfig* const config = child_config(connection, request->name);
    ChildSelectors selectors{list_of(in.payloads.find<TsiPayload>()), list_of(in.payloads.find<TsrPayload>())};
    const bool fits = choice && config != nullptr &&
                      is_still(*config, sa.session, *request, allowed(sa, connection, *config), selectors) &&
                      !selectors.is_empty() && covers(request->selectors.local, selectors.local) &&
                      covers(request->selectors.remote, selectors.remote);
    const auto flow = fits ? flow_for(sa, request->peer, selectors) : std::nullopt;
    if (!flow || sa.local_port != settings.nat_port) {
        const NotifyPayload* const error = in.payloads.error();
        count(error != nullptr ? DropReason::kIkePeerRefused : DropReason::kIkeTsUnacceptable);
        note_attempt(call, sa, DropReason::kIkePeerRefused,
                     error != nullptr ? name_of(error->type) : "a child that was not asked for");
        if (answer != nullptr) delete_refused_child(sa, request->new_child);
        indexes.release(request->new_child);
        sa.ends_at = call.instant() + kChildlessLife;
        note_failure(call, *entry_of(connection.index));
        return false;
    }
    NewChild child;
    child.ours = request->new_child;
    child.theirs = choice->spi;
    child.config = config;
    child.suite = choice->suite;
    child.selectors = std::move(selectors);
    child.flow = *flow;
    child.we_asked = true;
    child.nonces = {sa.setup->our_nonce, sa.setup->peer_nonce};
    install(call, sa, std::move(child));
    return true;
}

// An error instead of what we asked for.
void Engine::State::take_refusal(Call& call, IkeSa& sa, const Incoming& in) {
    const NotifyPayload* const error = in.payloads.error();
    const NotifyType type = error == nullptr ? NotifyType::kInvalidSyntax : error->type;
    const auto wanted =
        error != nullptr && type == NotifyType::kInvalidKePayload ? wanted_method(*error) : std::nullopt;
    const std::unique_ptr<Request> request = take_request(sa);
    if (request->new_child.valid()) indexes.release(request->new_child);
    if (sa.state != IkeState::kEstablished) return;
    Wish again = request->again();
    ++again.tries;

    const Algorithm* const group = wanted ? find_method(*wanted) : nullptr;
    if (group != nullptr && !request->group_was_changed && group != request->group &&
        is_offered(request->offered, *group)) {
        begin_request(call, sa, again, group);
        return;
    }
    count(DropReason::kIkePeerRefused);
    if (type == NotifyType::kTemporaryFailure) {
        if (again.tries > kTemporaryTries) return end_sa(call, sa, control::LostBecause::kExpired);
        again.not_before = call.instant() + random_between(kTemporaryLeast, kTemporaryMost, random);
        return want(sa, std::move(again));
    }
    note_attempt(call, sa, DropReason::kIkePeerRefused, name_of(type));
    if (type == NotifyType::kChildSaNotFound && request->child.valid()) {
        // It is gone there already. A packet that needs one asks for it, unless there is to be one always.
        retire(call, sa, request->child, control::LostBecause::kDeleted);
        want_missing_children(call, sa, Duration::zero());
        return;
    }
    // It expires, and whoever may begins anew (conformance KL8).
    if (ChildSa* const child = request->child.valid() ? sa.find_ours(request->child) : nullptr)
        child->rekey_at = kNever;
    ConnectionEntry* const entry = entry_of(sa.connection);
    PeerRecord* const record =
        request->task == Task::kCreateChild && entry != nullptr ? record_of(*entry, request->peer) : nullptr;
    if (record == nullptr) return;
    record->not_before = call.instant() + kRefusedPause;
    const Connection* const connection = directory.find(sa.connection);
    again.not_before = record->not_before;
    if (connection->start == Start::kAlways) want(sa, std::move(again));
}

}  // namespace warren::ike
