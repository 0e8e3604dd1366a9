// The peers of a customer that its file disables, in the text of a ControlText (kFact). Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warren::ipc {

struct DisabledPeers {
    std::vector<std::string> names;  // the first of them
    std::size_t more = 0;            // not in `names`
    bool operator==(const DisabledPeers&) const = default;
};

// "3 graz linz": how many there are, then the names; those beyond `most` bytes of names are left out.
[[nodiscard]] std::string text_of(const std::vector<std::string>& names, std::size_t most);
// Nothing when it is not such a text.
[[nodiscard]] std::optional<DisabledPeers> parse_disabled_peers(std::string_view text);

}  // namespace warren::ipc
