// What each drop reason of the daemons means, and what an operator may do about it.
#pragma once

#include <span>
#include <string_view>

namespace warren::ipc {

struct DropExplanation {
    std::string_view reason;  // as the daemon names it
    std::string_view sentence;
    std::string_view what_to_do;  // "" = nothing
};

// By reason.
[[nodiscard]] std::span<const DropExplanation> drop_explanations();
// nullptr when the reason is not known here.
[[nodiscard]] const DropExplanation* explain_drop(std::string_view reason);

}  // namespace warren::ipc
