// What outlives alertd, as text: what was told, what waits, and what was up. Pure.
#pragma once

#include <string>
#include <string_view>

#include "alerts/model/book.h"
#include "alerts/model/outbox.h"
#include "alerts/model/roll.h"
#include "base/result.h"

namespace warren::alerts {

struct Kept {
    Book::Kept book;
    Outbox::Kept outbox;
    WereUp were_up;
    bool operator==(const Kept&) const = default;
};

// JSON. At most kMostKept bytes for what the bounds of Book, Outbox and Roll allow.
inline constexpr std::size_t kMostKept = 8 << 20;
[[nodiscard]] std::string kept_text(const Kept& kept);
[[nodiscard]] Result<Kept> parse_kept(std::string_view text);

}  // namespace warren::alerts
