// The engine against bytes that were computed elsewhere.
#include <map>

#include "tests/unit/ike_engine/harness.h"
#include "tests/unit/ike_engine/known_set_up.h"

namespace warren::ike {
namespace {

using namespace testing;

// Draws of a size that was foreseen have the foreseen bytes, in order; others count.
class ForeseenRandom final : public crypto::RandomSource {
  public:
    void foresee(std::string_view hex) {
        auto bytes = test::from_hex(hex);
        foreseen_[bytes.size()].push_back(std::move(bytes));
    }
    void fill(MutableBytes out) override {
        auto& waiting = foreseen_[out.size()];
        if (!waiting.empty()) {
            std::copy(waiting.front().begin(), waiting.front().end(), out.begin());
            waiting.pop_front();
            return;
        }
        for (std::uint8_t& octet : out) octet = next_++;
    }

  private:
    std::map<std::size_t, std::deque<std::vector<std::uint8_t>>> foreseen_;
    std::uint8_t next_ = 0;
};

TEST_CASE("KA1: a set-up with a preshared key is the one that was computed elsewhere, byte for byte") {
    ForeseenRandom random;
    ForeseenRandom answerers_random;
    control::IndexTable indexes;
    Answerer answerer(answerers_random);
    Engine engine(Settings{}, indexes, random);
    const Now now = at(0s);
    control::Output out;
    engine.put_customer(now, {kAcme, "acme", identity("acme.example.net"), {}}, out);
    answerer.put_psk(psk_of(kFirst), as_bytes(kPsk));
    Connection connection = connection_of(false);
    connection.psk = psk_of(kFirst);
    engine.put_connection(now, std::move(connection), out);
    random.foresee(known::kSpiR);
    random.foresee(known::kNonceR);
    random.foresee(known::kChildSpiR);
    answerers_random.foresee(known::kPrivateR);

    const auto exchange = [&](std::string_view message, std::uint16_t port) {
        std::vector<std::uint8_t> datagram(port == kNatPort ? 4 : 0);
        const auto bytes = test::from_hex(message);
        datagram.insert(datagram.end(), bytes.begin(), bytes.end());
        out.clear();
        engine.handle_datagram(now, {{*parse_ip("192.0.2.1"), port, 0}, {*parse_ip("192.0.2.2"), 1}, port}, datagram,
                               out);
        for (auto asks = engine.take_asks(); !asks.empty(); asks = engine.take_asks()) {
            // The first is the one that the message waits for; the others make keys for later.
            std::stable_sort(asks.begin(), asks.end(), [](const Ask& a, const Ask& b) { return a.id > b.id; });
            for (Ask& ask : asks) engine.handle_answer(now, ask.id, answerer.answer(std::move(ask.question)), out);
        }
        REQUIRE(out.messages.size() == 1);
        return test::to_hex(out.messages[0].view().subspan(port == kNatPort ? 4 : 0));
    };
    CHECK(exchange(known::kInitRequest, kIkePort) == known::kInitResponse);
    CHECK(exchange(known::kAuthRequest, kNatPort) == known::kAuthResponse);

    const dataplane::InstallSession* session = nullptr;
    for (const auto& posted : out.commands) {
        if (const auto* const install = std::get_if<dataplane::InstallSession>(&posted.command)) session = install;
    }
    REQUIRE(session != nullptr);
    CHECK(session->remote_id == 0xc0ffee01);
    CHECK(session->local_id.value == 0xa1a2a380);
    const auto text_of = [](const crypto::AeadKey& key) {
        return test::to_hex(key.secret.reveal().first<16>()) + test::to_hex(key.salt);
    };
    CHECK(text_of(session->receive_key) == known::kFromInitiator);
    CHECK(text_of(session->send_key) == known::kFromResponder);
}

}  // namespace
}  // namespace warren::ike
