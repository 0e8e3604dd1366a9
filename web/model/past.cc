#include "web/model/past.h"

#include <algorithm>
#include <utility>

namespace warren::web {

bool EventQuestion::accepts(const Event& event) const {
    if (event.is_disowned && !with_disowned) return false;
    if (!customers.empty() && std::find(customers.begin(), customers.end(), event.customer) == customers.end())
        return false;
    if (peer && event.peer != *peer) return false;
    if (connection && event.connection != *connection) return false;
    if (kind && event.kind != *kind) return false;
    return (!since || event.at >= *since) && (!until || event.at <= *until) && event.id < before;
}

TrafficSteps steps_of(TrafficRange range) {
    switch (range) {
        case TrafficRange::kHour: return {60, 60};
        case TrafficRange::kDay: return {300, 288};
        case TrafficRange::kWeek: return {3600, 168};
        case TrafficRange::kMonth: return {3600, 720};
    }
    return {60, 60};
}

TrafficQuestion traffic_question(std::string customer, TrafficRange range, WallTime now) {
    const TrafficSteps steps = steps_of(range);
    return {std::move(customer), range, now.nanoseconds / 1'000'000'000 / steps.seconds - steps.count};
}

OutageAnswer select_outages(OutageReader& reader, const OutageQuestion& question) {
    OutageAnswer out{reader.take(question.since, question.until)};
    if (question.name)
        std::erase_if(out.outages, [&](const Outage& one) {
            return (one.connection.empty() ? one.peer : one.connection) != *question.name;
        });
    out.has_more = out.outages.size() > question.limit;
    out.outages.resize(std::min(out.outages.size(), question.limit));
    return out;
}

}  // namespace warren::web
