// What an operator asks for arrives whole.
#include "stacks/control_server.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "ipc/channel.h"
#include "room.h"

namespace warren::stacks {
namespace {

TEST_CASE("the longest names of a customer and a peer fit in a request") {
    const std::string directory = fresh_directory();
    const std::string path = directory + "/control.sock";
    auto server = ControlServer::listen(path);
    REQUIRE(server);
    auto client = ipc::Channel::connect(path);
    REQUIRE(client);
    const std::string customer(63, 'c');
    const std::string peer(63, 'p');
    std::vector<std::uint8_t> wire;
    REQUIRE(ipc::encode(ipc::ControlRequest{ipc::ControlVerb::kResetPeer, std::nullopt, customer, peer}, wire));
    REQUIRE(client->send(wire));
    std::vector<ipc::ControlRequest> received;
    server->serve_one(
        [&](const ipc::ControlRequest& request) {
            received.push_back(request);
            return Report{};
        },
        [] { return std::uint64_t{1}; });
    REQUIRE(received.size() == 1);
    CHECK(received[0].verb == ipc::ControlVerb::kResetPeer);
    CHECK(received[0].customer == customer);
    CHECK(received[0].peer == peer);
    std::filesystem::remove_all(directory);
}

TEST_CASE("a request that cannot be answered now waits, and is answered in its turn") {
    const std::string directory = fresh_directory();
    const std::string path = directory + "/control.sock";
    auto server = ControlServer::listen(path);
    REQUIRE(server);
    auto client = ipc::Channel::connect(path);
    REQUIRE(client);
    std::vector<std::uint8_t> wire;
    REQUIRE(ipc::encode(ipc::ControlRequest{ipc::ControlVerb::kApply, std::nullopt, "", ""}, wire));
    REQUIRE(client->send(wire));
    const auto generation = [] { return std::uint64_t{7}; };
    server->serve_one([](const ipc::ControlRequest&) -> std::optional<Report> { return std::nullopt; }, generation);
    REQUIRE(server->has_waiting());
    server->serve_waiting(
        [](const ipc::ControlRequest& request) {
            CHECK(request.verb == ipc::ControlVerb::kApply);
            return Report{{}, true, 0, "done"};
        },
        generation);
    CHECK_FALSE(server->has_waiting());
    std::vector<std::uint8_t> space(1024);
    const auto received = client->receive(space);
    REQUIRE(received);
    const auto answer = ipc::decode_control(Bytes(space).first(received->size));
    REQUIRE(answer);
    const auto* const done = std::get_if<ipc::ControlDone>(&*answer);
    REQUIRE(done != nullptr);
    CHECK(done->summary == "done");
    CHECK(done->generation == 7);
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace warren::stacks
