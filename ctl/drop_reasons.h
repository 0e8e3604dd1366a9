// What each drop reason of the daemons means, and what an operator may do about it.
#pragma once

#include <span>
#include <string_view>

namespace warren::ctl {

struct DropExplanation {
    std::string_view reason;  // as the daemon names it
    std::string_view sentence;
};

// By reason.
[[nodiscard]] std::span<const DropExplanation> drop_explanations();
// "" when the reason is not known here.
[[nodiscard]] std::string_view explain_drop(std::string_view reason);

}  // namespace warren::ctl
