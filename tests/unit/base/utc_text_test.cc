#include "base/utc_text.h"

#include <doctest/doctest.h>

using namespace warren;

TEST_CASE("a moment is written as RFC 3339 has it, in whole seconds") {
    CHECK(utc_text({}) == "1970-01-01T00:00:00Z");
    CHECK(utc_text({1'764'424'799'999'999'999}) == "2025-11-29T13:59:59Z");
    CHECK(utc_text({1'709'164'800'000'000'000}) == "2024-02-29T00:00:00Z");  // a leap day
    CHECK(utc_text({-1}) == "1969-12-31T23:59:59Z");
}
