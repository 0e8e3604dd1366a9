// What there is in a customer's stack now, as JSON.
#include "web/api/json_forms.h"

namespace warren::web {

namespace {

Json firewall_of(const ipc::WebLooked& looked) {
    if (!looked.has_firewall && looked.max_connections == 0) return {};
    Json rules = Json::array();
    for (const ipc::WebRule& rule : looked.rules)
        rules.push_back({{"name", rule.name},
                         {"own", rule.is_own},
                         {"summary", text_or_null(rule.summary)},
                         {"packets", rule.packets},
                         {"bytes", rule.bytes},
                         {"last_hit_seconds", rule.seconds_since ? Json(*rule.seconds_since) : Json()}});
    return {{"installed", !looked.lacks_firewall},
            {"rules", std::move(rules)},
            {"rules_more", looked.more_rules},
            {"connections", looked.connections ? Json(*looked.connections) : Json()},
            {"max_connections", limit_or_null(looked.max_connections)},
            {"refused_packets", looked.refused_packets}};
}

// An error of its program may name files of the appliance: for who runs that.
Json services_of(const ipc::WebLooked& looked, const Viewer& viewer) {
    Json out = Json::array();
    for (const ipc::WebService& service : looked.services)
        out.push_back({{"service", service.service},
                       {"program", service.program},
                       {"state", service.state},
                       {"since", time_or_null(service.since)},
                       {"restarts", service.restarts},
                       {"problem", viewer.sees_all() ? text_or_null(service.problem) : Json()}});
    return out;
}

Json lan_of(const std::optional<ipc::WebLan>& lan) {
    if (!lan) return {};
    Json neighbours = Json::array();
    for (const ipc::WebNeighbour& one : lan->neighbours) {
        const bool is_known = one.is_reached || one.mac.empty();
        neighbours.push_back({{"address", to_string(one.address)},
                              {"mac", text_or_null(one.mac)},
                              {"answers", is_known ? Json(one.is_reached) : Json()}});
    }
    const char* state = !lan->is_there ? "missing" : !lan->is_up ? "down" : lan->has_carrier ? "up" : "no_carrier";
    return {{"state", state},
            {"mtu", lan->is_there ? Json(lan->mtu) : Json()},
            {"neighbours", std::move(neighbours)},
            {"neighbours_more", lan->more_neighbours}};
}

// Where a file lies is the operator's concern.
Json certificates_of(const ipc::WebLooked& looked, const Viewer& viewer) {
    Json out = Json::array();
    for (const ipc::WebCertificateEnd& end : looked.certificates)
        out.push_back({{"field", end.field},
                       {"file", viewer.sees_all() ? text_or_null(end.file) : Json()},
                       {"not_after", iso_time(end.not_after)}});
    return out;
}

}  // namespace

std::string stack_json(const ipc::WebLooked& looked, const Viewer& viewer, WallTime at) {
    return dump({{"at", iso_time(at)},
                 {"firewall", firewall_of(looked)},
                 {"services", services_of(looked, viewer)},
                 {"lan", lan_of(looked.lan)},
                 {"certificates", certificates_of(looked, viewer)}});
}

}  // namespace warren::web
