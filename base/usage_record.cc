#include "base/usage_record.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace warren {

namespace {

// u32 checksum, u8 format, u8 flags, u8 and u8 the sizes of the names, five u64, the names, zeros.
constexpr std::uint8_t kFormat = 2;
constexpr std::uint8_t kNearly = 1;
constexpr std::uint8_t kSpent = 2;
constexpr std::size_t kNumbers = 8;
constexpr std::size_t kCustomer = kNumbers + 5 * 8;
constexpr std::size_t kPeer = kCustomer + 32;
static_assert(kPeer + 64 <= UsageRecord::kSize && 4'096 % UsageRecord::kSize == 0);

// FNV-1a over words of eight bytes: finds what was half written, not what somebody forged.
std::uint32_t checksum(std::span<const std::uint8_t, UsageRecord::kSize> record) {
    std::uint64_t hash = 0xcbf29ce484222325;
    hash = (hash ^ load_le<std::uint32_t>(record.data() + 4)) * 0x100000001b3;
    for (std::size_t at = 8; at < record.size(); at += 8)
        hash = (hash ^ load_le<std::uint64_t>(record.data() + at)) * 0x100000001b3;
    return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

std::size_t put_name(std::string_view name, std::size_t most, std::uint8_t* to) {
    const std::size_t size = std::min(name.size(), most);
    std::memcpy(to, name.data(), size);
    return size;
}

std::chrono::year_month_day date_of(Month month) {
    return std::chrono::year(static_cast<int>(month / 100)) / std::chrono::month(month % 100) / std::chrono::day(1);
}

Month month_of(std::chrono::year_month_day date) {
    return static_cast<Month>(static_cast<int>(date.year())) * 100 + static_cast<unsigned>(date.month());
}

}  // namespace

Month month_of(WallTime at) {
    const std::chrono::sys_seconds seconds{
        std::chrono::seconds(std::max<std::int64_t>(at.nanoseconds, 0) / std::int64_t{1'000'000'000})};
    return month_of(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(seconds)));
}

Month next_month(Month month) {
    return month_of(date_of(month) + std::chrono::months(1));
}

Month months_before(Month month, unsigned count) {
    return month_of(date_of(month) - std::chrono::months(count));
}

WallTime beginning_of(Month month) {
    const auto days = std::chrono::sys_days(date_of(month)).time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::seconds>(days).count() * std::int64_t{1'000'000'000}};
}

std::string month_text(Month month) {
    std::string out =
        std::to_string(month / 100 + 10'000).substr(1) + "-" + std::to_string(month % 100 + 100).substr(1);
    return out;
}

std::optional<Month> parse_month(std::string_view text) {
    if (text.size() != 7 || text[4] != '-') return std::nullopt;
    Month out = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i == 4) continue;
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        out = out * 10 + static_cast<Month>(text[i] - '0');
    }
    if (out < 197'001 || out % 100 < 1 || out % 100 > 12) return std::nullopt;
    return out;
}

void encode(const UsageRecord& record, std::span<std::uint8_t, UsageRecord::kSize> to) {
    std::fill(to.begin(), to.end(), std::uint8_t{0});
    to[4] = kFormat;
    to[5] = static_cast<std::uint8_t>((record.is_told_nearly ? kNearly : 0) | (record.is_told_spent ? kSpent : 0));
    to[6] = static_cast<std::uint8_t>(put_name(record.customer, UsageRecord::kMostCustomer, to.data() + kCustomer));
    to[7] = static_cast<std::uint8_t>(put_name(record.peer, UsageRecord::kMostPeer, to.data() + kPeer));
    const std::array numbers{record.rx_bytes, record.tx_bytes, record.quota, record.told_expiry, record.closed};
    for (std::size_t i = 0; i < numbers.size(); ++i) store_le(to.data() + kNumbers + 8 * i, numbers[i]);
    store_le(to.data(), checksum(to));
}

std::optional<UsageRecord> decode_usage(std::span<const std::uint8_t, UsageRecord::kSize> from) {
    const std::size_t customer = from[6];
    const std::size_t peer = from[7];
    if (from[4] != kFormat || load_le<std::uint32_t>(from.data()) != checksum(from)) return std::nullopt;
    if (customer == 0 || customer > UsageRecord::kMostCustomer || peer > UsageRecord::kMostPeer) return std::nullopt;
    const auto number = [&](std::size_t i) { return load_le<std::uint64_t>(from.data() + kNumbers + 8 * i); };
    const auto name = [&](std::size_t at, std::size_t size) {
        std::string out(size, '\0');
        std::memcpy(out.data(), from.data() + at, size);
        return out;
    };
    UsageRecord out;
    out.customer = name(kCustomer, customer);
    out.peer = name(kPeer, peer);
    out.rx_bytes = number(0);
    out.tx_bytes = number(1);
    out.quota = number(2);
    out.told_expiry = number(3);
    out.closed = number(4);
    out.is_told_nearly = (from[5] & kNearly) != 0;
    out.is_told_spent = (from[5] & kSpent) != 0;
    return out;
}

}  // namespace warren
