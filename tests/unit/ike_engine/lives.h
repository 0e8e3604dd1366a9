// A hub that lives in one process after the other, with the memory that outlives them, and its peer.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/unit/ike_engine/harness.h"
#include "tests/unit/ike_engine/kept.h"

namespace warren::ike::testing {

using Change = std::function<void(Connection&)>;

// The hub "left" for ever, and "right" in one process after the other.
class Lives {
  public:
    explicit Lives(const std::function<void(Connection&, bool is_left)>& change = {}) : change_(change) {
        left.put_psk(kFirst, kPsk);
        Connection connection = connection_of(true);
        if (change) change(connection, true);
        left.put(std::move(connection));
        begin();
        put();
    }

    // Another process, without any connection yet.
    void begin() {
        keepers.reset();
        const Now now = right ? right->now : left.now;
        right = std::make_unique<Hub>("192.0.2.2", ++lives_);
        right->now = now;
        right->put_psk(kFirst, kPsk);
        keepers = std::make_unique<Keepers>(memory, *right);
    }
    void put(const Change& change = {}) {
        Connection connection = connection_of(false);
        if (change_) change_(connection, false);
        if (change) change(connection);
        right->put(std::move(connection));
        keepers->end_succession();
    }
    // The process ends, and the next one serves the same but for `change`.
    void restart(const Change& change = {}) {
        begin();
        put(change);
    }

    // What the process has left is something else.
    void tamper(const std::function<void(SaRecord&)>& change) {
        keepers.reset();
        right->engine.keep_in(nullptr, nullptr);
        right->before_commands = {};
        SaKeeper keeper(memory.sas);
        for (const std::uint32_t place : keeper.rest()) {
            auto record = keeper.read(place);
            change(*record);
            keeper.take_over(place, kAcme);
            REQUIRE(keeper.write(place, record->owner, record->sa));
        }
    }

    void settle() {
        while (!left.sent.empty() || !right->sent.empty()) {
            if (!left.sent.empty()) carry(left, *right);
            if (!right->sent.empty()) carry(*right, left);
        }
    }
    void connect(bool by_left = true) {
        (by_left ? left : *right).initiate();
        settle();
        REQUIRE(right->status().state == ConnectionState::kUp);
    }
    void advance(Duration by) {
        const Instant end = left.now.instant + by;
        for (;;) {
            const Instant next = std::min(left.engine.next_deadline(), right->engine.next_deadline());
            if (next > end) break;
            left.run_until(std::max(next, left.now.instant));
            right->run_until(std::max(next, right->now.instant));
            settle();
        }
        left.run_until(end);
        right->run_until(end);
    }
    // Each sends on what the other receives on, with the same keys.
    void check_agree() {
        for (auto [from, to] : {std::pair(&left, right.get()), std::pair(right.get(), &left)}) {
            const auto* const sending = from->sessions.sending(PeerIndex{0});
            REQUIRE(sending != nullptr);
            const auto found = to->sessions.entries.find(sending->remote_id);
            REQUIRE(found != to->sessions.entries.end());
            const dataplane::InstallSession& received = found->second.session;
            CHECK(received.remote_id == sending->local_id.value);
            CHECK(received.receive_key.secret.equals(sending->send_key.secret));
            CHECK(received.receive_key.salt == sending->send_key.salt);
            REQUIRE((received.receive_key.integrity == nullptr) == (sending->send_key.integrity == nullptr));
            if (sending->send_key.integrity != nullptr)
                CHECK(received.receive_key.integrity->equals(*sending->send_key.integrity));
        }
    }
    // Both ends are still of use to each other, whoever asks.
    void check_alive() {
        check_agree();
        for (Hub* const hub : {&left, right.get()}) {
            for (const auto what : {Engine::Rekey::kChildren, Engine::Rekey::kIkeSas}) {
                advance(20s);
                const IkeSpis before = hub->spis();
                const auto child = hub->status().ike_sas.at(0).children.at(0).spi_in;
                hub->rekey(what);
                settle();
                advance(70s);
                CHECK((hub->spis() != before) == (what == Engine::Rekey::kIkeSas));
                CHECK((hub->status().ike_sas.at(0).children.at(0).spi_in != child) ==
                      (what == Engine::Rekey::kChildren));
                check_agree();
            }
        }
        CHECK(left.status().ike_sas.size() == 1);
        CHECK(right->status().ike_sas.size() == 1);
    }
    [[nodiscard]] bool is_up() const { return right->status().state == ConnectionState::kUp; }

    KeptMemory memory;
    Hub left{"192.0.2.1", 1};
    std::unique_ptr<Hub> right;
    std::unique_ptr<Keepers> keepers;
    std::function<bool(const Wire&)> filter;  // false: lost
    std::vector<Wire> log;

  private:
    void carry(Hub& from, Hub& to) {
        const Wire wire = std::move(from.sent.front());
        from.sent.pop_front();
        log.push_back(wire);
        if (!filter || filter(wire)) to.deliver(wire);
    }
    std::function<void(Connection&, bool)> change_;
    std::uint64_t lives_ = 100;
};

}  // namespace warren::ike::testing
