#include "fake_vpnd.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

namespace warren::stacks {

namespace {

std::string groups_of(const ipc::CustomerSettings& settings) {
    std::string out;
    for (const ipc::ShareGroup& group : settings.groups) out += " of " + group.id + " " + std::to_string(group.share);
    return out;
}

std::string line_of(const ipc::ConfigMessage& message, std::size_t descriptors) {
    const std::string brought = descriptors == 0 ? "" : " +" + std::to_string(descriptors) + " descriptors";
    if (const auto* begin = std::get_if<ipc::Begin>(&message)) return begin->full ? "begin full" : "begin";
    if (const auto* put = std::get_if<ipc::PutListener>(&message))
        return to_string(put->id) + " " + std::to_string(put->port) + (put->roles.empty() ? "" : " with sockets") +
               brought;
    if (const auto* put = std::get_if<ipc::PutCustomer>(&message))
        return "customer " + put->settings.id + groups_of(put->settings) +
               (put->settings.suspended ? " suspended" : "") + (put->has_tun ? " with tun" : "") + brought +
               (put->ipsec ? ", " + std::to_string(put->connection_count) + " connections" : "");
    if (const auto* put = std::get_if<ipc::PutTunnel>(&message)) return "tunnel of " + put->customer + brought;
    if (const auto* put = std::get_if<ipc::PutConnection>(&message)) return "connection " + put->settings.name;
    if (const auto* put = std::get_if<ipc::PutPeer>(&message)) {
        const auto& endpoint = put->settings.endpoint;
        return "peer " + put->settings.name + (endpoint ? " at " + to_string(*endpoint) : "") +
               (put->same_prefixes ? " with the same prefixes" : "") +
               (put->prefixes_follow == 0 ? "" : ", " + std::to_string(put->prefixes_follow) + " prefixes follow");
    }
    if (const auto* put = std::get_if<ipc::PutPrefixes>(&message))
        return std::to_string(put->prefixes.size()) + " prefixes";
    if (const auto* rename = std::get_if<ipc::RenameCustomer>(&message))
        return "rename customer " + rename->from + " to " + rename->to;
    if (const auto* remove = std::get_if<ipc::RemoveCustomer>(&message)) return "remove customer " + remove->id;
    if (const auto* remove = std::get_if<ipc::RemoveListener>(&message)) return "remove " + to_string(remove->id);
    if (std::holds_alternative<ipc::Commit>(message)) return "commit";
    return "something else";
}

}  // namespace

FakeVpnd::FakeVpnd() {
    auto ends = ipc::Channel::pair();
    REQUIRE(ends.has_value());
    near_ = std::move(ends->first);
    far_ = std::move(ends->second);
    thread_ = std::thread([this] { run(); });
}

FakeVpnd::~FakeVpnd() {
    near_ = {};
    ::shutdown(far_.fd(), SHUT_RDWR);
    thread_.join();
}

std::vector<std::string> FakeVpnd::received() {
    const std::lock_guard lock(mutex_);
    return std::exchange(received_, {});
}

std::string FakeVpnd::networks_of(const std::string& peer) {
    const std::lock_guard lock(mutex_);
    return networks_[peer];
}

void FakeVpnd::answer_with(std::vector<std::string> answers) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
}

void FakeVpnd::say(const ipc::ConfigMessage& message) {
    std::vector<std::uint8_t> wire;
    REQUIRE(ipc::encode(message, wire).has_value());
    REQUIRE(far_.send(wire).has_value());
}

void FakeVpnd::run() {
    std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
    for (;;) {
        const auto received = far_.receive(space);
        if (!received || received->closed) return;
        const auto message = ipc::decode(Bytes(space).first(received->size));
        if (!message) return;
        {
            const std::lock_guard lock(mutex_);
            received_.push_back(line_of(*message, received->descriptors.size()));
            if (const auto* put = std::get_if<ipc::PutPeer>(&*message)) {
                std::string& networks = networks_[put->settings.name];
                networks.clear();
                for (const Prefix& each : put->settings.allowed_ips)
                    networks += (networks.empty() ? "" : " ") + to_string(each);
            }
        }
        const auto* commit = std::get_if<ipc::Commit>(&*message);
        if (commit != nullptr && !answer(commit->generation)) return;
    }
}

bool FakeVpnd::answer(std::uint64_t generation) {
    std::string with;
    {
        const std::lock_guard lock(mutex_);
        if (!answers_.empty()) {
            with = answers_.front();
            answers_.erase(answers_.begin());
        }
    }
    if (with == "hang up") {
        ::shutdown(far_.fd(), SHUT_RDWR);
        return false;
    }
    const ipc::ConfigMessage message = with.empty() ? ipc::ConfigMessage(ipc::Applied{generation})
                                                    : ipc::ConfigMessage(ipc::Rejected{generation, with});
    std::vector<std::uint8_t> wire;
    return ipc::encode(message, wire).has_value() && far_.send(wire).has_value();
}

}  // namespace warren::stacks
