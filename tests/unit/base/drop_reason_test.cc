// One table of drop reasons: every enumerator has a name, a meaning and an advice.
#include "base/drop_reason.h"

#include <doctest/doctest.h>

#include <cctype>
#include <set>
#include <string>

using namespace warren;

TEST_CASE(
    "every drop reason has a row: a name of its own in snake_case, a meaning, and an advice or deliberately none") {
    // Nothing that an operator could do.
    const std::set<DropReason> without_advice{
        DropReason::kDatagramTruncated,  DropReason::kHandoverRefused,       DropReason::kBadType,
        DropReason::kBadLength,          DropReason::kUnknownIndex,          DropReason::kWrongState,
        DropReason::kBadCookieReply,     DropReason::kUnexpectedCookieReply, DropReason::kEspDummy,
        DropReason::kIkeTooLong,         DropReason::kIkeUnprotected,        DropReason::kIkeMessageId,
        DropReason::kIkeResponseUnasked, DropReason::kIkeCookieWrong,        DropReason::kIkeInvalidKe,
        DropReason::kIkeFragment,        DropReason::kIkeChildNotFound,      DropReason::kIkeTemporaryFailure,
        DropReason::kIkeEapUnexpected,   DropReason::kIkeEapPaused,          DropReason::kIkeEapFull,
    };
    std::set<std::string_view> names;
    REQUIRE(drop_reasons().size() == kDropReasonCount);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
        const auto reason = static_cast<DropReason>(i);
        const DropReasonRow& row = row_of(reason);
        CAPTURE(row.name);
        CHECK(row.reason == reason);
        CHECK(name_of(reason) == row.name);
        CHECK(names.insert(row.name).second);
        CHECK(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos);
        CHECK(find_drop_reason(row.name) == &row);
        CHECK(std::isupper(static_cast<unsigned char>(row.meaning.front())) != 0);
        CHECK(row.meaning.back() == '.');
        CHECK(row.advice.empty() == without_advice.contains(reason));
        if (!row.advice.empty()) CHECK(std::string_view(".?").find(row.advice.back()) != std::string_view::npos);
    }
    CHECK(find_drop_reason("no_such_reason") == nullptr);
    CHECK(find_drop_reason("") == nullptr);
}

TEST_CASE("counters of drops count each reason for itself") {
    DropCounters counters;
    counters.add(DropReason::kBadMac1);
    counters.add(DropReason::kBadMac1, 4);
    counters.add(DropReason::kDatagramMalformed);
    CHECK(counters.of(DropReason::kBadMac1) == 5);
    CHECK(counters.of(DropReason::kDatagramMalformed) == 1);
    CHECK(counters.of(DropReason::kBadType) == 0);
    CHECK(counters.all()[index_of(DropReason::kBadMac1)] == 5);
}

TEST_CASE("a customer's counters hold the data plane's reasons and no others") {
    CHECK(DataPlaneDrops().all().size() == index_of(DropReason::kUplinkRefused) + 1);
    CHECK(index_of(DropReason::kHandshakeSendFailed) == kDataPlaneReasonCount);
}
