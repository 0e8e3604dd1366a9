// The order in which unchanged stacks are checked.
#include "stacks/plan/patrol.h"

#include <doctest/doctest.h>

namespace warren::stacks {
namespace {

config::Generation generation_of(std::string_view ids) {
    config::Generation generation;
    for (const char id : ids) {
        config::AcceptedCustomer accepted;
        accepted.customer.id = std::string(1, id);
        generation.customers.push_back(std::make_shared<const config::AcceptedCustomer>(std::move(accepted)));
    }
    return generation;
}

std::string next(Patrol& patrol, std::size_t count) {
    std::string out;
    for (const std::string& id : patrol.pop(count)) out += id;
    return out;
}

TEST_CASE("every customer is checked once, except those that just were") {
    Patrol patrol;
    CHECK(next(patrol, 3).empty());
    patrol.begin(generation_of("abcde"), {"b"});
    CHECK(patrol.waiting() == 4);
    CHECK(next(patrol, 3) == "acd");
    CHECK(next(patrol, 3) == "e");
    CHECK(patrol.waiting() == 0);
}

TEST_CASE("the customer that waits longest is checked first, however often it begins again") {
    Patrol patrol;
    std::string seen;
    for (int round = 0; round < 3; ++round) {
        patrol.begin(generation_of("abcdef"), {});
        seen += next(patrol, 2);
    }
    CHECK(seen == "abcdef");
}

TEST_CASE("a customer that was checked in between, or removed, no longer waits") {
    Patrol patrol;
    patrol.begin(generation_of("abcd"), {});
    patrol.begin(generation_of("abde"), {"b"});
    CHECK(next(patrol, 9) == "ade");
}

TEST_CASE("a customer in a hurry is checked before the others, and once") {
    Patrol patrol;
    patrol.begin(generation_of("abcd"), {});
    patrol.hurry("c");
    patrol.hurry("x");
    patrol.hurry("x");
    CHECK(next(patrol, 9) == "xcabd");
    patrol.hurry("b");
    CHECK(next(patrol, 9) == "b");
}

TEST_CASE("a customer that is put off is checked when its time has come, however often it is queued") {
    Patrol patrol;
    const Instant start{1000};
    patrol.begin(generation_of("abc"), {});
    patrol.put_off("a", start + Duration(10));
    patrol.put_off("c", start + Duration(20));
    CHECK(patrol.waiting() == 1);
    patrol.hurry("c");
    patrol.begin(generation_of("abc"), {});
    CHECK(patrol.pop(9, start) == std::vector<std::string>{"b"});
    CHECK(patrol.waiting() == 0);
    CHECK(patrol.has_put_off());
    CHECK(patrol.pop(9, start + Duration(10)) == std::vector<std::string>{"a"});
    CHECK(patrol.pop(9, start + Duration(19)).empty());
    CHECK(patrol.pop(9, start + Duration(20)) == std::vector<std::string>{"c"});
    CHECK_FALSE(patrol.has_put_off());
    // One that is not queued is; one that leaves is forgotten.
    patrol.put_off("x", kNever);
    CHECK(patrol.has_put_off());
    patrol.begin(generation_of("ab"), {"a", "b"});
    CHECK_FALSE(patrol.has_put_off());
    CHECK(patrol.waiting() == 0);
}

}  // namespace
}  // namespace warren::stacks
