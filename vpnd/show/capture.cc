#include "vpnd/show/capture.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace warren::vpnd {

namespace {

// As the sandbox lets us ask; stackd has asked more.
bool is_packet_socket(int fd) {
    const auto option = [fd](int name) {
        int value = -1;
        socklen_t size = sizeof value;
        return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
    };
    return option(SO_DOMAIN) == AF_UNIX && option(SO_TYPE) == SOCK_SEQPACKET;
}

bool is_hung_up(int fd) {
    std::array<std::uint8_t, 1> space{};
    const ssize_t got = ::recv(fd, space.data(), space.size(), MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

}  // namespace

Result<Capture> Capture::make(io::ControlWorker& control, const CustomerSet& customers) {
    auto loop = io::EventLoop::make();
    if (!loop) return tl::unexpected<Error>(loop.error());
    return Capture(std::move(*loop), control, customers);
}

void Capture::start(const std::string& customer, const std::string& peer, UniqueFd socket) {
    run();
    if (!is_packet_socket(socket.get())) return;
    auto sink = std::make_shared<CaptureSink>(std::move(socket));
    const auto refuse = [&sink](const std::string& why) { sink->say(ipc::CaptureKind::kRefused, why); };
    if (is_running()) {
        const HeldCustomer* const busy = find();
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(read_clock().instant - began_).count();
        return refuse("a capture of customer " + (busy == nullptr ? std::string("?") : busy->settings.id) +
                      " has run for " + std::to_string(age) +
                      " s, and there is one at a time; the log says who asked for it (capture_requested)");
    }
    const auto found = customers_->customers().find(customer);
    if (found == customers_->customers().end()) return refuse("vpnd does not serve customer " + customer);
    customer_ = found->second.index;
    peer_ = peer;
    const auto only = peers_of(found->second);
    if (!only) return refuse("customer " + customer + " has no peer and no connection " + peer);
    if (const Status added = loop_.add(sink->fd(), 0); !added) return refuse(added.error().what);
    sink_ = std::move(sink);
    began_ = read_clock().instant;
    // Before the first packet.
    sink_->say(ipc::CaptureKind::kStarted, customer);
    post_taps(found->second, *only);
    log(LogLevel::kInfo, "capture_started", {{"customer", customer}, {"peer", peer}});
}

void Capture::run() {
    if (ended_ != nullptr && ended_->say(ipc::CaptureKind::kEnded, ended_why_)) let_go();
    if (is_running() && is_hung_up(sink_->fd())) end("the reader hung up");
}

void Capture::let_go() {
    if (ended_ != nullptr) loop_.remove(ended_->fd());
    ended_.reset();
}

void Capture::note_generation() {
    if (!is_running()) return;
    const HeldCustomer* const customer = find();
    if (customer == nullptr) return end("the customer is gone");
    const auto only = peers_of(*customer);
    if (!only) return end("the peer is gone");
    post_taps(*customer, *only);
}

void Capture::forget(CustomerIndex customer) {
    if (is_running() && customer == customer_ && find() == nullptr) end("the customer is gone");
}

const HeldCustomer* Capture::find() const {
    for (const auto& [id, customer] : customers_->customers()) {
        if (customer.index == customer_) return &customer;
    }
    return nullptr;
}

std::optional<std::vector<PeerIndex>> Capture::peers_of(const HeldCustomer& customer) const {
    if (peer_.empty()) return std::vector<PeerIndex>{};
    for (const HeldPeer& peer : customer.peers) {
        if (peer.config.settings.name == peer_) return std::vector<PeerIndex>{peer.index};
    }
    for (const HeldConnection& connection : customer.connections) {
        if (connection.config.settings.name == peer_) return connection.peers;
    }
    return std::nullopt;
}

void Capture::post_taps(const HeldCustomer& customer, const std::vector<PeerIndex>& only) {
    for (const std::uint32_t worker : customer.workers) {
        auto tap = std::make_unique<io::Tap>();
        tap->customer = customer.index;
        tap->only = only;
        for (const HeldPeer& peer : customer.peers) tap->names[peer.index] = peer.config.settings.name;
        for (const HeldConnection& connection : customer.connections) {
            for (const PeerIndex peer : connection.peers) tap->names[peer] = connection.config.settings.name;
        }
        for (const HeldListener* listener : customers_->listeners_of(customer.settings.id))
            tap->ports[listener->index] = listener->port;
        tap->sink = sink_;
        control_->post(worker, io::SetTap{std::move(tap)});
    }
}

void Capture::end(const std::string& why) {
    for (std::uint32_t worker = 0; worker < control_->worker_count(); ++worker) control_->post(worker, io::SetTap{});
    const HeldCustomer* const customer = find();
    log(LogLevel::kInfo, "capture_ended",
        {{"customer", customer == nullptr ? std::string() : customer->settings.id},
         {"peer", peer_},
         {"reason", why},
         {"packets", std::to_string(sink_->sent())},
         {"lost", std::to_string(sink_->lost())}});
    if (sink_->say(ipc::CaptureKind::kEnded, why)) {
        loop_.remove(sink_->fd());
    } else {
        let_go();
        ended_ = sink_;
        ended_why_ = why;
        loop_.change(ended_->fd(), 0, EPOLLOUT);
    }
    sink_.reset();
    customer_ = CustomerIndex{};
}

}  // namespace warren::vpnd
