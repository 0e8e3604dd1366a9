// The configurations that came into force.
#include <algorithm>
#include <charconv>

#include "web/api/query.h"
#include "web/api/router.h"

namespace warren::web {

namespace {

Reply json(std::string body) {
    return {200, "application/json", std::move(body), {{"Cache-Control", "no-store"}}};
}

}  // namespace

Reply Router::revisions(const Call& call, const std::string& customer) const {
    Query query(call.target);
    PageOf page;
    page.limit = query.number("limit", 1, kMostRevisions, page.limit);
    page.offset = query.number("offset", 0, UINT32_MAX, 0);
    if (!query.ok()) return query.error_reply();
    return json(revisions_json(census_, facts_, call.viewer, customer, page));
}

// /api/v1/revisions/NUMBER
Reply Router::revision(const Call& call) const {
    if (call.target.segments.size() != 4) return problem(404);
    const std::string& text = call.target.segments[3];
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return problem(404);
    const auto found = std::find_if(facts_.revisions.begin(), facts_.revisions.end(),
                                    [number](const auto& each) { return each.number == number; });
    return found == facts_.revisions.end() ? problem(404) : json(revision_json(*found, call.viewer));
}

}  // namespace warren::web
