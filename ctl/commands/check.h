// Asks stackd what is wrong with the files: it knows those that did not change since it applied them, so of ten
// thousand it reads few. Without it everything is read here, with the same result.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "amend/change.h"
#include "ctl/command.h"

namespace warren::ctl {

struct CheckedByStackd {
    bool is_valid = false;
    std::size_t customers = 0;
    std::size_t errors = 0;
    std::vector<std::string> diagnostics;  // as people read them
};

// With a `customer` of that one alone, when its file is as its draft says (ipc::draft_path). Nothing: stackd cannot be
// asked, or serves another directory.
[[nodiscard]] std::optional<CheckedByStackd> check_by_stackd(const Invocation& invocation,
                                                             const std::string& customer = "");

// For changes of a customer's file. `invocation` must outlive it.
[[nodiscard]] amend::Check check_of(const Invocation& invocation);

}  // namespace warren::ctl
