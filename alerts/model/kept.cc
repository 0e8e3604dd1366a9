#include "alerts/model/kept.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace warren::alerts {

namespace {

using Json = nlohmann::json;

Json json_of(const Subject& subject) {
    return {subject.kind, subject.customer, subject.name};
}

Subject subject_of(const Json& json) {
    return {json.at(0).get<std::string>(), json.at(1).get<std::string>(), json.at(2).get<std::string>()};
}

template <typename E>
E enumerator_of(const Json& json, E last) {
    const auto number = json.get<unsigned>();
    return static_cast<E>(std::min<unsigned>(number, static_cast<unsigned>(last)));
}

Json json_of(const Alert& alert) {
    return {{"id", alert.id},
            {"state", static_cast<unsigned>(alert.state)},
            {"severity", static_cast<unsigned>(alert.severity)},
            {"subject", json_of(alert.subject)},
            {"text", alert.text},
            {"since", alert.since.nanoseconds},
            {"at", alert.at.nanoseconds}};
}

Alert alert_of(const Json& json) {
    return {json.at("id").get<std::uint64_t>(),
            enumerator_of(json.at("state"), AlertState::kEvent),
            enumerator_of(json.at("severity"), Severity::kCritical),
            subject_of(json.at("subject")),
            json.at("text").get<std::string>(),
            WallTime{json.at("since").get<std::int64_t>()},
            WallTime{json.at("at").get<std::int64_t>()}};
}

Kept kept_of(const Json& json) {
    Kept out;
    if (json.at("version").get<int>() != 1) return out;
    out.book.last_id = json.at("last_id").get<std::uint64_t>();
    for (const Json& at : json.value("events", Json::array())) out.book.events.insert({at.get<std::int64_t>()});
    for (const Json& name : json.value("were_up", Json::array())) {
        if (out.were_up.size() >= kMostWereUp) break;
        out.were_up.insert({name.at(0).get<std::string>(), name.at(1).get<std::string>()});
    }
    for (const Json& open : json.at("open")) {
        if (out.book.open.size() >= kMostConditions + kRoomForOthers) break;
        out.book.open[subject_of(open.at("subject"))] = {enumerator_of(open.at("severity"), Severity::kCritical),
                                                         open.at("text").get<std::string>(),
                                                         {open.at("since").get<std::int64_t>()},
                                                         {open.at("told").get<std::int64_t>()}};
    }
    for (const Json& waiting : json.at("waiting")) {
        if (out.outbox.waiting.size() >= Outbox::kMostWaiting) break;
        Outbox::Waiting one{alert_of(waiting.at("alert")), {}};
        for (std::size_t i = 0; i < one.owed.size(); ++i) one.owed[i] = waiting.at("owed").at(i).get<bool>();
        out.outbox.waiting.push_back(std::move(one));
    }
    for (std::size_t i = 0; i < out.outbox.dropped.size(); ++i)
        out.outbox.dropped[i] = json.at("dropped").at(i).get<std::uint64_t>();
    return out;
}

}  // namespace

std::string kept_text(const Kept& kept) {
    Json out{{"version", 1}, {"last_id", kept.book.last_id}};
    out["events"] = Json::array();
    for (const WallTime at : kept.book.events) out["events"].push_back(at.nanoseconds);
    out["were_up"] = Json::array();
    for (const auto& [customer, name] : kept.were_up) out["were_up"].push_back({customer, name});
    out["open"] = Json::array();
    for (const auto& [subject, open] : kept.book.open)
        out["open"].push_back({{"subject", json_of(subject)},
                               {"severity", static_cast<unsigned>(open.severity)},
                               {"text", open.text},
                               {"since", open.since.nanoseconds},
                               {"told", open.told.nanoseconds}});
    out["waiting"] = Json::array();
    for (const Outbox::Waiting& waiting : kept.outbox.waiting)
        out["waiting"].push_back({{"alert", json_of(waiting.alert)}, {"owed", waiting.owed}});
    out["dropped"] = kept.outbox.dropped;
    // Names may be no UTF-8.
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Kept> parse_kept(std::string_view text) {
    try {
        return kept_of(Json::parse(text));
    } catch (const Json::exception&) {
        return fail(ErrorCode::kInvalid, "it is not what alertd keeps");
    }
}

}  // namespace warren::alerts
