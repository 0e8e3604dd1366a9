// The sockets of a stack, with the programs that hold them: from /proc/net, and /proc/PID/fd.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace warren::ctl {

struct StackSocket {
    std::string protocol;  // "tcp", "udp", "raw"
    std::string state;     // of TCP: "listen", "established", ...; else ""
    Endpoint local;
    Endpoint remote;  // unspecified, port 0: none
    std::uint64_t inode = 0;
    pid_t pid = 0;  // one that holds it; 0: none that can be seen
    bool operator==(const StackSocket&) const = default;
};

// Of the customer's stack; `pids` are the programs that run in it. Enters the stack in a thread of its own; needs root.
[[nodiscard]] Result<std::vector<StackSocket>> sockets_of(const std::string& customer, const std::vector<pid_t>& pids);

// The lines of /proc/net/tcp, tcp6, udp, udp6, raw or raw6 (Linux Documentation/networking/proc_net_tcp.rst); what is
// no such line is left out. `is_v4`: of which of these files.
[[nodiscard]] std::vector<StackSocket> parse_sockets(std::string_view text, const std::string& protocol, bool is_v4);

// Counters of /proc/net/snmp and snmp6, and how many connections are tracked: names as `nstat` has them.
[[nodiscard]] Result<std::map<std::string, std::uint64_t>> counters_of_stack(const std::string& customer);
// "Ip: Forwarding ...\nIp: 1 ..." -> IpForwarding, ...
[[nodiscard]] std::map<std::string, std::uint64_t> parse_snmp(std::string_view text);

// The values of these parameters below /proc/sys/net in the customer's stack; those that are not there are left out.
[[nodiscard]] Result<std::map<std::string, std::string>> sysctls_of_stack(const std::string& customer,
                                                                          const std::vector<std::string>& paths);

}  // namespace warren::ctl
