// What a search looks for. Pure.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "web/api/query.h"

namespace warren::web {

// `wanted` is in lower case.
[[nodiscard]] inline bool contains(std::string_view text, const std::string& wanted) {
    return lower(text).find(wanted) != std::string::npos;
}

// A whole address is also found in the prefixes that contain it.
struct Wanted {
    explicit Wanted(std::string search) : text(std::move(search)), address(parse_ip(text)) {
        may_be_address = text.find_first_not_of("0123456789abcdef.:/[]") == std::string::npos;
    }

    [[nodiscard]] bool is_in(const Prefix& prefix) const {
        if (!may_be_address) return false;
        return (address && prefix.contains(*address)) || contains(to_string(prefix), text);
    }
    [[nodiscard]] bool is_in(const std::vector<Prefix>& prefixes) const {
        return std::any_of(prefixes.begin(), prefixes.end(), [this](const Prefix& one) { return is_in(one); });
    }

    std::string text;
    std::optional<IpAddress> address;
    bool may_be_address = false;  // text of other letters is not compared with addresses: there may be 100,000
};

}  // namespace warren::web
