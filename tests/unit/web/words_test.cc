// The sentences of statusd, for the stand-in server of the page's tests: web/ui/mock/words.json has what the functions
// here return, so those tests read what users read. To write it anew: WARREN_WRITE=1 bin/unit-web -tc='*stand-in*'.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "base/drop_reason.h"
#include "web/model/sentences.h"

using namespace warren;
using namespace warren::web;

namespace {

using Json = nlohmann::ordered_json;

const std::filesystem::path kFile = WARREN_SOURCE_DIR "/web/ui/mock/words.json";
constexpr Instant kNow{1'000'000'000'000'000};

std::string replaced(std::string text, const std::string& part, const std::string& by) {
    const auto at = text.find(part);
    if (at != std::string::npos) text.replace(at, part.size(), by);
    return text;
}

Json peers() {
    Json out;
    for (const auto state : {ipc::PeerState::kOnline, ipc::PeerState::kIdle, ipc::PeerState::kNever}) {
        PeerEntry peer;
        peer.state = state;
        peer.handshake = kNow - std::chrono::seconds(77);
        out[std::string(name_of(state))] = replaced(sentence_of(peer, kNow), "77 s", "{span}");
    }
    return out;
}

ConnectionEntry connection(ipc::ConnectionState state) {
    ConnectionEntry out;
    out.shown.state = state;
    if (state == ipc::ConnectionState::kUnserved) out.shown.reason = "{reason}";
    if (state == ipc::ConnectionState::kDown) out.lost_because = "silent";
    return out;
}

Json connections() {
    Json out;
    for (const auto state : {ipc::ConnectionState::kUp, ipc::ConnectionState::kConnecting, ipc::ConnectionState::kDown,
                             ipc::ConnectionState::kListening, ipc::ConnectionState::kUnserved})
        out[std::string(name_of(state))] = sentence_of(connection(state));
    return out;
}

Json customers() {
    Json out;
    for (std::size_t i = 0; i < kCustomerStates; ++i) {
        CustomerEntry customer;
        customer.state = static_cast<CustomerState>(i);
        customer.counts = {71, 73, 79};
        if (customer.state == CustomerState::kUp) customer.counts = {71, 0, 0};
        if (customer.state == CustomerState::kDown) customer.counts = {0, 73, 0};
        if (customer.state == CustomerState::kNever) customer.counts = {0, 0, 79};
        out[std::string(name_of(customer.state))] =
            replaced(replaced(sentence_of(customer), "71", "{online}"), "73", "{idle}");
    }
    CustomerEntry sites;
    sites.state = CustomerState::kUp;
    sites.connection_counts.up = 71;
    sites.connection_counts.listening = 2;
    out["connections"] = replaced(replaced(sentence_of(sites), "71", "{up}"), "73", "{total}");
    return out;
}

Json events() {
    Json out;
    for (std::size_t i = 0; i < kEventKinds; ++i) {
        const auto kind = static_cast<EventKind>(i);
        const std::string name(name_of(kind));
        Event event{1, {}, kind, "customer", "peer", "{reason}", "{from}", "{to}"};
        if (kind == EventKind::kIdle) event.reason.clear();
        if (kind == EventKind::kPeerDead) event.reason = "silent";
        if (kind == EventKind::kExpired) event.reason = "expired";
        out[name] = sentence_of(event);
        event.peer.clear();
        if (sentence_of(event) != out[name]) out[name + " customer"] = sentence_of(event);
        event.connection = "connection";
        const std::string said = sentence_of(event);
        if (!said.empty() && said != out[name]) out[name + " connection"] = said;
    }
    return out;
}

Json alarms() {
    health::Situation situation;
    situation.vpnd_answers = false;
    situation.under_load = true;
    situation.users_problem = "{reason}";
    situation.down = {{"customer", "{reason}", {}}};
    situation.unserved = {{"customer", "{reason}", {}}};
    situation.problems = {{{ipc::ControlText::Kind::kUnserved, "{customer}", "{reason}"}, {}},
                          {{ipc::ControlText::Kind::kIncomplete, "{stack}", "{reason}"}, {}}};
    Json out;
    for (const health::Finding& finding : health::findings_of(situation))
        out[std::string(name_of(finding.kind))] = {{"sentence", finding.sentence}, {"what_to_do", finding.what_to_do}};
    return out;
}

Json drops() {
    Json out;
    for (const char* name : {"source_not_allowed", "no_peer_for_destination", "session_expired", "packet_too_big",
                             "unknown_peer", "bad_mac1", "bad_initiation"}) {
        const DropReasonRow* const row = find_drop_reason(name);
        REQUIRE_MESSAGE(row != nullptr, name);
        out[name] = {{"sentence", row->meaning}, {"what_to_do", row->advice}};
    }
    return out;
}

}  // namespace

TEST_CASE("the stand-in server speaks as statusd does") {
    const Json words{{"peers", peers()},   {"connections", connections()}, {"customers", customers()},
                     {"events", events()}, {"alarms", alarms()},           {"drops", drops()}};
    const std::string text = words.dump(2) + "\n";
    if (std::getenv("WARREN_WRITE") != nullptr) std::ofstream(kFile) << text;
    std::ifstream file(kFile);
    std::stringstream there;
    there << file.rdbuf();
    CHECK_MESSAGE(Json::parse(there.str(), nullptr, false) == words,
                  "write web/ui/mock/words.json anew: WARREN_WRITE=1 bin/unit-web -tc='*stand-in*'");
}
