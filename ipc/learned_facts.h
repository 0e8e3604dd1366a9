// A network that a customer's stack has learned towards a peer, in the text of a ControlText (kFact). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace warren::ipc {

struct LearnedFact {
    Prefix network;
    std::string peer;       // whose network it is while it is learned; "": nobody's
    std::string neighbour;  // that announced it; "": not known
    std::string reason;     // why it is nobody's
    bool operator==(const LearnedFact&) const = default;
};

// "learned 10.60.0.0/24 peer graz neighbour core", "learned 10.60.0.0/24 refused REASON"
[[nodiscard]] std::string text_of(const LearnedFact& fact);
// Nothing when it is not such a text.
[[nodiscard]] std::optional<LearnedFact> parse_learned_fact(std::string_view text);

}  // namespace warren::ipc
