#include "vpnd/show/refused.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace warren::vpnd {

std::vector<ipc::RefusedSender> select_refused(std::vector<ListenerRefusal> refusals, std::size_t most) {
    const auto is_later = [](const auto& a, const auto& b) { return a.refusal.heard > b.refusal.heard; };
    std::sort(refusals.begin(), refusals.end(), is_later);
    if (refusals.size() > most) {
        std::map<std::tuple<std::string, std::string, DropReason>, std::size_t> seen;
        std::vector<std::tuple<std::size_t, bool, std::size_t>> ranks;  // within its kind, is no claim, position
        for (std::size_t i = 0; i < refusals.size(); ++i) {
            const auto& [listener, refusal, customer, peer] = refusals[i];
            const std::size_t rank = seen[{customer.empty() ? listener : "", customer, refusal.reason}]++;
            ranks.emplace_back(rank, customer.empty(), i);
        }
        std::sort(ranks.begin(), ranks.end());
        std::vector<ListenerRefusal> chosen;
        for (std::size_t i = 0; i < most; ++i) chosen.push_back(std::move(refusals[std::get<2>(ranks[i])]));
        std::sort(chosen.begin(), chosen.end(), is_later);
        refusals = std::move(chosen);
    }
    std::vector<ipc::RefusedSender> out;
    for (const auto& [listener, refusal, customer, peer] : refusals) {
        out.push_back({std::string(drop_reasons()[index_of(refusal.reason)].name), listener, refusal.from, refusal.who,
                       refusal.messages, refusal.first, refusal.last, customer, peer});
    }
    return out;
}

}  // namespace warren::vpnd
