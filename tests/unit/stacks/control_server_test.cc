// What an operator asks for arrives whole.
#include "stacks/control_server.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>

#include "ipc/channel.h"
#include "room.h"

namespace warren::stacks {
namespace {

TEST_CASE("the longest names and the longest comment fit in a request, a longer one is refused, and who asks is told") {
    const std::string directory = fresh_directory();
    const std::string path = directory + "/control.sock";
    auto server = ControlServer::listen(path);
    REQUIRE(server);
    auto client = ipc::Channel::connect(path);
    REQUIRE(client);
    const std::string customer(63, 'c');
    const std::string peer(63, 'p');
    std::vector<std::uint8_t> wire;
    ipc::ControlRequest request{ipc::ControlVerb::kResetPeer, std::nullopt, customer, peer};
    request.only = customer;
    request.comment = std::string(ipc::kMaxComment, 'x');
    request.claimed_user = std::string(ipc::kMaxClaimedUser, 'u');
    REQUIRE(ipc::encode(request, wire));
    REQUIRE(client->send(wire));
    std::vector<ipc::ControlRequest> received;
    uid_t asked_by = 12345;
    server->serve_one(
        [&](const ipc::ControlRequest& got, uid_t uid) {
            received.push_back(got);
            asked_by = uid;
            return Report{};
        },
        [] { return std::uint64_t{1}; });
    REQUIRE(received.size() == 1);
    CHECK(asked_by == ::geteuid());
    CHECK(received[0].comment == request.comment);
    for (std::string* text : {&request.comment, &request.claimed_user}) {
        *text += "y";
        auto other = ipc::Channel::connect(path);
        wire.clear();
        REQUIRE(ipc::encode(request, wire));
        REQUIRE(other->send(wire));
        server->serve_one(
            [&](const ipc::ControlRequest& got, uid_t /*peer*/) {
                received.push_back(got);
                return Report{};
            },
            [] { return std::uint64_t{1}; });
        CHECK(received.size() == 1);
        text->pop_back();
    }
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
    server->serve_one([](const ipc::ControlRequest&, uid_t /*peer*/) -> std::optional<Report> { return std::nullopt; },
                      generation);
    REQUIRE(server->has_waiting());
    server->serve_waiting(
        [](const ipc::ControlRequest& request, uid_t /*peer*/) {
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

TEST_CASE("a descriptor comes with its request, also when that waits, and is closed when nobody takes it") {
    const std::string directory = fresh_directory();
    const std::string path = directory + "/control.sock";
    auto server = ControlServer::listen(path);
    REQUIRE(server);
    const auto generation = [] { return std::uint64_t{7}; };
    std::vector<std::uint8_t> wire;
    REQUIRE(ipc::encode(ipc::ControlRequest{ipc::ControlVerb::kCapture, std::nullopt, "acme", ""}, wire));
    const auto send = [&](ipc::Channel& client) {
        auto ends = ipc::Channel::pair();
        REQUIRE(ends);
        REQUIRE(client.send(wire, {ends->second.fd()}));
        return std::move(ends->first);
    };
    const auto is_hung_up = [](ipc::Channel& end) {
        REQUIRE(end.set_non_blocking());
        std::vector<std::uint8_t> space(16);
        const auto received = end.receive(space);
        return received && received->closed;
    };
    auto waits = ipc::Channel::connect(path);
    REQUIRE(waits);
    ipc::Channel first = send(*waits);
    server->serve_one([](const ipc::ControlRequest&, uid_t /*peer*/) -> std::optional<Report> { return std::nullopt; },
                      generation);
    REQUIRE(server->has_waiting());
    CHECK_FALSE(is_hung_up(first));
    UniqueFd taken;
    server->serve_waiting(
        [&](const ipc::ControlRequest&, uid_t /*peer*/) {
            taken = server->take_descriptor();
            return Report{{}, false, 0, "done"};
        },
        generation);
    CHECK(ipc::Channel::is_channel(taken.get()));
    CHECK_FALSE(is_hung_up(first));
    taken.reset();
    CHECK(is_hung_up(first));

    auto ignored = ipc::Channel::connect(path);
    REQUIRE(ignored);
    ipc::Channel second = send(*ignored);
    server->serve_one(
        [](const ipc::ControlRequest&, uid_t /*peer*/) {
            return Report{{}, false, 0, "no"};
        },
        generation);
    CHECK(is_hung_up(second));
    std::filesystem::remove_all(directory);
}

// A run directory with a server, and what its clients receive.
struct Desk {
    std::string directory = fresh_directory();
    Result<ControlServer> server = ControlServer::listen(directory + "/control.sock");
    std::vector<std::string> asked;  // by the customers in the requests
    std::size_t texts = 0;           // in an answer

    Desk() { REQUIRE(server); }
    ~Desk() { std::filesystem::remove_all(directory); }
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    [[nodiscard]] ipc::Channel connect() const {
        auto client = ipc::Channel::connect(directory + "/control.sock");
        REQUIRE(client);
        REQUIRE(client->set_non_blocking());
        return std::move(*client);
    }
    static void ask(ipc::Channel& client, const std::string& customer) {
        std::vector<std::uint8_t> wire;
        REQUIRE(ipc::encode(ipc::ControlRequest{ipc::ControlVerb::kStatus, std::nullopt, customer, ""}, wire));
        REQUIRE(client.send(wire));
    }
    [[nodiscard]] bool is_ready() const {
        pollfd waiting{server->fd(), POLLIN, 0};
        return ::poll(&waiting, 1, 0) > 0;
    }
    void serve() {
        server->serve_one(
            [this](const ipc::ControlRequest& request, uid_t /*peer*/) {
                asked.push_back(request.customer);
                Report report;
                report.texts.assign(texts, {ipc::ControlText::Kind::kFact, "", std::string(2000, 'x')});
                return report;
            },
            [] { return std::uint64_t{1}; });
    }
    // How many messages are there; `is_done`: with the last one of an answer.
    static std::size_t read(ipc::Channel& client, bool& is_done) {
        std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
        std::size_t count = 0;
        for (auto got = client.receive(space); got && !got->closed; got = client.receive(space)) {
            ++count;
            const auto message = ipc::decode_control(Bytes(space).first(got->size));
            REQUIRE(message);
            is_done = is_done || std::holds_alternative<ipc::ControlDone>(*message);
        }
        return count;
    }
};

TEST_CASE("a client that does not read gets all of a large answer later, and others are answered meanwhile") {
    Desk desk;
    desk.texts = 2000;
    ipc::Channel slow = desk.connect();
    Desk::ask(slow, "slow");
    REQUIRE(desk.is_ready());
    desk.serve();
    CHECK_FALSE(desk.is_ready());  // nothing to do before it reads
    CHECK(desk.server->next_deadline() != kNever);

    desk.texts = 1;
    ipc::Channel other = desk.connect();
    Desk::ask(other, "other");
    desk.serve();
    bool is_done = false;
    CHECK(Desk::read(other, is_done) == 2);
    CHECK(is_done);
    CHECK(desk.asked == std::vector<std::string>{"slow", "other"});

    is_done = false;
    std::size_t received = Desk::read(slow, is_done);
    CHECK(received > 0);
    CHECK_FALSE(is_done);
    while (desk.is_ready()) {
        desk.serve();
        received += Desk::read(slow, is_done);
    }
    CHECK(received == 2001);
    CHECK(is_done);
    CHECK(desk.server->next_deadline() == kNever);
    CHECK(desk.asked.size() == 2);
}

TEST_CASE("a client that sends nothing keeps nobody waiting, and is dropped when its patience is over") {
    Desk desk;
    ipc::Channel silent = desk.connect();
    desk.serve();
    CHECK(desk.asked.empty());
    ipc::Channel other = desk.connect();
    Desk::ask(other, "other");
    desk.serve();
    bool is_done = false;
    CHECK(Desk::read(other, is_done) == 1);
    CHECK(is_done);

    const Instant end = desk.server->next_deadline();
    REQUIRE(end != kNever);
    std::vector<std::uint8_t> space(64);
    desk.server->drop_silent(end - std::chrono::nanoseconds(1));
    CHECK_FALSE(silent.receive(space));  // still open
    desk.server->drop_silent(end);
    const auto received = silent.receive(space);
    REQUIRE(received);
    CHECK(received->closed);
    CHECK(desk.server->next_deadline() == kNever);
}

TEST_CASE("a client that has done its part is not dropped, however long another one's request took") {
    Desk desk;
    desk.texts = 2000;
    ipc::Channel reader = desk.connect();
    Desk::ask(reader, "reader");
    desk.serve();
    bool is_done = false;
    std::size_t received = Desk::read(reader, is_done);
    CHECK_FALSE(is_done);
    desk.texts = 0;
    ipc::Channel writer = desk.connect();
    ipc::Channel silent = desk.connect();
    while (desk.is_ready()) desk.serve();  // accepts them, and fills the reader's queue again
    Desk::ask(writer, "writer");
    received += Desk::read(reader, is_done);
    REQUIRE_FALSE(is_done);

    desk.server->drop_silent(desk.server->next_deadline() + std::chrono::hours(1));
    std::vector<std::uint8_t> space(64);
    const auto end = silent.receive(space);
    REQUIRE(end);
    CHECK(end->closed);
    while (desk.is_ready()) {
        desk.serve();
        received += Desk::read(reader, is_done);
    }
    CHECK(received == 2001);
    CHECK(is_done);
    is_done = false;
    CHECK(Desk::read(writer, is_done) == 1);
    CHECK(is_done);
    CHECK(desk.server->next_deadline() == kNever);
}

TEST_CASE("a request that comes after its client was accepted is answered; one that hangs up is forgotten") {
    Desk desk;
    ipc::Channel late = desk.connect();
    desk.serve();
    Desk::ask(late, "late");
    REQUIRE(desk.is_ready());
    desk.serve();
    CHECK(desk.asked == std::vector<std::string>{"late"});
    {
        const ipc::Channel gone = desk.connect();
        desk.serve();
        CHECK(desk.server->next_deadline() != kNever);
    }
    desk.serve();
    CHECK(desk.server->next_deadline() == kNever);
    CHECK_FALSE(desk.is_ready());
}

}  // namespace
}  // namespace warren::stacks
