#include "ipc/disabled_peers.h"

#include <charconv>

namespace warren::ipc {

std::string text_of(const std::vector<std::string>& names, std::size_t most) {
    std::string out = std::to_string(names.size());
    std::size_t used = 0;
    for (const std::string& name : names) {
        used += 1 + name.size();
        if (used > most) break;
        out += ' ' + name;
    }
    return out;
}

std::optional<DisabledPeers> parse_disabled_peers(std::string_view text) {
    std::size_t total = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), total);
    if (error != std::errc()) return std::nullopt;
    DisabledPeers out;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    while (!text.empty()) {
        if (text.front() != ' ') return std::nullopt;
        text.remove_prefix(1);
        const std::string_view name = text.substr(0, text.find(' '));
        if (name.empty()) return std::nullopt;
        out.names.emplace_back(name);
        text.remove_prefix(name.size());
    }
    if (out.names.size() > total) return std::nullopt;
    out.more = total - out.names.size();
    return out;
}

}  // namespace warren::ipc
