#include "ipc/service_facts.h"

#include <doctest/doctest.h>

namespace warren::ipc {
namespace {

TEST_CASE("what is told of a service comes back as it was") {
    const ServiceFact fact{"dns", "unbound", "running", "cgroup", 4711, 1796053250, 3};
    CHECK(text_of(fact) == "service dns unbound running cgroup 4711 1796053250 3");
    CHECK(parse_service_fact(text_of(fact)) == fact);
}

TEST_CASE("other facts are none of a service") {
    for (const char* text : {"", "3 graz linz", "service", "service dns unbound running cgroup x 0 0",
                             "service dns unbound running cgroup 1 2 3 4", "pid 12, up 60 s"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_service_fact(text));
    }
}

}  // namespace
}  // namespace warren::ipc
