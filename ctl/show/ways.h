// What vpnctl why says.
#pragma once

#include <optional>
#include <string>

#include "ctl/diagnosis/way.h"

namespace warren::ctl {

// `answer`: the way back; nothing: the packet did not arrive, so there is none.
[[nodiscard]] std::string way_text(const diagnosis::Way& way, const std::optional<diagnosis::Way>& answer);
[[nodiscard]] std::string way_json(const diagnosis::Way& way, const std::optional<diagnosis::Way>& answer);

}  // namespace warren::ctl
