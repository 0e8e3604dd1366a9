// Routes that the database of the past answers: older events, outages, traffic.
#include <algorithm>
#include <utility>

#include "web/api/query.h"
#include "web/api/router.h"
#include "web/api/views.h"

namespace warren::web {

namespace {

Reply json(std::string body) {
    return {200, "application/json", std::move(body), {{"Cache-Control", "no-store"}}};
}

Reply later(std::string detail) {
    Reply reply = problem(503, std::move(detail));
    reply.headers.emplace_back("Retry-After", "10");
    return reply;
}

std::vector<const Event*> pointers_to(const std::vector<Event>& events, std::size_t limit) {
    std::vector<const Event*> out;
    for (const Event& event : events) {
        if (out.size() < limit) out.push_back(&event);
    }
    return out;
}

}  // namespace

std::vector<std::string> Router::customers_of(const Viewer& viewer, const std::string& customer) const {
    if (viewer.sees_all()) return customer.empty() ? std::vector<std::string>{} : std::vector{customer};
    std::vector<std::string> out;
    const auto add = [&](const std::string& id) {
        if (is_served(id)) out.push_back(id);
    };
    if (!customer.empty()) {
        add(customer);
    } else {
        for (const std::string& id : customers_seen_by(viewer, census_)) add(id);
    }
    return out;
}

bool Router::is_served(const std::string& id) const {
    const CustomerEntry* const customer = census_.find(id);
    return customer != nullptr && customer->is_served;
}

Outcome Router::ask_past(const Call& call, PastQuestion question, std::vector<Event> newer, std::size_t limit) {
    auto place = past_.take(call.viewer);
    if (!place) return later("Too many questions about the past at once. Try again.");
    return PastQuery{std::move(*place), std::move(question), std::move(newer), limit};
}

Outcome Router::outages(const Call& call, const std::string& customer) {
    Query query(call.target);
    OutageQuestion question;
    question.customers = customers_of(call.viewer, customer);
    question.with_disowned = call.viewer.sees_all();
    if (const std::string* name = call.target.find("name")) question.name = *name;
    question.until = query.time("until").value_or(call.now.wall);
    question.since = query.time("since").value_or(WallTime{question.until.nanoseconds - Duration(kPastKept).count()});
    question.limit = query.number("limit", 1, kMaxPage, 100);
    if (!query.ok()) return query.error_reply();
    if (!call.viewer.sees_all() && question.customers.empty()) return json(outages_json({}, call.now));
    if (facts_.has_past) return ask_past(call, std::move(question));
    // What this process has seen.
    OutageReader reader;
    for (const std::string& id : question.customers.empty() ? std::vector<std::string>{""} : question.customers) {
        const auto events = census_.events().find(id, 0, UINT64_MAX, EventLog::kOverall, [&](const Event& event) {
            return (question.with_disowned || !event.is_disowned) && tells_of_outages(event.kind);
        });
        for (auto event = events.rbegin(); event != events.rend(); ++event) reader.add(**event);
    }
    return json(outages_json(select_outages(reader, question), call.now));
}

Outcome Router::traffic(const Call& call, const std::string& customer) {
    Query query(call.target);
    const auto range = query.choice("range", kTrafficRanges);
    if (!query.ok() || !range) return query.error_reply();
    if (!call.viewer.sees_all() && !is_served(customer)) return problem(404);
    if (!facts_.has_past)
        return later(
            "Nothing is kept of the past: the log of statusd says why. Without range= the answer is what "
            "statusd has seen since its start.");
    return ask_past(call, traffic_question(customer, static_cast<TrafficRange>(*range), call.now.wall));
}

Reply Router::finish_past(const PastQuery& query, const Result<PastAnswer>& answer, Now now) const {
    if (!answer) return later("The past cannot be read: " + answer.error().what + ".");
    if (const auto* older = std::get_if<std::vector<Event>>(&*answer)) {
        std::vector<Event> all = query.newer;
        all.insert(all.end(), older->begin(), older->end());
        return json(events_json(pointers_to(all, query.limit), all.size() > query.limit));
    }
    if (const auto* outages = std::get_if<OutageAnswer>(&*answer)) return json(outages_json(*outages, now));
    return json(traffic_json(std::get<TrafficQuestion>(query.question), std::get<TrafficAnswer>(*answer)));
}

}  // namespace warren::web
