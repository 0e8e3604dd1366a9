// Shared by the tests of the IKE engine: engines with a clock, an answerer and a small data plane, and the wire between
// two of them.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/ike_engine/answerer.h"
#include "tests/unit/ike_engine/names.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"
#include "vpnd/ike/engine.h"
#include "vpnd/ike/limits.h"
#include "vpnd/ike/narrow.h"

namespace warren::ike::testing {

// The sessions that a data plane would have by now, and which it sends on.
struct SessionTable {
    struct Entry {
        dataplane::InstallSession session;
        bool is_sent_on = false;
        bool awaits_first = false;
    };
    std::map<std::uint32_t, Entry> entries;           // by our SPI
    std::map<std::uint32_t, Endpoint> endpoints;      // by peer
    std::map<std::uint32_t, std::set<Prefix>> reach;  // by peer: its live prefixes
    std::vector<std::uint32_t> counted_anew;          // peers
    std::set<std::uint32_t> told_workers;             // of live prefixes
    std::vector<std::array<std::uint8_t, 36>> keys_seen;
    std::size_t keys_twice = 0;

    void apply(dataplane::Command command, std::uint32_t worker = 0);
    // A packet came on it. True: the first of one that waited for it, which is sent on now.
    bool receive(std::uint32_t id);
    // On which packets of this flow leave; null: none.
    [[nodiscard]] const dataplane::InstallSession* sending(PeerIndex peer, std::uint8_t flow = 0) const;

  private:
    void send_on(std::uint32_t id);
    void note_key(const crypto::AeadKey& key);
};

struct Wire {
    Endpoint from;
    Endpoint to;
    std::vector<std::uint8_t> bytes;
    [[nodiscard]] Bytes message() const { return Bytes(bytes).subspan(from.port == kNatPort ? 4 : 0); }
    [[nodiscard]] ExchangeType exchange() const { return static_cast<ExchangeType>(message()[18]); }
    [[nodiscard]] bool is_response() const { return (message()[19] & 0x20U) != 0; }
    [[nodiscard]] std::uint32_t id() const { return load_be<std::uint32_t>(message().data() + 20); }
};

// One engine with its clock. Its asks are answered at once, unless they are held back.
class Hub {
  public:
    Hub(const char* address, std::uint64_t seed, Settings settings = {});

    void put_psk(ConnectionIndex connection, std::string_view psk) {
        answerer.put_psk(psk_of(connection), as_bytes(psk));
    }
    void put(Connection connection) {
        if (connection.psk == kNoSecret) connection.psk = psk_of(connection.index);
        call([&] { engine.put_connection(now, std::move(connection), out); });
    }
    void initiate(ConnectionIndex connection = kFirst) {
        call([&] { REQUIRE(engine.initiate(now, connection, out)); });
    }
    void rekey(Engine::Rekey what = Engine::Rekey::kBoth) {
        call([&] { REQUIRE(engine.rekey(now, kFirst, what, out)); });
    }
    void terminate() {
        call([&] { REQUIRE(engine.terminate(now, kFirst, out)); });
    }
    void deliver(const Wire& wire);
    void tell(const dataplane::Event& event) {
        call([&] { engine.handle_event(now, event, out); });
    }
    void answer_asks();
    // Runs through every deadline until then.
    void run_until(Instant end);
    template <typename Action>
    void call(const Action& action) {
        action();
        collect();
        if (!holds_asks) answer_asks();
    }

    [[nodiscard]] std::uint64_t dropped(DropReason reason) const { return engine.totals().drops.of(reason); }
    [[nodiscard]] control::ConnectionStatus status(ConnectionIndex connection = kFirst) const {
        return engine.connection_status(connection, control::ConnectionDetail::kIkeSas).value();
    }
    // Of its only IKE_SA, or the first.
    [[nodiscard]] IkeSpis spis() const {
        const control::IkeSaStatus sa = status().ike_sas.at(0);
        return {sa.initiator_spi, sa.responder_spi};
    }
    template <typename News>
    [[nodiscard]] std::size_t news() const {
        std::size_t count = 0;
        for (const auto& one : all_news) count += std::holds_alternative<News>(one) ? 1U : 0U;
        return count;
    }

    IpAddress address;
    test::SeededRandom random;
    control::IndexTable indexes;
    Answerer answerer;
    Engine engine;
    Now now = at(0s);
    bool holds_asks = false;
    std::deque<Ask> asks;
    std::size_t asked = 0;
    std::deque<Wire> sent;
    SessionTable sessions;
    std::vector<control::PeerNews> all_news;
    control::Output out;
    std::function<void(control::Output&)> before_commands;

  private:
    void collect();
};

// What a test changes of the usual pair: site "left" at 192.0.2.1 with 10.1.0.0/16, "right" at 192.0.2.2 with
// 10.2.0.0/16, both of customer acme.
Connection connection_of(bool is_left);

struct Pair {
    explicit Pair(std::uint64_t seed = 1, const std::function<void(Connection&, bool is_left)>& change = {});

    // Carries what both have sent until nothing is left.
    void settle();
    // One datagram of that hub's, if it has one.
    void step(Hub& from);
    void advance(Duration by);
    // left begins.
    void connect() {
        left.initiate();
        settle();
    }
    // Both send on sessions that the other receives on, with the same keys, in every flow.
    void check_agree(std::size_t flows = 1);

    Hub left{"192.0.2.1", 1};
    Hub right{"192.0.2.2", 2};
    std::function<bool(const Wire&)> filter;  // false: lost
    std::vector<Wire> log;

    [[nodiscard]] Hub& other(Hub& hub) { return &hub == &left ? right : left; }
};

}  // namespace warren::ike::testing
