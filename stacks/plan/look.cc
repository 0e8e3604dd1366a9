#include "stacks/plan/look.h"

#include "ipc/service_facts.h"

namespace warren::stacks {

namespace {

std::uint64_t or_zero(const std::map<std::string, RuleCount>& counts, const std::string& name) {
    const auto found = counts.find(name);
    return found == counts.end() ? 0 : found->second.packets;
}

// A rule of the file became several; what they counted is together already.
void add_rules(const Policy& policy, const StackLook& look, ipc::WebLooked& out) {
    std::string last;
    for (const PolicyRule& rule : policy.rules) {
        if (rule.action == PolicyAction::kLog || rule.kind == PolicyRule::Kind::kRefused) continue;
        const std::string counter = counter_name(rule);
        if (counter == last) continue;
        last = counter;
        if (out.rules.size() >= ipc::WebLooked::kMaxRules) {
            ++out.more_rules;
            continue;
        }
        ipc::WebRule& shown = out.rules.emplace_back();
        shown.is_own = rule.kind == PolicyRule::Kind::kRule;
        shown.name = shown.is_own ? rule.name : counter;
        if (shown.is_own) shown.summary = rule.summary.substr(0, ipc::WebRule::kMaxSummary);
        const auto found = look.counts.find(counter);
        if (found == look.counts.end()) continue;
        shown.packets = found->second.packets;
        shown.bytes = found->second.bytes;
        if (found->second.milliseconds_since) shown.seconds_since = *found->second.milliseconds_since / 1000;
    }
}

// "dns: ..." of this customer.
std::string problem_of(const std::vector<ipc::ControlText>& problems, const std::string& customer,
                       const std::string& service) {
    const std::string begin = service + ": ";
    for (const ipc::ControlText& problem : problems) {
        if (problem.customer == customer && problem.text.starts_with(begin))
            return problem.text.substr(begin.size(), ipc::WebService::kMaxProblem);
    }
    return {};
}

}  // namespace

ipc::WebLooked looked_of(const config::Customer& customer, const Policy& policy, const StackLook& look,
                         const std::vector<ipc::ControlText>& services, const std::vector<ipc::ControlText>& problems) {
    ipc::WebLooked out;
    out.outcome = ipc::WebLookOutcome::kSeen;
    out.has_firewall = !policy.rules.empty();
    out.lacks_firewall = out.has_firewall && !look.has_table;
    // Rules that nobody asks have no counts, not even zero.
    if (!out.lacks_firewall) add_rules(policy, look, out);
    out.max_connections = policy.max_connections;
    if (policy.is_stateful() && look.has_table) {
        out.connections = look.connections;
        out.refused_packets = or_zero(look.counts, "refused");
    }
    for (const ipc::ControlText& text : services) {
        if (text.customer != customer.id || out.services.size() >= ipc::WebLooked::kMaxServices) continue;
        const auto fact = ipc::parse_service_fact(text.text);
        if (!fact) continue;
        out.services.push_back({fact->service, fact->program, fact->state, WallTime{fact->since * 1'000'000'000},
                                fact->restarts, problem_of(problems, customer.id, fact->service)});
    }
    if (customer.handoff) out.lan = look.lan;
    return out;
}

}  // namespace warren::stacks
