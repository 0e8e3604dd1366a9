#include "base/usage_record.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

using namespace warren;

namespace {

using Form = std::array<std::uint8_t, UsageRecord::kSize>;

UsageRecord sample() {
    UsageRecord out;
    out.customer = "acme";
    out.peer = "branch-graz";
    out.rx_bytes = 1;
    out.tx_bytes = 0xffff'ffff'ffff;
    out.quota = 500'000'000'000;
    out.told_expiry = 1'796'000'000;
    out.closed = 1;
    out.is_told_nearly = true;
    return out;
}

Form form_of(const UsageRecord& record) {
    Form out{};
    encode(record, out);
    return out;
}

}  // namespace

TEST_CASE("a record is read back as it was written") {
    CHECK(decode_usage(form_of(sample())) == sample());
    UsageRecord longest;
    longest.customer = std::string(UsageRecord::kMostCustomer, 'c');
    longest.peer = std::string(UsageRecord::kMostPeer, 'p');
    longest.is_told_spent = true;
    CHECK(decode_usage(form_of(longest)) == longest);
    UsageRecord all;
    all.customer = "a";
    CHECK(decode_usage(form_of(all)) == all);
}

TEST_CASE("zeros are no record, and neither is one of which any byte is another's") {
    CHECK_FALSE(decode_usage(Form{}));
    const Form whole = form_of(sample());
    for (std::size_t i = 0; i < whole.size(); ++i) {
        Form torn = whole;
        torn[i] ^= 1;
        CHECK_FALSE(decode_usage(torn));
    }
    // A write that stopped in the middle.
    UsageRecord later = sample();
    later.rx_bytes = 0x1234'5678'9abc;
    later.peer = "branch-linz";
    const Form next = form_of(later);
    for (std::size_t i = 1; i < whole.size(); ++i) {
        Form torn = whole;
        std::copy_n(next.begin(), i, torn.begin());
        const auto read = decode_usage(torn);
        if (read) CHECK((read == sample() || read == later));
    }
}

TEST_CASE("a month is of UTC, and text and number say the same") {
    CHECK(month_of(WallTime{}) == 197'001);
    CHECK(month_of({1'796'083'199'999'999'999}) == 202'611);  // the last nanosecond of November 2026
    CHECK(month_of({1'796'083'200'000'000'000}) == 202'612);
    CHECK(beginning_of(202'612) == WallTime{1'796'083'200'000'000'000});
    CHECK(next_month(202'612) == 202'701);
    CHECK(months_before(202'601, 24) == 202'401);
    CHECK(month_text(202'611) == "2026-11");
    CHECK(parse_month("2026-11") == Month{202'611});
    for (const char* wrong : {"", "2026-13", "2026-00", "2026-1", "26-11", "2026/11", "2026-11x", "1969-12", "2o26-11"})
        CHECK_FALSE(parse_month(wrong));
}
