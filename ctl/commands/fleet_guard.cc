#include "ctl/commands/fleet_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/printable.h"

namespace warren::ctl {

namespace {

constexpr std::string_view kCustomers = "customers/";
constexpr std::size_t kMostNamed = 5;

struct Kind {
    std::string_view prefix;
    std::string_view noun;
};
constexpr std::array<Kind, 4> kKinds{
    {{kCustomers, "customer"}, {"secrets/", "secret"}, {"certs/", "certificate"}, {"users", "file of users"}}};

std::string named(const std::vector<std::string>& keys) {
    std::string out;
    for (std::size_t i = 0; i < std::min(keys.size(), kMostNamed); ++i)
        out += (i == 0 ? "" : ", ") + printable(name_of_fleet_key(keys[i]));
    return keys.size() > kMostNamed ? out + ", ..." : out;
}

bool is_renamed(const std::string& key, const FleetHere& here, const FleetBase& base) {
    return key.starts_with(kCustomers) && std::any_of(here.begin(), here.end(), [&](const auto& file) {
               return file.first.starts_with(kCustomers) && !base.files.contains(file.first) &&
                      hash_of(file.second.content.reveal()) == base.files.at(key).hash;
           });
}

bool belongs_to(const std::string& key, const std::string& customer) {
    return !customer.empty() &&
           (key == std::string(kCustomers) + customer || key.starts_with("secrets/" + customer + "/") ||
            key.starts_with("certs/" + customer + "/"));
}

}  // namespace

bool are_many(std::size_t gone, std::size_t all) {
    return gone > 1 || gone * 10 > all;
}

std::string removal_question(const FleetHere& here, const FleetBase& base, const std::set<std::string>& edited,
                             const std::string& removed) {
    std::string out;
    for (const Kind& kind : kKinds) {
        std::vector<std::string> gone;
        std::size_t known = 0;
        for (const auto& [key, file] : base.files) {
            if (!key.starts_with(kind.prefix)) continue;
            ++known;
            if (!here.contains(key) && edited.contains(key) && !belongs_to(key, removed) &&
                !is_renamed(key, here, base))
                gone.push_back(key);
        }
        if (gone.empty()) continue;
        const bool is_last = gone.size() == known;
        // One secret goes with each peer that is removed.
        const bool asks = kind.prefix == kCustomers ? are_many(gone.size(), known)
                                                    : is_last || (gone.size() > 1 && gone.size() * 10 > known);
        if (!asks) continue;
        out += fmt::format("{}{} of {} {}{} ({})", out.empty() ? "" : ", ", gone.size(), known, kind.noun,
                           known == 1 ? "" : "s", named(gone));
    }
    return out;
}

}  // namespace warren::ctl
