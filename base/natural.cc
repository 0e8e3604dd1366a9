#include "base/natural.h"

#include <algorithm>

namespace warren {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Removes a run of digits from the front; returns it without leading zeros.
std::string_view cut_number(std::string_view& text) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit) - text.begin();
    std::string_view number = text.substr(0, static_cast<std::size_t>(end));
    text.remove_prefix(number.size());
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
    return number;
}

}  // namespace

bool operator<(const Natural& a, const Natural& b) {
    std::string_view left = a.text;
    std::string_view right = b.text;
    while (!left.empty() && !right.empty()) {
        if (is_digit(left.front()) && is_digit(right.front())) {
            const std::string_view x = cut_number(left);
            const std::string_view y = cut_number(right);
            if (x.size() != y.size()) return x.size() < y.size();
            if (x != y) return x < y;
            continue;
        }
        if (left.front() != right.front()) return left.front() < right.front();
        left.remove_prefix(1);
        right.remove_prefix(1);
    }
    if (left.empty() != right.empty()) return left.empty();
    return a.text < b.text;
}

}  // namespace warren
