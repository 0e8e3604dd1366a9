// How much a customer, a peer or a connection may send and receive: rates, and a quota for each month.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace warren::config {

struct Node;

// Up is from the far end into the stack, down from the stack to the far end. Absent: no limit.
struct Limits {
    std::optional<std::uint64_t> rate_up;      // bits per second
    std::optional<std::uint64_t> rate_down;    // the same
    std::optional<std::uint64_t> quota;        // bytes of both directions together in a calendar month of UTC
    std::optional<std::uint64_t> after_quota;  // bits per second of each direction, once it is spent; absent: nothing
                                               // passes until the next month
    bool operator==(const Limits&) const = default;
};

// The four keys of a table. A null table changes nothing.
void read(const Node* table, Limits& to);
// As lines "field" -> "text" (config/diff.cc); `at`: what the fields' names begin with, a separator included.
void flatten(const Limits& limits, const std::string& at, std::map<std::string, std::string>& out);

// "500 GB/month": in bytes. Nothing when the text is no such amount, or 0.
[[nodiscard]] std::optional<std::uint64_t> parse_quota(std::string_view text);
// The shortest text that parse_quota() reads back.
[[nodiscard]] std::string quota_text(std::uint64_t bytes);
// "drop", or a rate: in bits per second, 0 for drop. Nothing when the text is neither.
[[nodiscard]] std::optional<std::uint64_t> parse_after_quota(std::string_view text);

}  // namespace warren::config
