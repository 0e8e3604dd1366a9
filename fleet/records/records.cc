#include "fleet/records/records.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "fleet/records/base64.h"
#include "fleet/records/papers.h"
#include "fleet/records/wire.h"

namespace warren::fleet {

namespace {

using wire::all_of;
using wire::compare;
using wire::flag;
using wire::json;
using wire::key_of;
using wire::key_value_of;
using wire::KeyValue;
using wire::member;
using wire::name_of;
using wire::number;
using wire::parse;
using wire::put;
using wire::range_of;
using wire::revision_of;
using wire::text;

constexpr std::size_t kMaxAddress = 64;
constexpr std::size_t kMaxInstance = 64;
constexpr std::size_t kMostServed = 256;  // groups of a fleet

std::optional<GroupNumber> group_number(std::string_view name) {
    GroupNumber out = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), out);
    if (error != std::errc() || end != name.data() + name.size() || name != std::to_string(out)) return std::nullopt;
    return out;
}

// Epochs begin with 1, and BIRD's MED has room for so many.
std::optional<GroupChanged> group_of(const KeyValue& from) {
    const auto name = name_of(from.key, "groups");
    const auto group = name ? group_number(*name) : std::nullopt;
    if (!group) return std::nullopt;
    const json value = from.value();
    const auto owner = text(member(value, "owner"));
    const std::uint64_t epoch = number(member(value, "epoch"));
    if (!owner || !is_node_name(*owner) || epoch == 0 || epoch >= UINT32_MAX)
        return GroupChanged{*group, {"", 0, from.changed, true}};
    return GroupChanged{*group, {*owner, epoch, from.changed}};
}

// {"7": [EPOCH, PEERS]}
std::map<GroupNumber, Held> served_of(const json& beat) {
    std::map<GroupNumber, Held> out;
    const json* served = member(beat, "groups");
    if (served == nullptr || !served->is_object()) return out;
    for (const auto& [name, held] : served->items()) {
        const auto group = group_number(name);
        if (!group || !held.is_array() || held.size() != 2 || out.size() == kMostServed) continue;
        out[*group] = {number(&held[0]), static_cast<std::size_t>(number(&held[1]))};
    }
    return out;
}

std::optional<BeatChanged> beat_of(const KeyValue& from) {
    const auto name = name_of(from.key, "beat");
    if (!name || !is_node_name(*name)) return std::nullopt;
    const json value = from.value();
    auto instance = text(member(value, "instance")).value_or("");
    if (instance.size() > kMaxInstance) instance.clear();
    const std::uint64_t weight = number(member(value, "weight"));
    auto zone = text(member(value, "zone")).value_or("");
    if (!is_node_name(zone)) zone.clear();
    return BeatChanged{
        *name,
        {from.changed, flag(value, "drain", false), flag(value, "serves", true), instance, served_of(value),
         weight > kMostWeight ? kLeastWeight : std::max(kLeastWeight, static_cast<unsigned>(weight)), zone}};
}

std::optional<WishChanged> wish_of(const KeyValue& from) {
    const auto name = name_of(from.key, "wanted");
    const auto group = name ? group_number(*name) : std::nullopt;
    if (!group) return std::nullopt;
    const json value = from.value();
    const auto to = text(member(value, "to"));
    const std::uint64_t epoch = number(member(value, "epoch"));
    if (!to || !is_node_name(*to) || epoch == 0) return std::nullopt;
    return WishChanged{*group, {*to, epoch, flag(value, "undo", false)}};
}

std::optional<StateChanged> state_of(const KeyValue& from) {
    const auto name = name_of(from.key, "state");
    if (!name) return std::nullopt;
    const std::size_t slash = name->find('/');
    if (slash == std::string::npos) return std::nullopt;
    const auto group = group_number(std::string_view(*name).substr(0, slash));
    StateChanged out{group.value_or(0), name->substr(slash + 1), {}};
    const json value = from.value();
    if (!group || !is_node_name(out.customer) || !value.is_object()) return std::nullopt;
    for (const auto& [key, place] : value.items()) {
        const auto where = text(&place);
        const bool is_sane = key.size() <= kMaxAddress && where && where->size() <= kMaxAddress &&
                             (key + *where).find_first_of(" \n\r") == std::string::npos;
        if (is_sane && out.places.size() < kMaxPeersOfCustomer) out.places[key] = *where;
    }
    return out;
}

}  // namespace

bool is_node_name(std::string_view text) {
    if (text.empty() || text.size() > kMaxNodeName || text.front() == '-') return false;
    return std::all_of(text.begin(), text.end(), [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-';
    });
}

// --- requests ------------------------------------------------------------------------------------

std::string beat_request(const std::string& node, Revision fence, const Beat& beat) {
    json served = json::object();
    for (const auto& [group, held] : beat.served)
        served[std::to_string(group)] = json::array({held.epoch, std::uint64_t{held.peers}});
    json value{{"number", beat.number},    {"wall", beat.wall_milliseconds}, {"drain", beat.is_draining},
               {"serves", beat.can_serve}, {"instance", beat.instance},      {"groups", served}};
    if (beat.weight != kLeastWeight) value["weight"] = beat.weight;
    if (!beat.zone.empty()) value["zone"] = beat.zone;
    const json request{{"compare", json::array({compare(key_of("fence", node), fence)})},
                       {"success", json::array({put(key_of("beat", node), value)})}};
    return request.dump();
}

std::string read_request(const std::string& node) {
    json all = json::array();
    for (const char* kind : {"groups", "beat"}) all.push_back({{"request_range", range_of(key_of(kind, ""))}});
    all.push_back({{"request_range", {{"key", to_base64(key_of("fence", node))}}}});
    return json{{"success", all}}.dump();
}

std::string change_request(const Change& change) {
    const std::string group = key_of("groups", std::to_string(change.group));
    json compares = json::array({compare(group, change.group_changed)});
    json puts = json::array({put(group, {{"owner", change.owner}, {"epoch", change.epoch}})});
    if (!change.victim.empty()) {
        compares.push_back(compare(key_of("beat", change.victim), change.beat_changed));
        puts.push_back(put(key_of("fence", change.victim), change.epoch));
    }
    return json{{"compare", compares}, {"success", puts}}.dump();
}

std::string wish_request(GroupNumber group, const Wish& wish, Revision group_changed) {
    const std::string number = std::to_string(group);
    json value{{"to", wish.to}, {"epoch", wish.epoch}};
    if (wish.is_undo) value["undo"] = true;
    const json request{{"compare", json::array({compare(key_of("groups", number), group_changed)})},
                       {"success", json::array({put(key_of("wanted", number), value)})}};
    return request.dump();
}

std::string state_request(GroupNumber group, const std::map<std::string, PeerPlaces>& customers) {
    json puts = json::array();
    for (const auto& [customer, places] : customers) {
        if (puts.size() == kStatesAtOnce) break;
        puts.push_back(put(key_of("state", std::to_string(group) + "/" + customer), json(places)));
    }
    return json{{"success", puts}}.dump();
}

std::string states_request(const std::string& after) {
    json range = range_of(key_of("state", ""));
    if (!after.empty()) range["key"] = to_base64(std::string(kPrefix) + after + '\0');
    range["limit"] = std::to_string(kStatesPerPage);
    return range.dump();
}

std::string watch_request(Revision from) {
    json create = range_of(std::string(kPrefix));
    create["start_revision"] = std::to_string(from);
    return json{{"create_request", create}}.dump();
}

// --- answers -------------------------------------------------------------------------------------

Result<Answered> parse_answer(const std::string& body) {
    const json answer = parse(body);
    const Revision revision = revision_of(answer);
    if (revision == 0) return fail(ErrorCode::kInvalid, "etcd's answer has no revision");
    const json* succeeded = member(answer, "succeeded");
    return Answered{revision, succeeded != nullptr && succeeded->is_boolean() && succeeded->get<bool>()};
}

Result<ReadAnswer> parse_read(const std::string& body) {
    const json answer = parse(body);
    ReadAnswer out;
    out.revision = revision_of(answer);
    const json* responses = member(answer, "responses");
    if (out.revision == 0 || responses == nullptr || !responses->is_array() || responses->size() != 3)
        return fail(ErrorCode::kInvalid, "etcd's answer to a read has another form");
    const auto range = [&](std::size_t at) { return all_of(member((*responses)[at], "response_range")); };
    for (const KeyValue& pair : range(0)) {
        if (const auto group = group_of(pair)) out.groups[group->group] = group->record;
    }
    for (const KeyValue& pair : range(1)) {
        if (const auto beat = beat_of(pair)) out.beats[beat->node] = beat->beat;
    }
    for (const KeyValue& pair : range(2)) out.fence = pair.changed;
    return out;
}

Result<Watched> parse_watched(const std::string& line) {
    const json answer = parse(line);
    const json* result = member(answer, "result");
    if (result == nullptr) return fail(ErrorCode::kUnavailable, "the watch ended");
    const json* canceled = member(*result, "canceled");
    if (canceled != nullptr && canceled->is_boolean() && canceled->get<bool>())
        return fail(ErrorCode::kUnavailable,
                    text(member(*result, "cancel_reason")).value_or("the watch was cancelled"));
    Watched out;
    out.revision = revision_of(*result);
    const json* events = member(*result, "events");
    if (events == nullptr || !events->is_array()) return out;
    for (const json& event : *events) {
        const json* pair = member(event, "kv");
        const auto type = text(member(event, "type"));
        if (pair == nullptr || type.value_or("PUT") != "PUT") continue;  // a read finds what was deleted
        const auto changed = key_value_of(*pair);
        if (!changed) continue;
        if (changed->key == "revision" || is_paper_key(changed->key)) out.changes.emplace_back(ConfigurationMoved{});
        if (auto group = group_of(*changed)) out.changes.emplace_back(std::move(*group));
        if (auto beat = beat_of(*changed)) out.changes.emplace_back(std::move(*beat));
        if (auto wish = wish_of(*changed)) out.changes.emplace_back(std::move(*wish));
        if (auto state = state_of(*changed)) out.changes.emplace_back(std::move(*state));
    }
    return out;
}

Result<StatesPage> parse_states(const std::string& body) {
    const json answer = parse(body);
    if (revision_of(answer) == 0) return fail(ErrorCode::kInvalid, "etcd's answer to a read has another form");
    StatesPage out;
    const std::vector<KeyValue> pairs = all_of(&answer);
    for (const KeyValue& pair : pairs) {
        if (auto state = state_of(pair)) out.states.push_back(std::move(*state));
    }
    if (flag(answer, "more", false) && !pairs.empty()) out.last = pairs.back().key;
    return out;
}

}  // namespace warren::fleet
