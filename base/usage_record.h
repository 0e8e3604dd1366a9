// What customers used in a month, in the form in which it outlives vpnd: one file for each month of UTC, a record for
// each customer and for each of its peers. PURE.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace warren {

// 202611. Months of years from 1970 to 9999.
using Month = std::uint32_t;
[[nodiscard]] Month month_of(WallTime at);
[[nodiscard]] Month next_month(Month month);
[[nodiscard]] Month months_before(Month month, unsigned count);
[[nodiscard]] WallTime beginning_of(Month month);
// "2026-11"
[[nodiscard]] std::string month_text(Month month);
// Nothing when the text is no such month.
[[nodiscard]] std::optional<Month> parse_month(std::string_view text);

// How many months are kept beside the present one, and how many records one may have: files of at most 128 MB.
inline constexpr unsigned kUsageMonths = 24;
inline constexpr std::size_t kMostUsageRecords = std::size_t{1} << 19;

// At most the largest number.
[[nodiscard]] constexpr std::uint64_t saturating_sum(std::uint64_t one, std::uint64_t other) {
    return one > UINT64_MAX - other ? UINT64_MAX : one + other;
}

struct UsageRecord {
    // Bytes of a record in the file. It divides a page: a process that is killed while it writes ends between pages.
    static constexpr std::size_t kSize = 256;
    static constexpr std::size_t kMostCustomer = 31;
    static constexpr std::size_t kMostPeer = 63;

    std::string customer;
    std::string peer;            // or a connection; "": all of the customer
    std::uint64_t rx_bytes = 0;  // from the far end: messages with their headers, as `wg show` counts them
    std::uint64_t tx_bytes = 0;
    std::uint64_t quota = 0;        // bytes, as it was last; 0 = none
    std::uint64_t told_expiry = 0;  // seconds since 1970: the end of which was told that it comes soon; 0 = none
    std::uint64_t closed = 0;     // seconds since 1970: since then the id is free, or another customer's; 0 = it is not
    bool is_told_nearly = false;  // that the quota is nearly spent
    bool is_told_spent = false;   // likewise

    [[nodiscard]] std::uint64_t bytes() const { return saturating_sum(rx_bytes, tx_bytes); }
    bool operator==(const UsageRecord&) const = default;
};

// Names that are too long are cut off.
void encode(const UsageRecord& record, std::span<std::uint8_t, UsageRecord::kSize> to);
// Nothing when the bytes are no record, or one that was half written.
[[nodiscard]] std::optional<UsageRecord> decode_usage(std::span<const std::uint8_t, UsageRecord::kSize> from);

}  // namespace warren
