// What a check of a packet yields.
#pragma once

#include <tl/expected.hpp>

#include "base/drop_reason.h"

namespace warren::dataplane {

// The checked thing, or why the packet is dropped.
template <typename T>
using Checked = tl::expected<T, DropReason>;
[[nodiscard]] inline tl::unexpected<DropReason> drop(DropReason reason) {
    return tl::unexpected<DropReason>(reason);
}

}  // namespace warren::dataplane
