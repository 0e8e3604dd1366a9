// The census and its database together: who gets which answer while the disk does not take writes, and what is written
// once it does.
#include "web/past_link.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access/secrets.h"
#include "tests/unit/web/vpnd_rounds.h"
#include "web/past/file_system.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;

namespace {

struct Fixture {
    Census census;
    Gate gate{"$argon2id$nobody"};
    SystemFacts facts;
    Router router{census, gate, facts, {}, "life"};
    Vpnd vpnd;
    UniqueFd database{::memfd_create("past", MFD_ALLOW_SEALING)};
    UniqueFd log{::memfd_create("past-wal", MFD_ALLOW_SEALING)};
    std::vector<std::string> broken;
    std::optional<PastLink> link;

    Fixture() {
        (void)access::start_libsodium();
        REQUIRE(PastFiles::start_sqlite());
        access::Users users;
        users.tokens.push_back({"operator", {access::Role::kOperator, {}}, access::sha256_hex("operator")});
        users.tokens.push_back({"customer", {access::Role::kCustomer, {"acme"}}, access::sha256_hex("customer")});
        gate.set_users(users);
        census.number_events_by_time();
        vpnd.customer().all_peers = true;
        key_of(vpnd.peer()) = "key 1";
        open();
    }
    ~Fixture() { stop(0); }

    void open() {
        link.emplace(census, facts, router, [this](std::string reason) { broken.push_back(std::move(reason)); });
        std::vector<UniqueFd> descriptors;
        descriptors.emplace_back(::dup(database.get()));
        descriptors.emplace_back(::dup(log.get()));
        link->handle(at(0), {}, std::move(descriptors));
        wait(0);
    }
    void stop(std::int64_t second) {
        if (link) link->stop(at(second), std::chrono::seconds(20));
        link.reset();
    }
    void wait(std::int64_t second) {
        pollfd waiting{link->fd(), POLLIN, 0};
        REQUIRE(::poll(&waiting, 1, 20'000) == 1);
        link->read_news(at(second));
    }
    void see(std::int64_t second) {
        census.apply_snapshot(at(second), vpnd.round);
        link->write(at(second));
    }
    void break_disk() {
        for (const int file : {database.get(), log.get()}) REQUIRE(::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE) == 0);
    }
    // The status of the answer; 0: none yet.
    unsigned ask(const std::string& target, const std::string& token, std::int64_t second) {
        Request request;
        request.method = "GET";
        request.target = target;
        request.host = "localhost";
        request.authorization = "Bearer " + token;
        Outcome outcome = router.handle(at(second), request);
        REQUIRE(std::holds_alternative<PastQuery>(outcome));
        unsigned status = 0;
        link->ask(at(second), std::move(std::get<PastQuery>(outcome)),
                  [&status](const Reply& reply) { status = static_cast<unsigned>(reply.status); });
        if (status == 0) wait(second);
        return status;
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "while the disk does not take it that an id is another company's, that one reads nothing") {
    see(0);
    wait(0);
    vpnd.handshake(0);
    see(2);
    wait(2);
    const char* const kEvents = "/api/v1/events?customer=acme";
    const char* const kOutages = "/api/v1/customers/acme/outages";
    const char* const kTraffic = "/api/v1/customers/acme/timeseries?range=day";
    for (const char* target : {kEvents, kOutages, kTraffic}) CHECK(ask(target, "customer", 3) == 200);
    break_disk();
    key_of(vpnd.peer()) = "key of another company";
    see(4);
    // While it is tried, and after it failed.
    for (int round = 0; round < 2; ++round) {
        CAPTURE(round);
        for (const char* target : {kEvents, kOutages, kTraffic}) {
            CAPTURE(target);
            CHECK(ask(target, "customer", 5) == 503);
        }
        CHECK(ask(kTraffic, "operator", 5) == 503);
        if (round == 0) {
            while (facts.past_problem.empty()) wait(5);
        }
    }
    CHECK(ask(kEvents, "operator", 6) == 200);
    CHECK(ask(kOutages, "operator", 6) == 200);
    CHECK(ask("/api/v1/timeseries?range=day", "operator", 6) == 200);
}
