#include "ctl/show/stack_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

#include "base/printable.h"
#include "ctl/show/json.h"
#include "ctl/show/json_views.h"
#include "ctl/show/table.h"
#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

// Of /proc/net/snmp and snmp6, those that say what became of packets.
constexpr std::array<std::string_view, 14> kCounters{
    "IpForwDatagrams", "IpInDelivers",        "IpInDiscards",         "IpInAddrErrors", "IpOutNoRoutes",
    "IpOutDiscards",   "Ip6OutForwDatagrams", "Ip6InDelivers",        "Ip6InDiscards",  "Ip6InAddrErrors",
    "Ip6OutNoRoutes",  "IcmpOutDestUnreachs", "Icmp6OutDestUnreachs", "TcpCurrEstab"};

constexpr std::string_view kNotTold =
    "packets of its LAN before they reach vpn0 or its programs: the kernel's soft interrupts, which it does not tell "
    "apart by stack";

std::uint64_t memory_of(const StackSummary& stack) {
    return std::accumulate(stack.processes.begin(), stack.processes.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const StackProcess& process) { return sum + process.memory; });
}

std::string age_text(std::uint64_t seconds) {
    return short_age(static_cast<std::uint32_t>(std::min<std::uint64_t>(seconds, UINT32_MAX)));
}

std::string addresses_text(const StackDevice& device) {
    std::vector<std::string> out;
    for (const Prefix& prefix : device.addresses) out.push_back(to_string(prefix));
    return out.empty() ? "-" : fmt::format("{}", fmt::join(out, " "));
}

std::string remote_text(const StackSocket& socket) {
    return socket.remote.port == 0 ? "-" : to_string(socket.remote);
}

std::string processes_text(const std::vector<StackProcess>& processes, bool indented) {
    Table table({{indented ? "  PID" : "PID"},
                 {"USER"},
                 {"GROUP"},
                 {"CPU", Align::kRight},
                 {"MEMORY", Align::kRight},
                 {"AGE", Align::kRight},
                 {"COMMAND"}});
    for (const StackProcess& process : processes)
        table.add({fmt::format("{}{}", indented ? "  " : "", process.pid), process.user,
                   process.leaf.empty() ? "-" : process.leaf, processor_text(process.cpu_nanoseconds),
                   bytes_text(process.memory), age_text(process.seconds), process.command});
    return table.text();
}

std::string devices_text(const std::vector<StackDevice>& devices, bool indented) {
    Table table({{indented ? "  DEVICE" : "DEVICE"},
                 {"KIND"},
                 {"STATE"},
                 {"MTU", Align::kRight},
                 {"RECEIVED", Align::kRight},
                 {"SENT", Align::kRight},
                 {"DROPPED", Align::kRight},
                 {"ADDRESSES"}});
    for (const StackDevice& device : devices)
        table.add({(indented ? "  " : "") + device.name, device.kind.empty() ? "-" : device.kind,
                   device.up ? "up" : "down", fmt::format("{}", device.mtu), bytes_text(device.rx_bytes),
                   bytes_text(device.tx_bytes), fmt::format("{}", device.rx_dropped + device.tx_dropped),
                   addresses_text(device)});
    return table.text();
}

// "3.210 s: packets 3.000 s, programs 0.210 s"
std::string processor_lines(const StackProcessor& processor) {
    std::string out;
    const std::uint64_t packets = processor.packets_in.value_or(0) + processor.packets_out.value_or(0);
    const std::uint64_t programs = processor.programs ? processor.programs->cpu_nanoseconds : 0;
    out += fmt::format("processor   {}\n", processor_text(packets + programs));
    out += processor.packets_in
               ? fmt::format("  packets   {} receiving, {} sending, in vpnd\n", processor_text(*processor.packets_in),
                             processor_text(processor.packets_out.value_or(0)))
               : std::string("  packets   not known: vpnd does not answer\n");
    out += fmt::format("  programs  {}\n", programs_text(processor));
    out += fmt::format("  not told  {}\n", kNotTold);
    return out;
}

Json processor_json(const StackProcessor& processor) {
    Json out;
    out["packets_in_ns"] = number_or_null(processor.packets_in);
    out["packets_out_ns"] = number_or_null(processor.packets_out);
    out["programs_ns"] = processor.programs ? Json(processor.programs->cpu_nanoseconds) : Json();
    out["programs_memory"] = processor.programs ? number_or_null(processor.programs->memory) : Json();
    out["weight"] = processor.programs ? number_or_null(processor.programs->weight) : Json();
    out["share"] = processor.share == 0 ? Json() : Json(processor.share);
    out["programs_unknown"] = text_or_null(processor.no_programs);
    out["not_told"] = kNotTold;
    return out;
}

Json device_json(const StackDevice& device) {
    Json out;
    out["name"] = device.name;
    out["kind"] = text_or_null(device.kind);
    out["alias"] = text_or_null(device.alias);
    out["up"] = device.up;
    out["mtu"] = device.mtu;
    out["addresses"] = texts_of(device.addresses);
    out["rx_bytes"] = device.rx_bytes;
    out["tx_bytes"] = device.tx_bytes;
    out["rx_packets"] = device.rx_packets;
    out["tx_packets"] = device.tx_packets;
    out["rx_dropped"] = device.rx_dropped;
    out["tx_dropped"] = device.tx_dropped;
    return out;
}

Json summary_json(const StackSummary& stack) {
    Json out;
    out["customer"] = stack.customer;
    out["state"] = stack.state;
    out["seconds"] = stack.seconds;
    out["memory"] = memory_of(stack);
    out["devices"] = Json::array();
    for (const StackDevice& device : stack.devices) out["devices"].push_back(device_json(device));
    out["processes"] = Json::array();
    for (const StackProcess& process : stack.processes)
        out["processes"].push_back({{"pid", process.pid},
                                    {"user", process.user},
                                    {"group", text_or_null(process.leaf)},
                                    {"cpu_ns", process.cpu_nanoseconds},
                                    {"memory", process.memory},
                                    {"seconds", process.seconds},
                                    {"command", process.command}});
    return out;
}

std::string sysctls_text(const std::vector<StackSysctl>& sysctls) {
    Table table({{"SYSCTL"}, {"VALUE"}, {""}});
    for (const StackSysctl& sysctl : sysctls) {
        const std::string found = sysctl.found.value_or("-");
        std::string name = "net." + sysctl.path;
        std::replace(name.begin(), name.end(), '/', '.');  // as sysctl(8) has them
        std::string shown = found;
        std::replace(shown.begin(), shown.end(), '\t', ' ');
        table.add(
            {name, shown, !sysctl.found || found == sysctl.wanted ? "" : fmt::format("Warren sets {}", sysctl.wanted)});
    }
    return table.text();
}

std::string sockets_text(const std::vector<StackSocket>& sockets) {
    Table table({{"SOCKET"}, {"STATE"}, {"LOCAL"}, {"REMOTE"}, {"PID", Align::kRight}});
    for (const StackSocket& socket : sockets)
        table.add({socket.protocol, socket.state.empty() ? "-" : socket.state, to_string(socket.local),
                   remote_text(socket), socket.pid == 0 ? "-" : fmt::format("{}", socket.pid)});
    return table.text();
}

std::string counters_text(const std::map<std::string, std::uint64_t>& counters) {
    Table table({{"COUNTER"}, {"VALUE", Align::kRight}});
    for (const std::string_view name : kCounters) {
        const auto found = counters.find(std::string(name));
        if (found != counters.end() && found->second != 0) table.add({found->first, fmt::format("{}", found->second)});
    }
    return table.empty() ? std::string("no packet was counted yet\n") : table.text();
}

}  // namespace

std::string programs_text(const StackProcessor& processor) {
    if (!processor.no_programs.empty()) return "not counted: " + processor.no_programs;
    if (!processor.programs) return "none ran";
    const CustomerGroups::Usage& programs = *processor.programs;
    std::string out = processor_text(programs.cpu_nanoseconds);
    if (programs.memory) out += fmt::format(", {} now", bytes_text(*programs.memory));
    if (programs.weight) return out + fmt::format(", weight {}", *programs.weight);
    return out + ", without a weight: this machine's control groups of version 2 have no cpu controller";
}

std::string stacks_text(const std::vector<StackSummary>& stacks, bool recursive) {
    Table table({{"CUSTOMER"},
                 {"STATE"},
                 {"DEVICES", Align::kRight},
                 {"PROCESSES", Align::kRight},
                 {"MEMORY", Align::kRight},
                 {"AGE", Align::kRight}});
    for (const StackSummary& stack : stacks)
        table.add({stack.customer, stack.state, fmt::format("{}", stack.devices.size()),
                   fmt::format("{}", stack.processes.size()), bytes_text(memory_of(stack)), age_text(stack.seconds)});
    if (!recursive) return table.text();
    std::string out;
    for (const StackSummary& stack : stacks) {
        Table one({{"CUSTOMER"}, {"STATE"}, {"AGE", Align::kRight}});
        one.add({stack.customer, stack.state, age_text(stack.seconds)});
        out += (out.empty() ? "" : "\n") + one.text() + devices_text(stack.devices, true);
        if (!stack.processes.empty()) out += processes_text(stack.processes, true);
    }
    return out;
}

std::string stacks_json(const std::vector<StackSummary>& stacks) {
    Json out;
    out["stacks"] = Json::array();
    for (const StackSummary& stack : stacks) out["stacks"].push_back(summary_json(stack));
    return dump(out);
}

std::string stack_text(const ShownStack& stack) {
    std::string out =
        fmt::format("customer    {}\nstate       {}\nage         {}\n", stack.summary.customer, stack.summary.state,
                    stack.summary.seconds == 0 ? "0 s" : span_text(stack.summary.seconds));
    out += processor_lines(stack.processor);
    if (stack.summary.state == "parked")
        return out + "\nIt has no stack until a peer sends a packet: stack.park = \"idle\" in the customer's file.\n";
    out += fmt::format("memory      {} of {} {}; of the kernel's for the stack it tells no part\n",
                       bytes_text(memory_of(stack.summary)), stack.summary.processes.size(),
                       stack.summary.processes.size() == 1 ? "process" : "processes");
    out += '\n' + devices_text(stack.summary.devices, false);
    out += '\n' + routes_text(stack.routes);
    out += '\n' + firewall_text(stack.firewall);
    out += '\n' + counters_text(stack.counters);
    if (!stack.sockets.empty()) out += '\n' + sockets_text(stack.sockets);
    if (!stack.summary.processes.empty()) out += '\n' + processes_text(stack.summary.processes, false);
    return out + '\n' + sysctls_text(stack.sysctls);
}

std::string stack_json(const ShownStack& stack) {
    Json out = summary_json(stack.summary);
    const std::string& id = stack.summary.customer;
    out["processor"] = processor_json(stack.processor);
    out["routes"] = Json::parse(routes_json(id, stack.routes))["routes"];
    out["firewall"] = Json::parse(firewall_json(id, stack.firewall));
    out["firewall"].erase("customer");
    out["counters"] = Json::object();
    for (const auto& [name, value] : stack.counters) out["counters"][name] = value;
    out["sockets"] = Json::array();
    for (const StackSocket& socket : stack.sockets)
        out["sockets"].push_back({{"protocol", socket.protocol},
                                  {"state", text_or_null(socket.state)},
                                  {"local", to_string(socket.local)},
                                  {"remote", socket.remote.port == 0 ? Json() : Json(to_string(socket.remote))},
                                  {"pid", socket.pid == 0 ? Json() : Json(socket.pid)}});
    out["sysctls"] = Json::array();
    for (const StackSysctl& sysctl : stack.sysctls)
        out["sysctls"].push_back({{"path", "net." + sysctl.path},
                                  {"wanted", sysctl.wanted},
                                  {"value", sysctl.found ? Json(*sysctl.found) : Json()},
                                  {"reason", sysctl.reason}});
    return dump(out);
}

}  // namespace warren::ctl
