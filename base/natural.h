// The order in which people sort names: runs of digits by their value. Pure.
#pragma once

#include <string_view>

namespace warren {

// "rw-2" comes before "rw-10". Names that differ only in leading zeros are ordered by their text.
struct Natural {
    std::string_view text;
    friend bool operator<(const Natural& a, const Natural& b);
};

}  // namespace warren
