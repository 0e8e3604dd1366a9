// A program that serves a customer in its stack, in the text of a ControlText (kFact). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace warren::ipc {

struct ServiceFact {
    std::string service;         // "dns", "bgp"
    std::string program;         // "unbound", "bird"
    std::string state;           // "running", "starting", "stopped", "refused", "missing"
    std::string limits;          // of memory: "cgroup" or "rlimit"
    std::int32_t pid = 0;        // 0: there is no process
    std::int64_t since = 0;      // of the state, in seconds since 1970 UTC
    std::uint64_t restarts = 0;  // since stackd has known it
    bool operator==(const ServiceFact&) const = default;
};

// "service dns unbound running cgroup 4711 1796053250 0"
[[nodiscard]] std::string text_of(const ServiceFact& fact);
// Nothing when it is not such a text.
[[nodiscard]] std::optional<ServiceFact> parse_service_fact(std::string_view text);

}  // namespace warren::ipc
