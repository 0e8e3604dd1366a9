// What clients of the page share: streams, connections and password checks. Each has a part that nobody else can take.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "web/api/router.h"
#include "web/login/password_queue.h"
#include "web/login/shares.h"
#include "web/login/strangers.h"

using namespace warren;
using namespace warren::web;
using access::Role;
using std::chrono::seconds;
using Trust = LoginRank::Trust;

namespace {

Viewer viewer(Role role, const std::string& name, bool is_token = false) {
    Viewer out;
    out.name = name;
    out.grant.role = role;
    if (role == Role::kCustomer) out.grant.customers = {name};
    out.is_token = is_token;
    return out;
}

// Takes as many as it gets.
std::vector<Shares::Place> take_all(Shares& shares, const Viewer& who) {
    std::vector<Shares::Place> out;
    while (auto place = shares.take(who)) out.push_back(std::move(*place));
    return out;
}

IpAddress site(unsigned number) {
    return IpAddress::v4(198, 51, static_cast<std::uint8_t>(number / 256), static_cast<std::uint8_t>(number % 256));
}

constexpr Instant at(std::int64_t second) {
    return {second * 1'000'000'000};
}

using Ticket = PasswordQueue::Ticket;

// Of a user of its own, unless one is named.
PasswordQueue::Entry login(Ticket ticket, LoginRank rank, const IpAddress& from, std::string user = {},
                           Instant since = at(0)) {
    if (user.empty()) user = "user-" + std::to_string(ticket);
    return {ticket, rank, from, std::move(user), since};
}

// Takes the next login, whose check ends at once; 0: none waits.
Ticket check_one(PasswordQueue& queue) {
    const auto ticket = queue.take();
    queue.finish();
    return ticket.value_or(0);
}

}  // namespace

TEST_CASE("a user, a customer and each role have a share; the rest is for operators") {
    Shares shares({20, 4, 8, 12});
    std::vector<std::vector<Shares::Place>> held;
    held.push_back(take_all(shares, viewer(Role::kCustomer, "c1")));
    CHECK(held.back().size() == 4);
    CHECK_FALSE(shares.take(viewer(Role::kCustomer, "c1", true)));  // its token uses the same share
    held.push_back(take_all(shares, viewer(Role::kCustomer, "c2")));
    CHECK(held.back().size() == 4);
    CHECK_FALSE(shares.take(viewer(Role::kCustomer, "c3")));  // 8 for all customers
    held.push_back(take_all(shares, viewer(Role::kViewer, "v1")));
    CHECK(held.back().size() == 4);
    CHECK_FALSE(shares.take(viewer(Role::kViewer, "v2")));  // 12 for all but operators
    held.push_back(take_all(shares, viewer(Role::kOperator, "o1")));
    CHECK(held.back().size() == 4);
    held.push_back(take_all(shares, viewer(Role::kOperator, "o1", true)));
    CHECK(held.back().size() == 4);
    CHECK(shares.size() == 20);
    CHECK_FALSE(shares.take(viewer(Role::kOperator, "o2")));
    held.front().pop_back();
    CHECK(shares.take(viewer(Role::kOperator, "o2")));
}

TEST_CASE("a place that ends, moves or is replaced is counted once") {
    Shares shares({2, 2, 2, 2});
    const Viewer who = viewer(Role::kViewer, "v");
    {
        auto first = shares.take(who);
        auto second = shares.take(who);
        REQUIRE(second);
        Shares::Place moved = std::move(*second);
        CHECK(shares.size() == 2);
        moved = std::move(*first);
        CHECK(shares.size() == 2);
    }
    CHECK(shares.size() == 0);
    CHECK(shares.take(who));
}

TEST_CASE("the order of a grant's customers does not give a second share") {
    Viewer first = viewer(Role::kCustomer, "a");
    Viewer second = first;
    first.grant.customers = {"a", "b"};
    second.grant.customers = {"b", "a"};
    CHECK(part_of(first) == part_of(second));
    CHECK(part_of(first) != part_of(viewer(Role::kCustomer, "a")));
}

TEST_CASE("a connection without login makes room for a new one of its address, the one idle for longest") {
    Strangers strangers({100, 3});
    for (Strangers::Id id = 1; id <= 3; ++id) {
        const auto admission = strangers.add(at(static_cast<std::int64_t>(id)), id, site(1));
        CHECK(admission.admitted);
        CHECK_FALSE(admission.closes);
    }
    strangers.touch(at(10), 1);
    CHECK(*strangers.add(at(11), 4, site(1)).closes == 2);
    CHECK(strangers.size() == 3);
    CHECK_FALSE(strangers.add(at(11), 5, site(2)).closes);  // another address is not affected
}

TEST_CASE("when all places are taken, the address with the most connections gives one up") {
    Strangers strangers({10, 9});
    Strangers::Id id = 0;
    const Strangers::Id single = ++id;
    REQUIRE(strangers.add(at(0), single, site(99)).admitted);  // idle for longest of all
    while (id < 6) REQUIRE(strangers.add(at(1), ++id, site(1)).admitted);
    while (id < 10) REQUIRE(strangers.add(at(2), ++id, site(2)).admitted);
    for (int more = 0; more < 50; ++more) {
        const auto admission = strangers.add(at(3 + more), ++id, site(1));
        CHECK(admission.admitted);
        REQUIRE(admission.closes);
        CHECK(*admission.closes != single);
        CHECK(strangers.size() == 10);
    }
}

TEST_CASE("a connection that waits for a password check is not closed; one that has logged in is not counted") {
    Strangers strangers({3, 2});
    REQUIRE(strangers.add(at(0), 1, site(1)).admitted);
    REQUIRE(strangers.add(at(1), 2, site(1)).admitted);
    strangers.set_waiting(1, true);
    CHECK(*strangers.add(at(2), 3, site(1)).closes == 2);
    strangers.set_waiting(3, true);
    const auto refused = strangers.add(at(3), 4, site(1));
    CHECK_FALSE(refused.admitted);
    CHECK_FALSE(refused.closes);
    strangers.set_waiting(3, false);
    CHECK(*strangers.add(at(4), 5, site(1)).closes == 3);
    strangers.remove(5);
    CHECK(strangers.size() == 1);
    CHECK_FALSE(strangers.add(at(5), 6, site(1)).closes);
    strangers.remove(77);
    CHECK(strangers.size() == 2);
}

TEST_CASE(
    "passwords are checked by trust, then by failures, then in the order of arrival; every second is the oldest") {
    PasswordQueue queue;
    CHECK_FALSE(queue.add(login(1, {Trust::kNone, 3}, site(1))));
    CHECK_FALSE(queue.add(login(2, {Trust::kNone, 0}, site(2))));
    CHECK_FALSE(queue.add(login(3, {Trust::kNone, 0}, site(3))));
    CHECK_FALSE(queue.add(login(4, {Trust::kAddress, 2}, site(4))));
    CHECK_FALSE(queue.add(login(5, {Trust::kDevice, 4}, site(5))));
    std::vector<Ticket> order;
    while (const Ticket ticket = check_one(queue)) order.push_back(ticket);
    CHECK(order == std::vector<Ticket>{5, 1, 4, 2, 3});
}

TEST_CASE("an address fills its own places only; who is better in rank displaces the last") {
    PasswordQueue queue;
    Ticket next = 0;
    for (std::size_t i = 0; i < PasswordQueue::kMaxPerSite; ++i)
        CHECK_FALSE(queue.add(login(++next, {Trust::kNone, 1}, site(1))));
    CHECK(*queue.add(login(100, {Trust::kNone, 1}, site(1))) == 100);
    CHECK(*queue.add(login(101, {Trust::kDevice, 0}, site(1))) == next);  // a known device behind the same address
    CHECK_FALSE(queue.add(login(102, {Trust::kNone, 9}, site(2))));

    unsigned number = 10;
    while (queue.size() < PasswordQueue::kMax)
        REQUIRE_FALSE(queue.add(login(++next, {Trust::kNone, 5}, site(++number))));
    CHECK(*queue.add(login(103, {Trust::kNone, 9}, site(3))) == 103);
    CHECK(*queue.add(login(104, {Trust::kNone, 0}, site(4))) == 102);  // the one with the most failures goes
    CHECK(*queue.add(login(105, {Trust::kNone, 0}, site(5))) == next);
    CHECK(queue.size() == PasswordQueue::kMax);
}

TEST_CASE("a login that is withdrawn makes room") {
    PasswordQueue queue;
    for (Ticket ticket = 1; ticket <= PasswordQueue::kMaxPerSite; ++ticket)
        CHECK_FALSE(queue.add(login(ticket, {Trust::kNone, 0}, site(1))));
    queue.remove(1);
    queue.remove(77);
    CHECK(queue.size() == PasswordQueue::kMaxPerSite - 1);
    CHECK_FALSE(queue.add(login(50, {Trust::kNone, 0}, site(1))));
    CHECK(*queue.take() == 2);
}

TEST_CASE("59 addresses with made-up names do not delay a first attempt from another address") {
    PasswordQueue queue;
    Ticket next = 0;
    for (unsigned address = 0; address < 59; ++address) {
        for (std::uint32_t i = 0; i < PasswordQueue::kMaxPerSite; ++i)
            (void)queue.add(login(++next, {Trust::kNone, 1 + i}, site(address)));
    }
    CHECK_FALSE(queue.add(login(1000, {Trust::kNone, 0}, site(200))).value_or(0) == 1000);
    CHECK(*queue.take() == 1000);
}

TEST_CASE("a user who repeats right logins from its devices does not keep out who has no rank") {
    PasswordQueue queue;
    const auto repeat = [&queue](Ticket ticket) {
        return queue.add(login(ticket, {Trust::kDevice, 0}, site(static_cast<unsigned>(ticket)), "acme"));
    };
    CHECK_FALSE(repeat(1));
    CHECK(*repeat(2) == 2);  // one waits
    REQUIRE(*queue.take() == 1);
    CHECK(*repeat(3) == 3);  // one is checked
    CHECK_FALSE(queue.add(login(4, {Trust::kNone, 0}, site(50), "operator")));
    queue.finish();
    CHECK_FALSE(repeat(5));
    CHECK(check_one(queue) == 4);
    CHECK(check_one(queue) == 5);
}

TEST_CASE("many users who repeat right logins leave every second check to those who have waited for longest") {
    PasswordQueue queue;
    Ticket next = 100;
    CHECK_FALSE(queue.add(login(1, {Trust::kNone, 3}, site(1))));
    CHECK_FALSE(queue.add(login(2, {Trust::kAddress, 0}, site(2))));
    std::vector<Ticket> waited;
    for (unsigned check = 0; check < 4; ++check) {
        for (unsigned user = 0; user < 10; ++user)
            (void)queue.add(login(++next, {Trust::kDevice, 0}, site(10 + user), "customer-" + std::to_string(user)));
        const Ticket ticket = check_one(queue);
        if (ticket < 100) waited.push_back(ticket);
    }
    CHECK(waited == std::vector<Ticket>{1, 2});
}

TEST_CASE("who guesses at a name elsewhere does not take the place of its user") {
    PasswordQueue queue;
    CHECK_FALSE(queue.add(login(1, {Trust::kNone, 0}, site(1), "anna")));
    CHECK(*queue.add(login(2, {Trust::kNone, 0}, site(1), "anna")) == 2);
    CHECK_FALSE(queue.add(login(3, {Trust::kNone, 0}, site(2), "anna")));
    CHECK_FALSE(queue.add(login(4, {Trust::kDevice, 0}, site(1), "anna")));
    CHECK_FALSE(queue.add(login(5, {Trust::kNone, 0}, site(1), "bert")));
}

TEST_CASE("a login that has waited for too long is taken out, and not sooner") {
    PasswordQueue queue;
    CHECK_FALSE(queue.add(login(1, {Trust::kNone, 0}, site(1), "anna", at(100))));
    CHECK_FALSE(queue.add(login(2, {Trust::kDevice, 0}, site(2), "bert", at(101))));
    CHECK(queue.take_late(at(100) + PasswordQueue::kMaxWait - Duration(1)).empty());
    CHECK(queue.take_late(at(100) + PasswordQueue::kMaxWait) == std::vector<Ticket>{1});
    CHECK(queue.size() == 1);
    CHECK_FALSE(queue.add(login(3, {Trust::kNone, 0}, site(1), "anna", at(111))));  // its place is free again
    CHECK(queue.take_late(at(111)) == std::vector<Ticket>{2});
}
