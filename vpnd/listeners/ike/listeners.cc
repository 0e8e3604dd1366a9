#include "vpnd/listeners/ike/listeners.h"

#include <utility>
#include <variant>

#include "base/check.h"
#include "base/log.h"
#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/dataplane/framing/ike.h"
#include "vpnd/listeners/ike/translate.h"
#include "vpnd/listeners/sockets/listener_sockets.h"

namespace warren::vpnd {

namespace {

enum Source : std::uint64_t { kExchanges, kAuthd };

io::ControlWorker::Sockets sockets_of(const HeldListener& listener, ListenerSockets& sockets, std::uint32_t workers) {
    const std::vector<std::uint16_t> ports = ipc::ports_of(listener.id.kind, listener.port);
    io::ControlWorker::Sockets out = take_sockets(sockets, workers);
    out.port = ports[0];
    auto& other = out.other.emplace();
    other.framing = &dataplane::kIkeFraming;
    other.port = ports[1];
    other.control_v4 = sockets.take({ipc::SocketRole::kMessages, Family::kV4, 0, 1});
    other.control_v6 = sockets.take({ipc::SocketRole::kMessages, Family::kV6, 0, 1});
    other.solicited_v4 = sockets.take({ipc::SocketRole::kSolicited, Family::kV4, 0, 1});
    other.solicited_v6 = sockets.take({ipc::SocketRole::kSolicited, Family::kV6, 0, 1});
    return out;
}

}  // namespace

Result<std::unique_ptr<IkeListeners>> IkeListeners::make(io::ControlWorker& control, crypto::RandomSource& random) {
    auto loop = io::EventLoop::make();
    if (!loop) return tl::unexpected<Error>(loop.error());
    auto exchanges = KeyExchangeThread::start(random);
    if (!exchanges) return with_context("key exchanges", exchanges.error());
    WARREN_TRY(loop->add((*exchanges)->fd(), kExchanges));
    return std::unique_ptr<IkeListeners>(new IkeListeners(control, random, std::move(*loop), std::move(*exchanges)));
}

IkeListeners::IkeListeners(io::ControlWorker& control, crypto::RandomSource& random, io::EventLoop loop,
                           std::unique_ptr<KeyExchangeThread> exchanges)
    : control_(control),
      random_(random),
      loop_(std::move(loop)),
      exchanges_(std::move(exchanges)),
      authd_(loop_, kAuthd) {}

Status IkeListeners::open(const HeldListener& listener, ListenerSockets sockets) {
    io::ControlWorker::Sockets served = sockets_of(listener, sockets, control_.worker_count());
    if (engine_ != nullptr) return control_.replace_sockets(listener.index, std::move(served));
    ike::Settings settings = settings_of(listener);
    settings.leases = &leases_;
    auto engine = std::make_unique<ike::Engine>(std::move(settings), control_.indexes(), random_);
    engine_ = engine.get();
    if (keeper_) engine->keep_in(&*keeper_, control_.keeper());
    listener_ = listener.index;
    return control_.open_listener(listener.index, std::move(engine), dataplane::kEspFraming, std::move(served));
}

ike::SaKeeper::Found IkeListeners::keep_sas_in(std::span<ike::KeptSa> table, ike::SaKeeper::Lock lock) {
    if (engine_ != nullptr) engine_->keep_in(nullptr, nullptr);
    keeper_.reset();
    if (table.empty()) return ike::SaKeeper::Found::kNothing;
    keeper_.emplace(table, std::move(lock));
    const auto found = keeper_->found();
    if (found == ike::SaKeeper::Found::kOtherForm) {
        keeper_.reset();
    } else if (engine_ != nullptr) {
        engine_->keep_in(&*keeper_, control_.keeper());
    }
    return found;
}

IkeListeners::Succession IkeListeners::end_succession(Now now) {
    if (!keeper_) return {};
    Succession out{keeper_->kept(), 0};
    if (engine_ == nullptr) {
        for (const std::uint32_t place : keeper_->rest()) {
            keeper_->forget(place);
            ++out.ended;
        }
        return out;
    }
    control_.change(listener_, [&](control::Output& output) { out.ended = engine_->end_rest(now, output); });
    return out;
}

void IkeListeners::change(Now /*now*/, const HeldListener& listener) {
    WARREN_CHECK(engine_ != nullptr);
    engine_->set_ike_policy(ike_policy_of(listener));
    engine_->set_gateway(gateway_of(listener), gateway_signer_of(listener));
}

// Answers to asks of this engine mean nothing to the next.
void IkeListeners::close(ListenerIndex listener) {
    WARREN_CHECK(engine_ != nullptr && listener == listener_);
    engine_->keep_in(nullptr, nullptr);
    engine_ = nullptr;
    exchanges_->forget_all();
    authd_.forget_all();
    control_.close_listener(listener);
}

void IkeListeners::put_peer(Now /*now*/, const HeldCustomer& /*customer*/, const HeldPeer& /*peer*/) {
    WARREN_CHECK(!"a peer of IKE");  // CustomerSet::check_customers() lets none pass
}

void IkeListeners::put_connection(Now now, const HeldCustomer& customer, const HeldConnection& connection) {
    WARREN_CHECK(engine_ != nullptr && connection.listener == listener_);
    auto translated = connection_of(customer, connection);
    if (!translated) {
        drop(now, customer.index, connection.index);
        unserved_[connection.index] = translated.error().what;
        return;
    }
    unserved_.erase(connection.index);
    if (customer.ipsec) leases_.put(connection.index, customer.ipsec->identity, connection.config.settings.name);
    served_[customer.index].insert(connection.index);
    for (const PeerIndex peer : connection.peers) control_.assign_peer(peer, listener_);
    control_.change(listener_, [&](control::Output& out) {
        engine_->put_customer(now, customer_of(customer), out);
        engine_->put_connection(now, std::move(*translated), out);
    });
}

void IkeListeners::remove_connection(Now now, const Changes::RemoveConnection& gone) {
    unserved_.erase(gone.connection);
    drop(now, gone.customer, gone.connection);
    for (const PeerIndex peer : gone.peers) control_.assign_peer(peer, ListenerIndex{});
    leases_.drop(gone.connection);
}

void IkeListeners::drop(Now now, CustomerIndex customer, ConnectionIndex connection) {
    const auto held = served_.find(customer);
    if (held == served_.end() || held->second.erase(connection) == 0) return;
    control_.change(listener_, [&](control::Output& out) { engine_->remove_connection(now, connection, out); });
    if (!held->second.empty()) return;
    served_.erase(held);
    engine_->remove_customer(customer);
}

void IkeListeners::operate(Now now, ConnectionIndex connection, ipc::ConnectionAction action) {
    if (engine_ == nullptr) return;
    control_.change(listener_, [&](control::Output& out) {
        switch (action) {
            case ipc::ConnectionAction::kInitiate: (void)engine_->initiate(now, connection, out); return;
            case ipc::ConnectionAction::kRekey:
                (void)engine_->rekey(now, connection, ike::Engine::Rekey::kBoth, out);
                return;
            case ipc::ConnectionAction::kTerminate: (void)engine_->terminate(now, connection, out); return;
        }
    });
}

std::string IkeListeners::why_unserved(ConnectionIndex connection) const {
    const auto found = unserved_.find(connection);
    return found == unserved_.end() ? std::string() : found->second;
}

void IkeListeners::forget_peer(Now /*now*/, ListenerIndex /*listener*/, const PeerIdentity& /*peer*/) {}
void IkeListeners::save(Now /*now*/, ListenerIndex /*listener*/, const control::Record& /*record*/) {}
void IkeListeners::note_changed(Now /*now*/, ListenerIndex /*listener*/, PeerIndex /*peer*/) {}
void IkeListeners::flush(Now /*now*/) {}

// An answer may lead to the next ask, and an ask to an answer at once.
void IkeListeners::run(Now now) {
    do {
        post_asks(now);
    } while (take_answers(now));
    tell_unserved();
}

bool IkeListeners::take_answers(Now now) {
    std::vector<KeyExchangeThread::Answered> exchanged = exchanges_->take();
    std::vector<AuthdChannel::Answered> told = authd_.take(now.instant);
    for (KeyExchangeThread::Answered& done : exchanged) answer(now, done.id, std::move(done.answer));
    for (AuthdChannel::Answered& done : told) answer(now, done.id, std::move(done.answer));
    return !exchanged.empty() || !told.empty();
}

void IkeListeners::answer(Now now, ike::AskId id, ike::Answer answer) {
    if (engine_ == nullptr) return;
    control_.change(listener_, [&](control::Output& out) { engine_->handle_answer(now, id, std::move(answer), out); });
}

void IkeListeners::post_asks(Now now) {
    if (engine_ == nullptr) return;
    for (ike::Ask& ask : engine_->take_asks()) {
        if (auto* const exchange = std::get_if<ike::KeyExchangeAsk>(&ask.question)) {
            exchanges_->post(ask.id, std::move(*exchange), ask.may_wait);
        } else {
            authd_.post(now.instant, ask.id, std::move(ask.question), ask.may_wait);
        }
    }
}

void IkeListeners::tell_unserved() {
    if (unserved_.size() == std::exchange(told_, unserved_.size()) || unserved_.empty()) return;
    log(LogLevel::kWarn, "connections_not_served",
        {{"connections", std::to_string(unserved_.size())}, {"reason", unserved_.begin()->second}});
}

}  // namespace warren::vpnd
