// why
#include <fmt/format.h>

#include <charconv>
#include <ostream>
#include <utility>

#include "ctl/ask/held_stack.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/ask/twin.h"
#include "ctl/commands/complaints.h"
#include "ctl/diagnosis/imagined.h"
#include "ctl/diagnosis/way.h"
#include "ctl/runners.h"
#include "ctl/show/routes.h"
#include "ctl/show/ways.h"

namespace warren::ctl {

namespace {

constexpr std::uint16_t kSomePort = 40'000;
constexpr std::int32_t kDrop = 0;  // NF_DROP

// What is wrong with the options goes into the error.
Result<diagnosis::ImaginedPacket> packet_of(const WhyOptions& options) {
    const auto address = [](const char* name, const std::string& text) -> Result<IpAddress> {
        if (text.empty()) return fail(ErrorCode::kInvalid, fmt::format("{} ADDR is missing", name));
        const auto found = parse_ip(text);
        if (!found) return fail(ErrorCode::kInvalid, fmt::format("{} \"{}\" is no IP address", name, text));
        return *found;
    };
    const auto from = address("--from", options.from);
    if (!from) return tl::unexpected<Error>(from.error());
    const auto to = address("--to", options.to);
    if (!to) return tl::unexpected<Error>(to.error());
    if (from->family != to->family)
        return fail(ErrorCode::kInvalid, "--from and --to are addresses of different families");
    diagnosis::ImaginedPacket out{*from, *to};
    const std::string protocol = options.protocol.empty() ? (options.port.empty() ? "icmp" : "tcp") : options.protocol;
    if (protocol == "tcp" || protocol == "udp") {
        const char* const end = options.port.data() + options.port.size();
        const auto [read, error] = std::from_chars(options.port.data(), end, out.to_port);
        if (options.port.empty())
            return fail(ErrorCode::kInvalid, fmt::format("--proto {} needs --port with a number", protocol));
        if (error != std::errc() || read != end || out.to_port == 0)
            return fail(ErrorCode::kInvalid,
                        fmt::format("--port: \"{}\" is no port; accepted: 1 to 65535", options.port));
        out.protocol = protocol == "tcp" ? diagnosis::kTcp : diagnosis::kUdp;
    } else if (protocol == "icmp") {
        if (!options.port.empty()) return fail(ErrorCode::kInvalid, "icmp has no ports");
        out.protocol = from->is_v4() ? diagnosis::kIcmp : diagnosis::kIcmpv6;
    } else {
        return fail(ErrorCode::kInvalid, fmt::format("--proto \"{}\": use tcp, udp or icmp", protocol));
    }
    out.from_port = kSomePort;
    return out;
}

diagnosis::Passage passage_of(const Twin::Seen& seen) {
    diagnosis::Passage out;
    for (const Twin::Step& one : seen.steps) {
        if (one.step.table == kTraceTable) {
            out.is_delivered = out.is_delivered || one.step.chain == "input";
            continue;
        }
        out.steps.push_back(
            {one.step.table, one.step.chain, one.text, one.step.handle != 0, one.step.verdict == kDrop});
    }
    out.out_device = seen.out_device;
    out.after = diagnosis::packet_of(seen.packet);
    out.error = diagnosis::refusal_text(seen.refusal);
    return out;
}

std::vector<Twin::Route> twin_routes(const std::vector<StackRoute>& routes) {
    std::vector<Twin::Route> out;
    for (const StackRoute& one : routes)
        out.push_back({one.to, one.type, one.via ? to_string(*one.via) : "", one.device, one.metric});
    return out;
}

}  // namespace

int run_why(const Invocation& invocation, Output& output) {
    const std::string& customer = invocation.arguments[0];
    const auto packet = packet_of(invocation.packet);
    if (!packet) return complain(output, kUsage, packet.error().what);
    auto snapshot = fetch_snapshot(invocation.run_dir, {customer, true});
    if (!snapshot) return complain_of(snapshot.error(), customer, output);
    if (snapshot->customers.size() != 1)
        return complain_of(Error{ErrorCode::kNotFound, "no such customer"}, customer, output);
    const auto held = hold_stack(invocation.run_dir, customer);
    if (!held) return complain(output, kFailed, held.error().what);
    const auto routes = routes_of(customer);
    if (!routes) return complain(output, kFailed, routes.error().what);

    diagnosis::WayFacts facts;
    facts.packet = *packet;
    facts.customer = snapshot->customers[0].customer;
    facts.peers = std::move(snapshot->customers[0].peers);
    for (ConnectionStatus& one : snapshot->customers[0].connections)
        facts.connections.push_back(std::move(one.connection));
    for (const StackRoute& one : *routes) facts.routes.push_back({one.to, one.type, one.device});
    facts.in_device = diagnosis::in_device_of(packet->from, facts.customer, facts.routes);

    auto twin = Twin::make(customer, twin_routes(*routes), {packet->from, packet->to});
    if (!twin) return complain(output, kFailed, twin.error().what);
    const auto seen = twin->send(facts.in_device, diagnosis::bytes_of(*packet));
    if (!seen) return complain(output, kFailed, seen.error().what);
    facts.passage = passage_of(*seen);
    const diagnosis::Way way = diagnosis::way_of(facts);
    std::optional<diagnosis::Way> answer;
    if (way.passes && !facts.passage.is_delivered) {
        diagnosis::WayFacts back = facts;
        back.packet = diagnosis::answer_to(facts.passage.after.value_or(*packet));
        back.in_device = facts.passage.out_device;
        const auto returned = twin->send(back.in_device, diagnosis::bytes_of(back.packet));
        if (!returned) return complain(output, kFailed, returned.error().what);
        back.passage = passage_of(*returned);
        answer = diagnosis::way_of(back);
    }
    output.out << (invocation.json ? way_json(way, answer) : way_text(way, answer));
    return way.passes ? kDone : kAnswerIsNo;
}

}  // namespace warren::ctl
