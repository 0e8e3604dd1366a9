#include "config/customer_id.h"

#include <algorithm>

namespace warren::config {

namespace {

constexpr std::string_view kCustomers = "customers/";
constexpr std::string_view kSuffix = ".toml";

}  // namespace

bool is_customer_name(std::string_view text) {
    if (text.empty() || text.size() > kMaxCustomerId || text.front() < 'a' || text.front() > 'z') return false;
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool is_customer_id(std::string_view text) {
    if (text.size() > kMaxCustomerId) return false;
    for (std::size_t level = 1; level <= kMostLevels; ++level) {
        const auto dot = text.find('.');
        if (!is_customer_name(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return level == 1 || text != kReservedName;
        text.remove_prefix(dot + 1);
    }
    return false;
}

std::string customer_file(std::string_view id) {
    std::string path(id);
    std::replace(path.begin(), path.end(), '.', '/');
    return std::string(kCustomers) + path + std::string(kSuffix);
}

std::string customer_of_file(std::string_view name) {
    if (!name.starts_with(kCustomers) || !name.ends_with(kSuffix) || name.size() <= kCustomers.size() + kSuffix.size())
        return {};
    std::string id(name.substr(kCustomers.size(), name.size() - kCustomers.size() - kSuffix.size()));
    if (id.find('.') != std::string::npos) return {};
    std::replace(id.begin(), id.end(), '/', '.');
    return is_customer_id(id) ? id : std::string();
}

std::string_view reseller_of(std::string_view id) {
    const auto dot = id.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : id.substr(0, dot);
}

std::vector<std::string> resellers_of(std::string_view id) {
    std::vector<std::string> out;
    for (std::string_view above = reseller_of(id); !above.empty(); above = reseller_of(above)) out.emplace_back(above);
    std::reverse(out.begin(), out.end());
    return out;
}

bool is_customer_of(std::string_view id, std::string_view reseller) {
    return !reseller.empty() && id.size() > reseller.size() && id.starts_with(reseller) && id[reseller.size()] == '.';
}

std::size_t level_of(std::string_view id) {
    return 1 + static_cast<std::size_t>(std::count(id.begin(), id.end(), '.'));
}

}  // namespace warren::config
