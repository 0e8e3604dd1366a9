// Troubles of a peer that only several snapshots show.
#include "web/model/peer_watch.h"

#include <doctest/doctest.h>

#include "tests/unit/web/vpnd_rounds.h"
#include "web/model/sentences.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;

namespace {

// A peer, seen every 2 s.
struct Watched {
    Census census;
    Vpnd vpnd;
    std::int64_t second = 0;

    std::string look(std::int64_t seconds = 2) {
        for (std::int64_t end = second + seconds; second < end; second += 2) {
            if (auto& sent = vpnd.peer().sent_seconds; sent && !sends) *sent += 2;
            if (auto& received = vpnd.peer().received_seconds) *received += 2;
            if (auto& age = vpnd.peer().latest_handshake_seconds) *age += 2;
            census.apply_snapshot(at(second), vpnd.round);
        }
        return sentence_of(census.customers().at("acme").peers.at("graz"), at(second - 2).instant);
    }
    void begin() { ++vpnd.peer().activity.newest_seconds; }
    void session() {
        vpnd.handshake(0);
        vpnd.peer().activity.has_session = true;
    }
    bool sends = false;
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const std::string kKey = "preshared key may be another one";
const std::string kWay = "none came back";

}  // namespace

TEST_CASE_FIXTURE(Watched, "a peer that begins handshakes and completes none may have another preshared key") {
    look();
    for (int i = 0; i < 2; ++i) {
        begin();
        CHECK_FALSE(has(look(4), kKey));
    }
    begin();
    CHECK(has(look(4), kKey));
    SUBCASE("until it gives up") {
        CHECK_FALSE(has(look(20), kKey));
    }
    SUBCASE("until it completes one") {
        session();
        CHECK_FALSE(has(look(), kKey));
        begin();
        CHECK_FALSE(has(look(), kKey));
    }
}

TEST_CASE_FIXTURE(Watched, "a peer that completes what it begins has no trouble, however often it begins") {
    look();
    for (int i = 0; i < 10; ++i) {
        begin();
        vpnd.peer().activity.latest_handshake = WallTime{i + 1};
        vpnd.peer().latest_handshake_seconds = 0;
        CHECK_FALSE(has(look(), kKey));
    }
}

TEST_CASE_FIXTURE(Watched, "a peer that gets packets and sends none has no way back, perhaps") {
    session();
    look();
    sends = true;
    vpnd.peer().sent_seconds = 0;
    CHECK_FALSE(has(look(58), kWay));
    CHECK(has(look(6), kWay));
    SUBCASE("until a packet comes") {
        vpnd.peer().received_seconds = 0;
        CHECK_FALSE(has(look(), kWay));
    }
    SUBCASE("until nobody sends any more") {
        sends = false;
        CHECK_FALSE(has(look(20), kWay));
    }
    SUBCASE("but not when its packets are refused for their source") {
        vpnd.peer().activity.sources_refused = 1;
        CHECK_FALSE(has(look(), kWay));
    }
}

TEST_CASE_FIXTURE(Watched, "a device that was idle for long and gets a packet now has no trouble") {
    session();
    vpnd.peer().received_seconds = 3000;
    vpnd.peer().sent_seconds = 3000;
    look(10);
    vpnd.peer().sent_seconds = 0;
    sends = true;
    CHECK_FALSE(has(look(10), kWay));
}
