// Names of other systems as names of ours. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace warren::clients {

// A peer's name from any text: letters, digits, ".", "_", "-", "@" stay, umlauts and accented letters lose their dots
// and accents ("Büro Süd" -> "Buero-Sued"), all else is "-". Not in `used`: "-2", "-3", ... is appended until it is
// not. Adds it there.
[[nodiscard]] std::string peer_name_from(std::string_view text, std::set<std::string>& used);
// What a description takes of a text: no control characters, at most 128 characters.
[[nodiscard]] std::string description_from(std::string_view text);

}  // namespace warren::clients
