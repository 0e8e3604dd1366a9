// Names that pass from one thing to another all at once: a -> b; a -> b with b -> c; a -> b with b -> a. PURE.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace warren {

struct Rename {
    std::string from;
    std::string to;
    bool operator==(const Rename&) const = default;
};

// Of renames in which each name is at most once a `from` and at most once a `to`: those that can be done together. The
// new name was free (`was` is false) or is given up by another of them; the old one is free afterwards (`is` is false)
// or passes to another of them.
[[nodiscard]] std::vector<Rename> complete_renames(std::vector<Rename> renames, const auto& was, const auto& is) {
    while (true) {
        std::set<std::string> given_up;
        std::set<std::string> taken;
        for (const Rename& rename : renames) {
            given_up.insert(rename.from);
            taken.insert(rename.to);
        }
        const auto dropped = std::erase_if(renames, [&](const Rename& rename) {
            return (was(rename.to) && !given_up.contains(rename.to)) ||
                   (is(rename.from) && !taken.contains(rename.from));
        });
        if (dropped == 0) return renames;
    }
}

[[nodiscard]] inline std::vector<Rename> reversed(const std::vector<Rename>& renames) {
    std::vector<Rename> out;
    out.reserve(renames.size());
    for (const Rename& rename : renames) out.push_back({rename.to, rename.from});
    return out;
}

// What two steps come to, one after the other, for the things that had names before the first. A name that the first
// one gave up is something else's in the second, unless it took it too.
[[nodiscard]] inline std::vector<Rename> chained(std::vector<Rename> first, const std::vector<Rename>& second) {
    std::map<std::string, std::string> rest;
    std::set<std::string> taken;
    for (const Rename& rename : second) {
        rest.emplace(rename.from, rename.to);
        taken.insert(rename.to);
    }
    std::vector<Rename> out;
    std::set<std::string> given_up;
    for (Rename& rename : first) {
        given_up.insert(rename.from);
        if (auto again = rest.extract(rename.to); !again.empty()) {
            rename.to = again.mapped();
        } else if (taken.contains(rename.to)) {
            continue;  // it has gone in between
        }
        out.push_back(std::move(rename));
    }
    for (auto& [from, to] : rest) {
        if (!given_up.contains(from)) out.push_back({from, std::move(to)});
    }
    return out;
}

// Renames the keys of a map, or the elements of a set, whose nodes stay where they are in memory. What is left under a
// new name was of something else and goes.
template <typename Named>
void rename_keys(Named& named, const std::vector<Rename>& renames) {
    std::vector<typename Named::node_type> nodes;
    for (const Rename& rename : renames) {
        auto node = named.extract(rename.from);
        if (node.empty()) continue;
        if constexpr (requires { typename Named::mapped_type; }) {
            node.key() = rename.to;
        } else {
            node.value() = rename.to;
        }
        nodes.push_back(std::move(node));
    }
    for (const Rename& rename : renames) named.erase(rename.to);
    for (auto& node : nodes) named.insert(std::move(node));
}

}  // namespace warren
