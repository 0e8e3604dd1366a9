// statusd asks stackd what there is in one customer's stack now: WebLook; the answer: WebLooked. Nobody asks while
// nobody looks at that customer's page, and then nothing is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "ipc/fields.h"

namespace warren::ipc {

struct WebLook {
    static constexpr std::size_t kMaxCustomer = 64;  // bytes

    std::uint32_t id = 0;  // of the answer
    std::string customer;
};
void fields(auto& codec, Is<WebLook> auto& m) {
    codec(m.id, m.customer);
}

// A rule of the customer's own firewall, or one that every such firewall has.
struct WebRule {
    static constexpr std::size_t kMaxSummary = 200;  // bytes

    std::string name;
    bool is_own = false;  // of the customer's file
    std::string summary;  // is_own: what it says
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> seconds_since;  // its last packet; nothing: it had none

    bool operator==(const WebRule&) const = default;
};
void fields(auto& codec, Is<WebRule> auto& m) {
    codec(m.name, m.is_own, m.summary, m.packets, m.bytes, m.seconds_since);
}

// A program that serves the customer in its stack.
struct WebService {
    static constexpr std::size_t kMaxProblem = 300;  // bytes

    std::string service;  // "dns", "bgp"
    std::string program;  // "unbound", "bird"
    std::string state;    // as ipc::ServiceFact has it
    WallTime since{};     // of the state
    std::uint64_t restarts = 0;
    std::string problem;  // why it does not run as it should; "": it does

    bool operator==(const WebService&) const = default;
};
void fields(auto& codec, Is<WebService> auto& m) {
    codec(m.service, m.program, m.state, m.since, m.restarts, m.problem);
}

struct WebNeighbour {
    IpAddress address;
    std::string mac;          // "": nobody answers there
    bool is_reached = false;  // it answered lately; with `mac` and without this nobody asked it lately
    bool operator==(const WebNeighbour&) const = default;
};
void fields(auto& codec, Is<WebNeighbour> auto& m) {
    codec(m.address, m.mac, m.is_reached);
}

// The device of the handoff, as the stack has it.
struct WebLan {
    static constexpr std::size_t kMaxNeighbours = 64;

    bool is_there = false;
    bool is_up = false;        // as configured
    bool has_carrier = false;  // something is at the other end
    std::uint32_t mtu = 0;
    std::vector<WebNeighbour> neighbours;  // at most kMaxNeighbours
    std::uint32_t more_neighbours = 0;     // not in `neighbours`

    bool operator==(const WebLan&) const = default;
};
void fields(auto& codec, Is<WebLan> auto& m) {
    codec(m.is_there, m.is_up, m.has_carrier, m.mtu, m.neighbours, m.more_neighbours);
}

// A certificate of the customer's, or a CA of its peers'.
struct WebCertificateEnd {
    std::string field;  // "ipsec.certificate", "ipsec.ca[0]"
    std::string file;   // below certs/
    WallTime not_after{};

    bool operator==(const WebCertificateEnd&) const = default;
};
void fields(auto& codec, Is<WebCertificateEnd> auto& m) {
    codec(m.field, m.file, m.not_after);
}

enum class WebLookOutcome : std::uint8_t {
    kSeen,
    kNotFound,  // no such customer is in force
    kBusy,      // too often
    kFailed,    // the stack cannot be read
};
template <>
struct LastOf<WebLookOutcome> {
    static constexpr auto value = WebLookOutcome::kFailed;
};

struct WebLooked {
    static constexpr std::size_t kMaxRules = 200;
    static constexpr std::size_t kMaxServices = 8;
    static constexpr std::size_t kMaxCertificates = 16;

    std::uint32_t id = 0;
    WebLookOutcome outcome = WebLookOutcome::kFailed;
    std::string text;                             // why not, for people
    bool has_firewall = false;                    // false: there are no rules of its own
    bool lacks_firewall = false;                  // has_firewall, and the stack has not got it: nothing is counted
    std::vector<WebRule> rules;                   // in the order in which they are asked, at most kMaxRules
    std::uint32_t more_rules = 0;                 // not in `rules`
    std::optional<std::uint64_t> connections{};   // tracked now; nothing: none are
    std::uint64_t max_connections = 0;            // 0: none are tracked
    std::uint64_t refused_packets = 0;            // as there were so many connections
    std::vector<WebService> services;             // at most kMaxServices
    std::optional<WebLan> lan;                    // nothing: there is no handoff
    std::vector<WebCertificateEnd> certificates;  // at most kMaxCertificates

    bool operator==(const WebLooked&) const = default;
};
void fields(auto& codec, Is<WebLooked> auto& m) {
    codec(m.id, m.outcome, m.text, m.has_firewall, m.lacks_firewall, m.rules, m.more_rules, m.connections,
          m.max_connections, m.refused_packets, m.services, m.lan, m.certificates);
}

}  // namespace warren::ipc
