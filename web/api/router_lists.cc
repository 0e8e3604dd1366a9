// Routes with search, sorting and paging: customers, peers, events.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/natural.h"
#include "web/api/query.h"
#include "web/api/router.h"
#include "web/api/wanted.h"

namespace warren::web {

namespace {

constexpr std::size_t kMaxSearch = 100;
constexpr std::size_t kMaxWatch = 100;
constexpr std::array<std::string_view, 2> kOrders{"asc", "desc"};

Reply json(std::string body) {
    return {200, "application/json", std::move(body), {{"Cache-Control", "no-store"}}};
}

bool matches(const ipc::ShownWireguardPeer& tunnel, const Wanted& wanted) {
    return contains(tunnel.public_key, wanted.text);
}

bool matches(const PeerEntry& peer, const Wanted& wanted) {
    const ipc::PeerSettings& settings = peer.shown.settings;
    if (wanted.text.empty() || contains(settings.name, wanted.text)) return true;
    if (std::visit([&](const auto& tunnel) { return matches(tunnel, wanted); }, peer.shown.tunnel)) return true;
    const auto& endpoint = peer.shown.activity.endpoint;
    if (wanted.may_be_address && endpoint && contains(to_string(*endpoint), wanted.text)) return true;
    return wanted.is_in(settings.allowed_ips);
}

bool matches(const ConnectionEntry& connection, const Wanted& wanted) {
    const ipc::ConnectionSettings& settings = connection.shown.settings;
    if (wanted.text.empty() || contains(settings.name, wanted.text)) return true;
    if (contains(to_string(settings.remote_identity), wanted.text)) return true;
    const auto& endpoint = connection.shown.activity.endpoint;
    if (wanted.may_be_address && endpoint && contains(to_string(*endpoint), wanted.text)) return true;
    if (wanted.is_in(settings.pool)) return true;
    if (std::any_of(settings.children.begin(), settings.children.end(),
                    [&](const ipc::IpsecChild& child) { return wanted.is_in(child.remote); }))
        return true;
    return std::any_of(connection.ike_sas.begin(), connection.ike_sas.end(), [&](const IkeSa& one) {
        return contains(one.ike_sa.remote_identity, wanted.text) ||
               (wanted.may_be_address && contains(to_string(one.ike_sa.endpoint), wanted.text));
    });
}

bool matches(const CustomerEntry& customer, const Wanted& wanted) {
    const ipc::CustomerSettings& settings = customer.shown.settings;
    if (wanted.text.empty() || contains(settings.id, wanted.text) || contains(settings.name, wanted.text)) return true;
    if (wanted.is_in(settings.addresses)) return true;
    const auto& listeners = customer.shown.listeners;
    if (std::any_of(listeners.begin(), listeners.end(),
                    [&](const ipc::ListenerSnapshot& one) { return contains(one.identity, wanted.text); }))
        return true;
    const auto any = [&](const auto& rows) {
        return std::any_of(rows.begin(), rows.end(), [&](const auto& one) { return matches(one.second, wanted); });
    };
    return any(customer.peers) || any(customer.connections);
}

// Sorts by `key` (stable) and returns the rows of the page.
template <typename Row, typename Key>
std::vector<const Row*> page_of(std::vector<const Row*> rows, Key key, bool descending, PageOf& page) {
    std::stable_sort(rows.begin(), rows.end(),
                     [&](const Row* a, const Row* b) { return descending ? key(*b) < key(*a) : key(*a) < key(*b); });
    page.total = rows.size();
    const auto begin = std::min(page.offset, rows.size());
    const auto end = std::min(begin + page.limit, rows.size());
    return {rows.begin() + static_cast<std::ptrdiff_t>(begin), rows.begin() + static_cast<std::ptrdiff_t>(end)};
}

// How many of its peers and connections are up, and how many there are.
std::pair<std::uint32_t, std::uint32_t> tunnels_of(const CustomerEntry& customer) {
    return {customer.counts.online + customer.connection_counts.up,
            customer.counts.total() + customer.connection_counts.total()};
}

std::vector<const CustomerEntry*> sorted(std::vector<const CustomerEntry*> rows, std::size_t sort, bool descending,
                                         PageOf& page) {
    using Row = CustomerEntry;
    switch (sort) {
        case 1:
            return page_of(
                std::move(rows), [](const Row& row) { return Natural{row.shown.settings.name}; }, descending, page);
        case 2:
            return page_of(
                std::move(rows), [](const Row& row) { return row.state; }, descending, page);
        case 3:
            return page_of(
                std::move(rows), [](const Row& row) { return tunnels_of(row); }, descending, page);
        case 4:
            return page_of(
                std::move(rows), [](const Row& row) { return row.rates.inbound + row.rates.outbound; }, descending,
                page);
        case 5:
            return page_of(
                std::move(rows), [](const Row& row) { return row.drops_total; }, descending, page);
        default:
            return page_of(
                std::move(rows), [](const Row& row) { return Natural{row.shown.settings.id}; }, descending, page);
    }
}

std::vector<const PeerEntry*> sorted(std::vector<const PeerEntry*> rows, std::size_t sort, bool descending,
                                     PageOf& page) {
    using Row = PeerEntry;
    switch (sort) {
        // Online first.
        case 1:
            return page_of(
                std::move(rows), [](const Row& row) { return -static_cast<int>(row.state); }, descending, page);
        case 2:
            return page_of(
                std::move(rows), [](const Row& row) { return row.shown.activity.latest_handshake; }, descending, page);
        case 3:
            return page_of(
                std::move(rows), [](const Row& row) { return row.rates.inbound + row.rates.outbound; }, descending,
                page);
        case 4:
            return page_of(
                std::move(rows), [](const Row& row) { return row.shown.activity.endpoint; }, descending, page);
        default:
            return page_of(
                std::move(rows), [](const Row& row) { return Natural{row.shown.settings.name}; }, descending, page);
    }
}

int rank_of(const ConnectionEntry& connection) {
    switch (connection.shown.state) {
        case ipc::ConnectionState::kUp: return 0;
        case ipc::ConnectionState::kDown: return 1;
        case ipc::ConnectionState::kConnecting: return 2;
        case ipc::ConnectionState::kUnserved: return 3;
        case ipc::ConnectionState::kListening: return 4;
    }
    return 4;
}

std::vector<const ConnectionEntry*> sorted(std::vector<const ConnectionEntry*> rows, std::size_t sort, bool descending,
                                           PageOf& page) {
    using Row = ConnectionEntry;
    switch (sort) {
        // Up first, what is lost next.
        case 1:
            return page_of(
                std::move(rows), [](const Row& row) { return rank_of(row); }, descending, page);
        case 2:
            return page_of(
                std::move(rows), [](const Row& row) { return row.shown.activity.latest_handshake; }, descending, page);
        case 3:
            return page_of(
                std::move(rows), [](const Row& row) { return row.rates.inbound + row.rates.outbound; }, descending,
                page);
        case 4:
            return page_of(
                std::move(rows), [](const Row& row) { return row.shown.activity.endpoint; }, descending, page);
        case 5:
            return page_of(
                std::move(rows), [](const Row& row) { return Natural{row.shown.settings.remote_identity.text}; },
                descending, page);
        default:
            return page_of(
                std::move(rows), [](const Row& row) { return Natural{row.shown.settings.name}; }, descending, page);
    }
}

PageOf read_page(Query& query) {
    PageOf page;
    page.limit = query.number("limit", 1, Router::kMaxPage, page.limit);
    page.offset = query.number("offset", 0, UINT32_MAX, 0);
    return page;
}

std::vector<std::string> split_ids(const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at <= text.size() && out.size() < kMaxWatch;) {
        const auto end = std::min(text.find(',', at), text.size());
        if (end > at) out.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

std::optional<std::uint64_t> read_number(std::string_view& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

}  // namespace

Reply Router::customers(const Call& call) const {
    constexpr std::array<std::string_view, 6> kSorts{"id", "name", "state", "peers", "rate", "drops"};
    constexpr std::array<std::string_view, kCustomerStates> kStates{"up",    "degraded",  "down",
                                                                    "never", "suspended", "unserved"};
    Query query(call.target);
    PageOf page = read_page(query);
    const Wanted wanted(query.search("search", kMaxSearch));
    const auto state = query.choice("state", kStates);
    const auto sort = query.choice("sort", kSorts).value_or(0);
    const bool descending = query.choice("order", kOrders).value_or(0) == 1;
    if (!query.ok()) return query.error_reply();

    std::vector<const CustomerEntry*> rows;
    for (const auto& [id, customer] : census_.customers()) {
        if (!call.viewer.may_see(id)) continue;
        if (state && static_cast<std::size_t>(customer.state) != *state) continue;
        if (matches(customer, wanted)) rows.push_back(&customer);
    }
    rows = sorted(std::move(rows), sort, descending, page);
    return json(customers_json(census_, rows, page));
}

Reply Router::peers(const Call& call, const CustomerEntry& customer) const {
    constexpr std::array<std::string_view, 5> kSorts{"name", "state", "last_handshake", "rate", "endpoint"};
    constexpr std::array<std::string_view, 4> kStates{"never", "idle", "online",
                                                      "expired"};  // in the order of PeerState
    Query query(call.target);
    PageOf page = read_page(query);
    const Wanted wanted(query.search("search", kMaxSearch));
    const auto state = query.choice("state", kStates);
    const auto sort = query.choice("sort", kSorts).value_or(0);
    const bool descending = query.choice("order", kOrders).value_or(0) == 1;
    if (!query.ok()) return query.error_reply();

    std::vector<const PeerEntry*> rows;
    for (const auto& [name, peer] : customer.peers) {
        if (state && static_cast<std::size_t>(peer.state) != *state) continue;
        if (matches(peer, wanted)) rows.push_back(&peer);
    }
    rows = sorted(std::move(rows), sort, descending, page);
    return json(peers_json(census_, customer.shown.settings.id, rows, page, call.now));
}

Reply Router::connections(const Call& call, const CustomerEntry& customer) const {
    constexpr std::array<std::string_view, 6> kSorts{"name", "state", "last_handshake", "rate", "endpoint", "identity"};
    // In the order of ipc::ConnectionState.
    constexpr std::array<std::string_view, 5> kStates{"unserved", "listening", "connecting", "up", "down"};
    Query query(call.target);
    PageOf page = read_page(query);
    const Wanted wanted(query.search("search", kMaxSearch));
    const auto state = query.choice("state", kStates);
    const auto sort = query.choice("sort", kSorts).value_or(0);
    const bool descending = query.choice("order", kOrders).value_or(0) == 1;
    if (!query.ok()) return query.error_reply();

    std::vector<const ConnectionEntry*> rows;
    for (const auto& [name, connection] : customer.connections) {
        if (state && static_cast<std::size_t>(connection.shown.state) != *state) continue;
        if (matches(connection, wanted)) rows.push_back(&connection);
    }
    rows = sorted(std::move(rows), sort, descending, page);
    return json(connections_json(census_, customer.shown.settings.id, rows, page));
}

// --- events ---

Outcome Router::events(const Call& call) {
    const std::string* customer = call.target.find("customer");
    // Before the lookup, as in get_customer.
    if (customer != nullptr && !call.viewer.may_see(*customer)) return problem(404);
    const std::string id = customer == nullptr ? std::string() : *customer;
    const auto any = [](const Event&) { return true; };
    if (customer != nullptr && census_.find(id) == nullptr &&
        (id.empty() || !call.viewer.sees_all() ||
         (census_.events().find(id, 0, UINT64_MAX, 1, any).empty() && !census_.has_past(id))))
        return problem(404);
    if (call.request.accept.find("text/event-stream") != std::string::npos) return open_stream(call, id);
    return event_list(call, id);
}

Outcome Router::event_list(const Call& call, const std::string& customer) {
    Query query(call.target);
    EventQuestion question;
    question.before = query.number("before", 0, UINT64_MAX, UINT64_MAX);
    const std::size_t limit = query.number("limit", 1, kMaxPage, 100);
    question.since = query.time("since");
    question.until = query.time("until");
    if (!query.ok()) return query.error_reply();
    question.customers = customers_of(call.viewer, customer);
    question.with_disowned = call.viewer.sees_all();
    if (const std::string* peer = call.target.find("peer")) question.peer = *peer;
    if (const std::string* connection = call.target.find("connection")) question.connection = *connection;
    const std::string* kind_text = call.target.find("kind");
    if (kind_text != nullptr && !parse_event_kind(*kind_text, question.kind.emplace()))
        return problem(400, "kind: unknown");
    if (!call.viewer.sees_all() && question.customers.empty()) return json(events_json({}, false));

    const EventLog& log = census_.events();
    std::vector<const Event*> found;
    std::uint64_t first = 0;  // from here on the census has all
    const auto wanted = [&](const Event& event) { return question.accepts(event); };
    const auto add = [&](const std::string& id) {
        const auto events = log.find(id, 0, question.before, limit + 1, wanted);
        found.insert(found.end(), events.begin(), events.end());
        first = std::max(first, log.first_id(id));
    };
    if (question.customers.empty()) add({});
    for (const std::string& id : question.customers) add(id);
    std::sort(found.begin(), found.end(), [](const Event* a, const Event* b) { return a->id > b->id; });
    if (facts_.has_past) std::erase_if(found, [first](const Event* event) { return event->id < first; });
    const bool has_more = found.size() > limit;
    if (has_more || !facts_.has_past) {
        found.resize(std::min(found.size(), limit));
        return json(events_json(found, has_more));
    }
    std::vector<Event> newer;
    for (const Event* event : found) newer.push_back(*event);
    question.before = std::min(question.before, first);
    question.limit = limit + 1 - newer.size();
    return ask_past(call, std::move(question), std::move(newer), limit);
}

Outcome Router::open_stream(const Call& call, const std::string& customer) {
    auto place = streams_.take(call.viewer);
    if (!place) {
        Reply reply = problem(429, "Too many event streams are open.");
        reply.headers.emplace_back("Retry-After", "10");
        return reply;
    }
    Stream stream{std::move(*place), {call.viewer, customer, {}}, {}};
    if (const std::string* watch = call.target.find("watch")) stream.scope.watch = split_ids(*watch);
    stream.credential = call.credential;
    stream.since = census_.tick();
    stream.since_event = census_.events().last_id();
    // "LIFE-TICK-EVENT", as next_message() wrote it.
    std::string_view last = call.request.last_event_id;
    if (last.empty()) return stream;
    stream.must_reset = true;
    if (!last.starts_with(life_ + "-")) return stream;
    last.remove_prefix(life_.size() + 1);
    const auto tick = read_number(last);
    if (!tick || !last.starts_with('-')) return stream;
    last.remove_prefix(1);
    const auto event = read_number(last);
    if (!event || !last.empty() || *tick > stream.since || *event > stream.since_event) return stream;
    stream.since = *tick;
    stream.since_event = *event;
    stream.must_reset = false;
    return stream;
}

std::optional<std::string> Router::next_message(Now now, Stream& stream) {
    // An open stream does not extend a session: an unused session expires, and its stream ends.
    auto viewer = gate_.admit(now, stream.credential, false);
    if (!viewer || viewer->grant != stream.scope.viewer.grant) return std::nullopt;
    std::string out;
    if (std::exchange(stream.must_reset, false)) out += "event: reset\ndata: {}\n\n";
    const std::string data = delta_json(census_, facts_, stream.scope, stream.since, stream.since_event, now);
    stream.since = census_.tick();
    stream.since_event = census_.events().last_id();
    out += "id: " + life_ + "-" + std::to_string(stream.since) + "-" + std::to_string(stream.since_event) +
           "\nevent: delta\ndata: " + data + "\n\n";
    return out;
}

}  // namespace warren::web
