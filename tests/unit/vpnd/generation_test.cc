// A generation is whole or not at all, whatever order the messages come in.
#include "vpnd/customers/generation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "tests/unit/vpnd/fixtures.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

constexpr std::uint32_t kWorkers = 2;
// Two message sockets and two data sockets for each of two families, and the UAPI listener.
constexpr std::size_t kOfFamily = 2 + kWorkers;
constexpr std::size_t kListenerDescriptors = 2 * kOfFamily + 1;

ipc::PutListener listener() {
    ipc::PutListener put = test::put_listener("", 1);
    put.roles = test::roles(kWorkers, true);
    return put;
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

// Feeds a message that is not a Commit.
void feed(Staging& staging, ipc::ConfigMessage message, std::size_t descriptors = 0) {
    CHECK_FALSE(staging.feed(std::move(message), test::any_descriptors(descriptors)).has_value());
}

Result<Generation> commit(Staging& staging, std::uint64_t number, std::size_t descriptors = 0) {
    auto finished = staging.feed(ipc::Commit{number}, test::any_descriptors(descriptors));
    REQUIRE(finished.has_value());
    return std::move(*finished);
}

std::vector<Prefix> prefixes(std::size_t count, std::uint8_t first = 10) {
    std::vector<Prefix> out;
    for (std::size_t i = 0; i < count; ++i)
        out.push_back({IpAddress::v4(first, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 0), 24});
    return out;
}

// A peer with one prefix that announces more.
ipc::PutPeer long_peer(std::uint32_t follow) {
    ipc::PutPeer peer = test::put_peer(2, {"10.255.255.0/24"});
    peer.prefixes_follow = follow;
    return peer;
}

void feed_good_generation(Staging& staging, std::uint64_t number) {
    feed(staging, ipc::Begin{number, true});
    feed(staging, ipc::RenameCustomer{"initrode", "acme"});
    feed(staging, listener(), kListenerDescriptors);
    feed(staging, test::put_customer("acme", 2), 1);
    feed(staging, test::put_peer(2, {"10.1.0.0/16"}));
    feed(staging, test::put_peer(3, {"10.2.0.0/16"}));
    feed(staging, test::put_customer("globex", 0), 1);
    feed(staging, ipc::RemoveCustomer{"initech"});
    feed(staging, ipc::RemoveListener{{"initech"}});
}

// Feeds `wrong` where it does not belong and sees that the generation is spoiled, and only that one.
void check_spoils(std::vector<std::pair<ipc::ConfigMessage, std::size_t>> wrong) {
    Staging staging(kWorkers);
    feed(staging, ipc::Begin{1, true});
    for (auto& [message, descriptors] : wrong) feed(staging, std::move(message), descriptors);
    const auto refused = commit(staging, 1);
    REQUIRE_FALSE(refused);
    CHECK_FALSE(refused.error().what.empty());
    feed_good_generation(staging, 2);
    CHECK(commit(staging, 2));
}

std::vector<std::pair<ipc::ConfigMessage, std::size_t>> one(ipc::ConfigMessage message, std::size_t descriptors) {
    std::vector<std::pair<ipc::ConfigMessage, std::size_t>> out;
    out.emplace_back(std::move(message), descriptors);
    return out;
}

}  // namespace

TEST_CASE("a map between networks of different lengths or families, or with host bits, spoils the generation") {
    const std::vector<ipc::PrefixMap> wrong{{*parse_prefix("10.0.1.0/24"), *parse_prefix("10.101.0.0/16")},
                                            {*parse_prefix("10.0.1.0/24"), *parse_prefix("fd00::/24")},
                                            {*parse_prefix("10.0.1.5/24"), *parse_prefix("10.101.1.0/24")},
                                            {*parse_prefix("10.0.1.0/24"), *parse_prefix("10.101.1.7/24")}};
    for (const ipc::PrefixMap& map : wrong) {
        ipc::PutPeer peer = test::put_peer(2, {"10.101.1.0/24"});
        peer.settings.maps = {{*parse_prefix("10.0.2.0/24"), *parse_prefix("10.101.2.0/24")}, map};
        auto messages = one(test::put_customer("acme", 1), 1);
        messages.emplace_back(std::move(peer), 0);
        check_spoils(std::move(messages));
    }
}

TEST_CASE("a generation comes out as it was put in, with its descriptors in their places") {
    Staging staging(kWorkers);
    feed_good_generation(staging, 9);
    auto generation = commit(staging, 9);
    REQUIRE(generation);
    CHECK(generation->number == 9);
    CHECK(generation->full);
    CHECK(generation->renames == std::vector<Rename>{{"initrode", "acme"}});
    REQUIRE(generation->listeners.size() == 1);
    ListenerSockets& sockets = generation->listeners[0].sockets;
    CHECK(sockets.descriptors.size() == kListenerDescriptors);
    for (const ipc::DescriptorRole& role : test::roles(kWorkers, true)) {
        CHECK(sockets.take(role).valid());
        CHECK_FALSE(sockets.take(role).valid());
    }
    REQUIRE(generation->customers.size() == 2);
    CHECK(generation->customers[0].peers.size() == 2);
    CHECK(generation->customers[0].tuns.size() == 1);
    CHECK(generation->customers[1].peers.empty());
    CHECK(generation->removed_customers == std::vector<std::string>{"initech"});
    CHECK(generation->removed_listeners == std::vector<ipc::ListenerId>{{"initech"}});
}

TEST_CASE("a listener may bring as many surplus sockets as a former vpnd can have had") {
    std::vector<ipc::DescriptorRole> roles = test::roles(kWorkers, true);
    for (std::uint16_t i = 0; i < ipc::kMaxWorkers; ++i) roles.push_back({ipc::SocketRole::kSurplus, Family::kV6, i});
    CHECK(ipc::check_roles(ipc::ListenerKind::kWireguard, roles, kWorkers).has_value());
    roles.push_back(roles.back());
    CHECK_FALSE(ipc::check_roles(ipc::ListenerKind::kWireguard, roles, kWorkers).has_value());
    roles.back().worker = ipc::kMaxWorkers;
    CHECK_FALSE(ipc::check_roles(ipc::ListenerKind::kWireguard, roles, kWorkers).has_value());
}

TEST_CASE("a peer's prefixes come in as many messages as they need, in their order") {
    Staging staging(kWorkers);
    feed(staging, ipc::Begin{1, true});
    feed(staging, test::put_customer("acme", 2), 1);
    feed(staging, long_peer(ipc::kMaxPrefixesPerPeer - 1));
    const auto most = prefixes(ipc::kMaxPrefixesPerPeer - 1);
    for (std::size_t from = 0; from < most.size(); from += ipc::kPrefixesPerMessage) {
        const auto end = std::min(from + ipc::kPrefixesPerMessage, most.size());
        feed(staging, ipc::PutPrefixes{{most.begin() + static_cast<std::ptrdiff_t>(from),
                                        most.begin() + static_cast<std::ptrdiff_t>(end)}});
    }
    feed(staging, test::put_peer(3, {"10.2.0.0/16"}));
    const auto generation = commit(staging, 1);
    REQUIRE(generation);
    const ipc::PutPeer& peer = generation->customers.at(0).peers.at(0);
    REQUIRE(peer.settings.allowed_ips.size() == ipc::kMaxPrefixesPerPeer);
    CHECK(peer.settings.allowed_ips.front() == *parse_prefix("10.255.255.0/24"));
    CHECK(std::equal(most.begin(), most.end(), peer.settings.allowed_ips.begin() + 1));
    CHECK(peer.prefixes_follow == 0);
    CHECK(generation->customers[0].peers.at(1).settings.allowed_ips.size() == 1);
}

TEST_CASE("prefixes that are not those announced spoil the generation") {
    const auto after_peer = [](std::uint32_t follow) {
        auto wrong = one(test::put_customer("acme", 1), 1);
        wrong.emplace_back(long_peer(follow), 0);
        return wrong;
    };
    SUBCASE("before any customer") {
        check_spoils(one(ipc::PutPrefixes{prefixes(1)}, 0));
    }
    SUBCASE("before any peer of the customer") {
        auto wrong = after_peer(0);
        wrong.emplace_back(test::put_customer("globex", 0), 1);
        wrong.emplace_back(ipc::PutPrefixes{prefixes(1)}, 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("none announced") {
        auto wrong = after_peer(0);
        wrong.emplace_back(ipc::PutPrefixes{prefixes(1)}, 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("one more") {
        auto wrong = after_peer(3);
        wrong.emplace_back(ipc::PutPrefixes{prefixes(2)}, 0);
        wrong.emplace_back(ipc::PutPrefixes{prefixes(2, 11)}, 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("one less, at the end") {
        auto wrong = after_peer(3);
        wrong.emplace_back(ipc::PutPrefixes{prefixes(2)}, 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("one less, before another customer") {
        auto wrong = after_peer(3);
        wrong.emplace_back(ipc::PutPrefixes{prefixes(2)}, 0);
        wrong.emplace_back(test::put_customer("globex", 0), 1);
        check_spoils(std::move(wrong));
    }
    SUBCASE("one less, before another peer") {
        auto wrong = one(test::put_customer("acme", 2), 1);
        wrong.emplace_back(long_peer(3), 0);
        wrong.emplace_back(ipc::PutPrefixes{prefixes(2)}, 0);
        wrong.emplace_back(test::put_peer(3, {"10.2.0.0/16"}), 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("an empty message") {
        auto wrong = after_peer(1);
        wrong.emplace_back(ipc::PutPrefixes{}, 0);
        wrong.emplace_back(ipc::PutPrefixes{prefixes(1)}, 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("with a descriptor") {
        auto wrong = after_peer(1);
        wrong.emplace_back(ipc::PutPrefixes{prefixes(1)}, 1);
        check_spoils(std::move(wrong));
    }
    SUBCASE("more than a peer may have") {
        auto wrong = after_peer(ipc::kMaxPrefixesPerPeer);
        for (std::size_t left = ipc::kMaxPrefixesPerPeer; left > 0; left -= ipc::kPrefixesPerMessage)
            wrong.emplace_back(ipc::PutPrefixes{prefixes(ipc::kPrefixesPerMessage)}, 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("of a peer that keeps those it has") {
        auto wrong = one(test::put_customer("acme", 1), 1);
        ipc::PutPeer peer = test::put_peer(2, {"10.1.0.0/16"});
        peer.same_prefixes = true;
        wrong.emplace_back(std::move(peer), 0);
        check_spoils(std::move(wrong));
    }
}

TEST_CASE("what does not belong spoils the generation it stands in and no other") {
    SUBCASE("a peer before any customer") {
        check_spoils(one(test::put_peer(2, {}), 0));
    }
    SUBCASE("more queues than workers") {
        auto customer = test::put_customer("acme", 0);
        customer.queues = kWorkers + 1;
        check_spoils(one(std::move(customer), kWorkers + 1));
    }
    SUBCASE("no queue") {
        auto customer = test::put_customer("acme", 0);
        customer.queues = 0;
        check_spoils(one(std::move(customer), 0));
    }
    SUBCASE("fewer descriptors than queues") {
        auto customer = test::put_customer("acme", 0);
        customer.queues = 2;
        check_spoils(one(std::move(customer), 1));
    }
    SUBCASE("a peer of no queue") {
        auto wrong = one(test::put_customer("acme", 1), 1);
        auto peer = test::put_peer(2, {});
        peer.queue = 1;
        wrong.emplace_back(std::move(peer), 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("a peer more than announced") {
        auto wrong = one(test::put_customer("acme", 1), 1);
        wrong.emplace_back(test::put_peer(2, {}), 0);
        wrong.emplace_back(test::put_peer(3, {}), 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("a peer less than announced, at the end") {
        check_spoils(one(test::put_customer("acme", 1), 1));
    }
    SUBCASE("a peer less than announced, before another customer") {
        auto wrong = one(test::put_customer("acme", 1), 1);
        wrong.emplace_back(test::put_customer("globex", 0), 1);
        check_spoils(std::move(wrong));
    }
    SUBCASE("a peer with a descriptor") {
        auto wrong = one(test::put_customer("acme", 1), 1);
        wrong.emplace_back(test::put_peer(2, {}), 1);
        check_spoils(std::move(wrong));
    }
    SUBCASE("a listener with too few descriptors") {
        check_spoils(one(listener(), kListenerDescriptors - 1));
    }
    SUBCASE("a listener with too many descriptors") {
        check_spoils(one(listener(), kListenerDescriptors + 1));
    }
    SUBCASE("a listener without sockets that brings some") {
        auto put = listener();
        put.roles.clear();
        check_spoils(one(std::move(put), kListenerDescriptors));
    }
    SUBCASE("a listener with a role twice") {
        auto put = listener();
        put.roles.push_back(put.roles.front());
        check_spoils(one(std::move(put), kListenerDescriptors + 1));
    }
    SUBCASE("a listener without the data socket of one worker") {
        auto put = listener();
        put.roles.erase(put.roles.begin() + 1);
        check_spoils(one(std::move(put), kListenerDescriptors - 1));
    }
    SUBCASE("a listener without the message socket of a family that it has") {
        auto put = listener();
        put.roles.erase(put.roles.begin() + kOfFamily);
        check_spoils(one(std::move(put), kListenerDescriptors - 1));
    }
    SUBCASE("a listener without the socket of solicited messages") {
        auto put = listener();
        put.roles.erase(put.roles.begin() + kOfFamily - 1);
        check_spoils(one(std::move(put), kListenerDescriptors - 1));
    }
    SUBCASE("a listener for IPv6 alone") {
        auto put = listener();
        put.roles.erase(put.roles.begin(), put.roles.begin() + kOfFamily);
        check_spoils(one(std::move(put), kListenerDescriptors - kOfFamily));
    }
    SUBCASE("a listener with the data socket of a worker that there is not") {
        auto put = listener();
        put.roles.push_back({ipc::SocketRole::kData, Family::kV4, kWorkers});
        check_spoils(one(std::move(put), kListenerDescriptors + 1));
    }
    SUBCASE("a listener with a message socket of one worker") {
        auto put = listener();
        put.roles.push_back({ipc::SocketRole::kMessages, Family::kV4, 1});
        check_spoils(one(std::move(put), kListenerDescriptors + 1));
    }
    SUBCASE("a customer without its tun") {
        check_spoils(one(test::put_customer("acme", 0), 0));
    }
    SUBCASE("a customer with two tuns") {
        check_spoils(one(test::put_customer("acme", 0), 2));
    }
    SUBCASE("a removal with a descriptor") {
        check_spoils(one(ipc::RemoveCustomer{"acme"}, 1));
    }
    SUBCASE("a rename with a descriptor") {
        check_spoils(one(ipc::RenameCustomer{"acme", "globex"}, 1));
    }
    SUBCASE("messages that only vpnd sends") {
        check_spoils(one(ipc::Applied{1}, 0));
        check_spoils(one(ipc::Rejected{1, ""}, 0));
        check_spoils(one(ipc::HoldingListener{}, 0));
        check_spoils(one(ipc::HoldingCustomer{}, 0));
        check_spoils(one(ipc::HoldingEnd{}, 0));
    }
}

TEST_CASE("nothing counts outside of Begin and Commit") {
    Staging staging(kWorkers);
    CHECK_FALSE(commit(staging, 0));
    CHECK_FALSE(commit(staging, 1));
    feed(staging, test::put_customer("acme", 0), 1);
    CHECK_FALSE(commit(staging, 1));
    feed_good_generation(staging, 2);
    CHECK(commit(staging, 2));
    CHECK_FALSE(commit(staging, 2));  // it was taken
}

TEST_CASE("the Commit of another generation finishes none") {
    Staging staging(kWorkers);
    feed_good_generation(staging, 3);
    CHECK_FALSE(commit(staging, 4));
    CHECK_FALSE(commit(staging, 3));
}

TEST_CASE("a Begin gives up the generation before it") {
    Staging staging(kWorkers);
    feed(staging, ipc::Begin{1, true});
    feed(staging, test::put_customer("initech", 0), 1);
    feed(staging, test::put_peer(2, {}));  // spoils it
    feed(staging, ipc::Begin{2, false});
    feed(staging, test::put_customer("acme", 0), 1);
    const auto generation = commit(staging, 2);
    REQUIRE(generation);
    CHECK_FALSE(generation->full);
    REQUIRE(generation->customers.size() == 1);
    CHECK(generation->customers[0].put.settings.id == "acme");
}

TEST_CASE("a generation that is not finished leaves no descriptor open") {
    const std::size_t before = open_descriptors();
    {
        Staging staging(kWorkers);
        feed_good_generation(staging, 1);
        staging.reset();
        CHECK(open_descriptors() == before);
        CHECK_FALSE(commit(staging, 1));
        feed(staging, test::put_customer("acme", 0), 5);
        CHECK(open_descriptors() == before);
        feed_good_generation(staging, 2);
        CHECK_FALSE(commit(staging, 3, 3));
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("each Commit gets one answer, whatever came before") {
    std::mt19937 random(4711);
    Staging staging(kWorkers);
    for (int i = 0; i < 5000; ++i) {
        ipc::ConfigMessage message;
        switch (random() % 9) {
            case 0: message = ipc::Begin{random() % 3, random() % 2 == 0}; break;
            case 1: message = listener(); break;
            case 2: message = test::put_customer("acme", static_cast<std::uint32_t>(random() % 2)); break;
            case 3: message = ipc::PutPeer{}; break;
            case 4: message = ipc::RemoveCustomer{"acme"}; break;
            case 5: message = ipc::Applied{}; break;
            case 6: message = ipc::PutPrefixes{prefixes(random() % 2)}; break;
            default: message = ipc::Commit{random() % 3}; break;
        }
        const bool is_commit = std::holds_alternative<ipc::Commit>(message);
        const bool answered = staging.feed(std::move(message), test::any_descriptors(random() % 2)).has_value();
        CHECK(answered == is_commit);
    }
}

namespace {

// A customer that announces a connection, and that connection.
ipc::PutCustomer ipsec_customer(std::uint32_t connections = 1) {
    ipc::PutCustomer put = test::put_customer("acme", 0);
    put.ipsec.emplace().identity = {IkeIdentityType::kFqdn, false, "acme.example"};
    put.connection_count = connections;
    return put;
}
ipc::PutConnection connection() {
    ipc::PutConnection put;
    put.settings.name = "graz";
    const std::vector<Prefix> lan{*parse_prefix("10.1.0.0/16")};
    put.settings.children = {{"lan", lan, lan, lan}};
    put.psk = 7;
    return put;
}

}  // namespace

TEST_CASE("connections come behind their customer, as many as it announced, beside its peers") {
    Staging staging(kWorkers);
    feed(staging, ipc::Begin{1, true});
    ipc::PutCustomer customer = ipsec_customer(2);
    customer.peer_count = 1;
    feed(staging, std::move(customer), 1);
    feed(staging, connection());
    feed(staging, test::put_peer(2, {"10.2.0.0/16"}));
    feed(staging, connection());
    const auto generation = commit(staging, 1);
    REQUIRE(generation);
    REQUIRE(generation->customers.size() == 1);
    CHECK(generation->customers[0].connections.size() == 2);
    CHECK(generation->customers[0].connections[0] == connection());
    CHECK(generation->customers[0].peers.size() == 1);
}

TEST_CASE("a connection that is wrong, or where none belongs, spoils the generation") {
    const auto with = [](ipc::PutConnection put) {
        std::vector<std::pair<ipc::ConfigMessage, std::size_t>> out;
        out.emplace_back(ipsec_customer(), 1);
        out.emplace_back(std::move(put), 0);
        return out;
    };
    SUBCASE("before any customer") {
        std::vector<std::pair<ipc::ConfigMessage, std::size_t>> wrong;
        wrong.emplace_back(connection(), 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("one too many") {
        auto wrong = with(connection());
        wrong.emplace_back(connection(), 0);
        check_spoils(std::move(wrong));
    }
    SUBCASE("one too few") {
        std::vector<std::pair<ipc::ConfigMessage, std::size_t>> wrong;
        wrong.emplace_back(ipsec_customer(), 1);
        check_spoils(std::move(wrong));
    }
    SUBCASE("of a customer without IPsec") {
        auto wrong = with(connection());
        std::get<ipc::PutCustomer>(wrong[0].first).ipsec.reset();
        check_spoils(std::move(wrong));
    }
    SUBCASE("with a descriptor") {
        auto wrong = with(connection());
        wrong[1].second = 1;
        check_spoils(std::move(wrong));
    }
    SUBCASE("of a queue that the TUN does not have") {
        ipc::PutConnection put = connection();
        put.queue = 1;
        check_spoils(with(std::move(put)));
    }
    SUBCASE("without its preshared key") {
        ipc::PutConnection put = connection();
        put.psk = kNoSecret;
        check_spoils(with(std::move(put)));
    }
    SUBCASE("with a preshared key that it does not have") {
        ipc::PutConnection put = connection();
        put.settings.auth = IpsecAuth::kCertificate;
        check_spoils(with(std::move(put)));
    }
    SUBCASE("without children") {
        ipc::PutConnection put = connection();
        put.settings.children.clear();
        check_spoils(with(std::move(put)));
    }
}
