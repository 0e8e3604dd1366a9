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

}  // namespace
}  // namespace warren::stacks
