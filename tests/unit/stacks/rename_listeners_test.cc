// A customer with a listener of its own gets another id: its control socket gets the new name.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>

#include "room.h"
#include "stacks/children/inspection.h"

namespace warren::stacks {
namespace {

constexpr const char* kOwnListener = "[wireguard]\nlisten_port = 51877\nprivate_key = { secret = \"uplink\" }\n";

// What a vpnd has: the shared listener, and the own one of `owner`.
Holdings held_by_vpnd(const std::string& owner) {
    Holdings holdings;
    for (const auto& [id, port] : std::map<std::string, std::uint16_t>{{"", 51820}, {owner, 51877}}) {
        ReturnedListener& listener = holdings.listeners[{id}];
        listener.port = port;
        listener.roles = {{ipc::SocketRole::kMessages}, {ipc::SocketRole::kData}, {ipc::SocketRole::kControl}};
        for (int i = 0; i < 3; ++i) listener.descriptors.push_back(some_descriptor());
    }
    return holdings;
}

void make_stack_with_tunnel(Room& room, const std::string& id) {
    FakeStack& stack = room.kernel.stacks["warren-" + id] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, id));
    room.kernel.add_link(stack, {kTunnelDevice, 0, "tun", "", "noqueue", 1420, kTunnelQueueLength, 0, true});
}

TEST_CASE("a customer that is renamed while its file has errors gets its control socket with the mended file") {
    Room room;
    make_stack_with_tunnel(room, "initech");
    room.break_customer("initech");
    Holdings holdings = held_by_vpnd("acme");
    holdings.tunnels["acme"].push_back(some_descriptor());
    room.reconciler.adopt(std::move(holdings), {{"acme", "initech"}});
    REQUIRE(room.apply(Reconciler::Removals::kKeep).accepted);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "rename customer acme to initech", "listener '' 51820", "commit"}));
    room.write_customer("initech", 'A', kOwnListener);
    const Report report = room.apply(Reconciler::Removals::kKeep);
    REQUIRE_MESSAGE(report.accepted, report.summary);
    CHECK(contains(room.received(), "listener 'initech' 51877 with sockets"));
    CHECK(std::filesystem::exists(room.directory_ + "/uapi/warren-initech.sock"));
    REQUIRE(room.apply(Reconciler::Removals::kKeep).accepted);
    CHECK(joined(room.received()) == joined(Lines{"begin", "commit"}));
    room.reconciler.close_listeners();
}

UniqueFd listening_at(const std::string& path) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket.get(), 1) == 0);
    return socket;
}

TEST_CASE("a control socket with another customer's name is made anew") {
    for (const std::string name : {"acme", "initech"}) {
        CAPTURE(name);
        Room room;
        room.write_customer("initech", 'A', kOwnListener);
        Holdings holdings = held_by_vpnd("initech");
        holdings.listeners[{"initech"}].descriptors.back() =
            listening_at(room.directory_ + "/warren-" + name + ".sock");
        room.reconciler.adopt(std::move(holdings));
        const Report report = room.apply(Reconciler::Removals::kKeep);
        REQUIRE_MESSAGE(report.accepted, report.summary);
        const Lines received = room.received();
        CHECK(contains(received, "listener 'initech' 51877"));
        CHECK(contains(received, "listener 'initech' 51877 with sockets") == (name == "acme"));
        room.reconciler.close_listeners();
    }
}

TEST_CASE("a vpnd that has a listener of the new id is not told of the rename, unless that customer is renamed too") {
    const std::vector<Rename> first{{"acme", "globex"}};
    const std::vector<Rename> both{{"acme", "globex"}, {"globex", "initech"}};
    for (const std::string owner : {"globex", "hooli"}) {
        CAPTURE(owner);
        Holdings holdings = held_by_vpnd(owner);
        holdings.tunnels["acme"].push_back(some_descriptor());
        CHECK(possible_renames(holdings, first).empty() == (owner == "globex"));
        CHECK(possible_renames(holdings, both) == both);
        holdings.tunnels["globex"].push_back(some_descriptor());
        CHECK(possible_renames(holdings, first).empty());
        CHECK(possible_renames(holdings, both) == both);
    }
}

TEST_CASE("vpnd is told of a rename of a customer of which it has the listener alone") {
    Room room;
    make_stack_with_tunnel(room, "globex");
    room.write_customer("globex", 'A');
    room.write_customer("initech", 'B', kOwnListener);
    Holdings holdings = held_by_vpnd("globex");
    holdings.tunnels["acme"].push_back(some_descriptor());
    room.reconciler.adopt(std::move(holdings), {{"acme", "globex"}, {"globex", "initech"}});
    REQUIRE(room.apply(Reconciler::Removals::kKeep).accepted);
    const Lines received = room.received();
    CHECK(contains(received, "rename customer acme to globex"));
    CHECK(contains(received, "rename customer globex to initech"));
    CHECK_FALSE(contains(received, "remove listener"));
    CHECK(contains(received, "listener 'initech' 51877 with sockets"));
    room.reconciler.close_listeners();
}

}  // namespace
}  // namespace warren::stacks
