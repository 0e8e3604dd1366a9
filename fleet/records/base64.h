// Base64 as etcd's JSON gateway writes keys and values (RFC 4648 §4). PURE.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace warren::fleet {

[[nodiscard]] std::string to_base64(std::string_view bytes);
// Nothing when it is none: another length than a multiple of four, another letter, or padding in the middle.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace warren::fleet
