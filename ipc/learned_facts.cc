#include "ipc/learned_facts.h"

namespace warren::ipc {

namespace {

constexpr std::string_view kBegin = "learned ";
constexpr std::string_view kPeer = " peer ";
constexpr std::string_view kNeighbour = " neighbour ";
constexpr std::string_view kRefused = " refused ";

}  // namespace

std::string text_of(const LearnedFact& fact) {
    std::string text = std::string(kBegin) + to_string(fact.network);
    if (fact.peer.empty()) return text + std::string(kRefused) + fact.reason;
    text += std::string(kPeer) + fact.peer;
    return fact.neighbour.empty() ? text : text + std::string(kNeighbour) + fact.neighbour;
}

std::optional<LearnedFact> parse_learned_fact(std::string_view text) {
    if (!text.starts_with(kBegin)) return std::nullopt;
    text.remove_prefix(kBegin.size());
    const std::size_t end = text.find(' ');
    if (end == std::string_view::npos) return std::nullopt;
    LearnedFact fact;
    const auto network = parse_prefix(text.substr(0, end));
    if (!network) return std::nullopt;
    fact.network = *network;
    text.remove_prefix(end);
    if (text.starts_with(kRefused)) {
        fact.reason = text.substr(kRefused.size());
        return fact;
    }
    if (!text.starts_with(kPeer)) return std::nullopt;
    text.remove_prefix(kPeer.size());
    const std::size_t neighbour = text.find(kNeighbour);
    fact.peer = text.substr(0, neighbour);
    if (neighbour != std::string_view::npos) fact.neighbour = text.substr(neighbour + kNeighbour.size());
    if (fact.peer.empty()) return std::nullopt;
    return fact;
}

}  // namespace warren::ipc
