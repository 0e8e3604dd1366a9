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

// How many months are kept beside the present one, and how many records one may have: files of at most 64 MB.
inline constexpr unsigned kUsageMonths = 24;
inline constexpr std::size_t kMostUsageRecords = std::size_t{1} << 19;

struct UsageRecord {
    static constexpr std::size_t kSize = 136;  // bytes of a record in the file
    static constexpr std::size_t kMostCustomer = 31;
    static constexpr std::size_t kMostPeer = 63;

    std::string customer;
    std::string peer;            // or a connection; "": all of the customer
    std::uint64_t rx_bytes = 0;  // from the far end: messages with their headers, as `wg show` counts them
    std::uint64_t tx_bytes = 0;
    std::uint64_t quota = 0;        // bytes, as it was last; 0 = none
    std::uint64_t told_expiry = 0;  // seconds since 1970: the end of which was told that it comes soon; 0 = none
    bool is_told_nearly = false;    // that the quota is nearly spent
    bool is_told_spent = false;     // likewise

    [[nodiscard]] std::uint64_t bytes() const { return rx_bytes + tx_bytes; }
    bool operator==(const UsageRecord&) const = default;
};

// Names that are too long are cut off.
void encode(const UsageRecord& record, std::span<std::uint8_t, UsageRecord::kSize> to);
// Nothing when the bytes are no record, or one that was half written.
[[nodiscard]] std::optional<UsageRecord> decode_usage(std::span<const std::uint8_t, UsageRecord::kSize> from);

}  // namespace warren
