// A file of EAP's users, as people write it. PURE.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace warren::eap {

inline constexpr std::size_t kMostUserName = 128;  // bytes, like the next one
inline constexpr std::size_t kMostPassword = 256;  // UTF-16 code units that MS-CHAPv2 takes (RFC 2759 §8.3)

struct UserLine {
    std::string_view name;
    std::string_view password;  // in UTF-8; or, when is_nt_hash, 32 hexadecimal digits (RFC 2759 §8.3)
    bool is_nt_hash = false;
};

// Lines of the form alice = "password", or alice = "nt:HEX". Empty lines and those that begin with # are skipped. Calls
// `take` for each, with views into `text`. Why the text is none, with the number of the line, never with a password;
// "": it is one.
[[nodiscard]] std::string read_users(std::string_view text, const std::function<void(const UserLine&)>& take);

}  // namespace warren::eap
