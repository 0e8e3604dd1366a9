// authd but for its executable: stackd and vpnd are played by the test, authd is on a thread of its own.
#include "auth/daemon.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "crypto/prf.h"
#include "tests/unit/auth/pieces.h"
#include "tests/vectors/seeded_random.h"

using namespace warren;
using namespace warren::auth;

namespace {

constexpr const char* kKey = "correct horse battery staple";

// Waits until there is something to receive, or the other side has hung up.
ipc::Received receive(ipc::Channel& channel, std::vector<std::uint8_t>& space) {
    space.resize(ipc::kMaxMessageSize);
    pollfd waiting{channel.fd(), POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 20'000) == 1);
    auto received = channel.receive(space);
    REQUIRE(received);
    return std::move(*received);
}

class Running {
  public:
    Running() {
        auto ends = ipc::Channel::pair();
        REQUIRE(ends);
        stackd = std::move(ends->first);
        REQUIRE(ends->second.set_non_blocking());
        end_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
        daemon_ = std::make_unique<Daemon>(std::move(ends->second), end_.duplicate(), Table(random_), std::nullopt);
        thread_ = std::thread([this] { daemon_->run(); });
    }
    ~Running() {
        stackd = {};
        const std::uint64_t one = 1;
        (void)!::write(end_.get(), &one, sizeof one);
        thread_.join();
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    void tell(const ipc::AuthControl& message, const std::vector<int>& descriptors = {}) {
        std::vector<std::uint8_t> wire;
        REQUIRE(ipc::encode(message, wire));
        REQUIRE(stackd.send(wire, descriptors));
    }
    void put_psk(SecretId id, std::string_view text = kKey) {
        tell(ipc::PutSecret{id, SecretKind::kPsk, false, {}});
        tell(test::piece(ipc::SecretFile::kKey, text));
        tell(ipc::SecretEnd{});
    }
    // vpnd's end of a new channel.
    [[nodiscard]] ipc::Channel connect_vpnd() {
        auto ends = ipc::Channel::pair();
        REQUIRE(ends);
        tell(ipc::AuthAsker{}, {ends->second.fd()});
        return std::move(ends->first);
    }
    // Ends by itself when it serves nobody any more.
    void wait_for_end() {
        thread_.join();
        thread_ = std::thread([] {});
    }
    void await_alive(std::uint64_t number) {
        tell(ipc::AuthProbe{number});
        for (auto message = heard(); !std::holds_alternative<ipc::AuthAlive>(message); message = heard()) {
            REQUIRE(std::holds_alternative<ipc::AuthAskerGone>(message));
            ++gone;
        }
    }
    ipc::AuthControl heard() {
        const auto received = receive(stackd, space_);
        auto message = ipc::decode_auth_control(Bytes(space_).first(received.size));
        REQUIRE(message);
        return std::move(*message);
    }

    ipc::Channel stackd;
    int gone = 0;  // how often authd had no channel to vpnd any more, as stackd was told

  private:
    test::SeededRandom random_{1};
    UniqueFd end_;
    std::unique_ptr<Daemon> daemon_;
    std::thread thread_;
    std::vector<std::uint8_t> space_;
};

void ask(ipc::Channel& vpnd, std::uint64_t id, SecretId psk) {
    std::vector<std::uint8_t> wire;
    REQUIRE(ipc::encode(ipc::AuthMessage(ipc::AuthAsk{id, ipc::PskMacAsk{psk, crypto::Sha::kSha256, {1}, {2}}}), wire));
    REQUIRE(vpnd.send(wire));
}

ipc::AuthAnswer answer_of(ipc::Channel& vpnd) {
    std::vector<std::uint8_t> space;
    const auto received = receive(vpnd, space);
    auto message = ipc::decode_auth(Bytes(space).first(received.size));
    REQUIRE(message);
    REQUIRE(std::holds_alternative<ipc::AuthAnswer>(*message));
    return std::move(std::get<ipc::AuthAnswer>(*message));
}

bool is_closed(ipc::Channel& channel) {
    std::vector<std::uint8_t> space;
    return receive(channel, space).closed;
}

bool is_right(const ipc::AuthAnswer& answer, std::string_view key = kKey) {
    const std::uint8_t octet = 1;
    const auto* const macs = std::get_if<ipc::PskMacAnswer>(&answer.reply);
    return macs != nullptr &&
           macs->peer_mac ==
               crypto::SecretBuffer(crypto::shared_key_mic(crypto::Sha::kSha256, as_bytes(key), {&octet, 1}).reveal());
}

}  // namespace

TEST_CASE("vpnd gets the answer to each ask, by its number") {
    Running authd;
    authd.put_psk(7);
    authd.put_psk(8, "another one");
    ipc::Channel vpnd = authd.connect_vpnd();
    ask(vpnd, 1, 7);
    ask(vpnd, 2, 8);
    ask(vpnd, 3, 9);
    ask(vpnd, 4, kNoSecret);
    const ipc::AuthAnswer first = answer_of(vpnd);
    CHECK(first.id == 1);
    CHECK(is_right(first));
    CHECK(is_right(answer_of(vpnd), "another one"));
    CHECK(std::holds_alternative<ipc::AskFailed>(answer_of(vpnd).reply));
    const ipc::AuthAnswer nobodys = answer_of(vpnd);
    CHECK(nobodys.id == 4);
    CHECK(std::holds_alternative<ipc::PskMacAnswer>(nobodys.reply));
    CHECK_FALSE(is_right(nobodys));
}

TEST_CASE("a secret that was sent before an ask is there for it, one that was dropped is not") {
    Running authd;
    ipc::Channel vpnd = authd.connect_vpnd();
    for (std::uint64_t id = 1; id <= 200; ++id) {
        authd.put_psk(id);
        ask(vpnd, id, id);
        CHECK(is_right(answer_of(vpnd)));
        authd.tell(ipc::DropSecret{id});
        ask(vpnd, id, id);
        CHECK(std::holds_alternative<ipc::AskFailed>(answer_of(vpnd).reply));
    }
}

TEST_CASE("another vpnd gets another channel, and the former one is closed") {
    Running authd;
    authd.put_psk(7);
    ipc::Channel first = authd.connect_vpnd();
    ask(first, 1, 7);
    CHECK(is_right(answer_of(first)));
    ipc::Channel second = authd.connect_vpnd();
    CHECK(is_closed(first));
    ask(second, 1, 7);
    CHECK(is_right(answer_of(second)));
    authd.await_alive(5);
    CHECK(authd.gone == 0);
}

TEST_CASE("a vpnd that sends nonsense is hung up on, and the next one is served") {
    Running authd;
    authd.put_psk(7);
    for (int way = 0; way < 3; ++way) {
        CAPTURE(way);
        ipc::Channel vpnd = authd.connect_vpnd();
        std::vector<std::uint8_t> wire{1, 2, 3};
        // An answer, a message of the other channel.
        if (way == 1) REQUIRE(ipc::encode(ipc::AuthMessage(ipc::AuthAnswer{1, ipc::AskFailed{}}), wire));
        if (way == 2) REQUIRE(ipc::encode(ipc::AuthControl(ipc::PutSecret{9, SecretKind::kPsk, false, {}}), wire));
        REQUIRE(vpnd.send(wire));
        CHECK(is_closed(vpnd));
    }
    ipc::Channel vpnd = authd.connect_vpnd();
    ask(vpnd, 1, 7);
    CHECK(is_right(answer_of(vpnd)));
    authd.await_alive(5);
    CHECK(authd.gone == 3);
}

TEST_CASE("a vpnd that takes no answer is not read from, and does not hold up stackd") {
    Running authd;
    authd.put_psk(7);
    ipc::Channel vpnd = authd.connect_vpnd();
    const int small = 4096;
    REQUIRE(::setsockopt(vpnd.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    REQUIRE(vpnd.set_non_blocking());
    std::vector<std::uint8_t> wire;
    ipc::PskMacAsk question{7, crypto::Sha::kSha256, std::vector<std::uint8_t>(1000), {2}};
    REQUIRE(ipc::encode(ipc::AuthMessage(ipc::AuthAsk{1, std::move(question)}), wire));
    std::size_t sent = 0;
    // Until neither side takes any more: authd has had time enough when it has answered stackd in between.
    for (std::uint64_t quiet = 0; quiet < 3;) {
        if (vpnd.send(wire)) {
            ++sent;
            quiet = 0;
        } else {
            authd.await_alive(++quiet);
        }
        REQUIRE(sent < 100'000);
    }
    authd.await_alive(77);
    for (std::size_t i = 0; i < sent; ++i) CHECK(answer_of(vpnd).id == 1);
}

TEST_CASE("authd outlives stackd while vpnd is there, and nobody else") {
    Running authd;
    authd.put_psk(7);
    ipc::Channel vpnd = authd.connect_vpnd();
    authd.await_alive(1);
    authd.stackd = {};
    ask(vpnd, 1, 7);
    CHECK(is_right(answer_of(vpnd)));
    vpnd = {};
    authd.wait_for_end();
}

TEST_CASE("authd waits for vpnd while stackd is there") {
    Running authd;
    authd.put_psk(7);
    authd.connect_vpnd() = {};
    authd.await_alive(1);
    ipc::Channel vpnd = authd.connect_vpnd();
    ask(vpnd, 1, 7);
    CHECK(is_right(answer_of(vpnd)));
}

TEST_CASE("a secret that is cut off is not held, and the others are") {
    Running authd;
    authd.put_psk(7);
    authd.tell(ipc::PutSecret{8, SecretKind::kPsk, false, {}});
    authd.tell(test::piece(ipc::SecretFile::kKey, "half", true));
    authd.tell(ipc::SecretEnd{});
    ipc::Channel vpnd = authd.connect_vpnd();
    ask(vpnd, 1, 8);
    CHECK(std::holds_alternative<ipc::AskFailed>(answer_of(vpnd).reply));
    ask(vpnd, 2, 7);
    CHECK(is_right(answer_of(vpnd)));
}
