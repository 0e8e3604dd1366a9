#include "health/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace warren::health {

namespace {

constexpr Duration kCertificateWarning = std::chrono::hours(24 * 30);

constexpr std::array<std::string_view, kKinds> kNames{
    "vpnd_unreachable",   "stackd_unreachable",   "customer_not_served", "stack_incomplete",
    "not_in_force",       "last_good_in_force",   "file_invalid",        "under_load",
    "users_file_invalid", "certificate_expiring", "customer_down",       "connection_unserved"};

using TextKind = ipc::ControlText::Kind;

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

// "FILE:1:1: warning: ...": a file with an error is refused, one with a warning is not.
bool is_warning(const std::string& diagnostic) {
    const auto warning = diagnostic.find(": warning: ");
    return warning != std::string::npos && warning < diagnostic.find(": error: ");
}

Finding finding_of(const Situation::Problem& problem) {
    const ipc::ControlText& text = problem.text;
    if (text.kind == TextKind::kUnserved) {
        return {Kind::kCustomerNotServed,
                true,
                problem.since,
                text.customer,
                fmt::format("Customer {} is not served: {}", text.customer, first_line(text.text)),
                "Correct what the line says, then run vpnctl apply."};
    }
    if (text.kind == TextKind::kDiagnostic) {
        return {Kind::kFileInvalid,
                false,
                problem.since,
                text.customer,
                first_line(text.text),
                is_warning(text.text)
                    ? "Correct the file, then run vpnctl apply."
                    : "Correct the file, then run vpnctl apply. Until then the previous settings stay in force."};
    }
    if (text.kind == TextKind::kLastGood) {
        return {Kind::kLastGoodInForce, true,
                problem.since,          {},
                first_line(text.text),  "Correct what vpnctl check says, then run vpnctl apply."};
    }
    const bool is_stack = text.kind == TextKind::kIncomplete;
    const std::string line = first_line(text.text);
    return {is_stack ? Kind::kStackIncomplete : Kind::kNotInForce,
            is_stack,
            problem.since,
            text.customer,
            text.customer.empty() ? line : fmt::format("{}: {}", text.customer, line),
            "See vpnctl status and journalctl -u warren."};
}

Finding finding_of(const Situation::Certificate& certificate, WallTime now) {
    const bool is_over = now > certificate.not_after;
    return {Kind::kCertificateExpiring,
            is_over,
            certificate.not_after,
            {},
            is_over ? "The certificate of this page has expired." : "The certificate of this page expires soon.",
            certificate.self_signed ? "Remove secrets/status.pem and restart Warren; it makes a new certificate."
                                    : "Put a new certificate into secrets/status.pem, then run vpnctl apply."};
}

void add_problems(const std::vector<Situation::Problem>& problems, std::vector<Finding>& out) {
    std::set<std::string_view> unserved;
    for (const Situation::Problem& problem : problems) {
        if (problem.text.kind == TextKind::kUnserved) unserved.insert(problem.text.customer);
    }
    for (const Situation::Problem& problem : problems) {
        const TextKind kind = problem.text.kind;
        if (kind == TextKind::kChange || kind == TextKind::kStep || kind == TextKind::kFact) continue;
        if (kind == TextKind::kUnserved || !unserved.contains(problem.text.customer))
            out.push_back(finding_of(problem));
    }
}

}  // namespace

std::string_view name_of(Kind kind) {
    return kNames.at(static_cast<std::size_t>(kind));
}

void sort(std::vector<Finding>& findings) {
    std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
        const auto rank = [](const Finding& one) {
            return std::pair(!one.critical, one.kind == Kind::kConnectionUnserved);
        };
        return rank(a) < rank(b);
    });
}

std::vector<Finding> findings_of(const Situation& situation) {
    std::vector<Finding> out;
    if (!situation.vpnd_answers)
        out.push_back({Kind::kVpndUnreachable,
                       true,
                       situation.vpnd_silent_since,
                       {},
                       "The tunnel daemon does not answer; all figures are old.",
                       "See journalctl -u warren. stackd restarts vpnd automatically."});
    if (!situation.stackd_silence.empty())
        out.push_back({Kind::kStackdUnreachable,
                       true,
                       situation.stackd_silent_since,
                       {},
                       situation.stackd_silence + "; tunnels keep running, changes wait",
                       "See journalctl -u warren, then run systemctl start warren."});
    add_problems(situation.problems, out);
    if (situation.under_load)
        out.push_back({Kind::kUnderLoad,
                       false,
                       situation.under_load_since,
                       {},
                       "Too many handshakes arrive at once. Clients must prove their address with a cookie first.",
                       "If it persists, find the source of the handshakes."});
    if (!situation.users_problem.empty())
        out.push_back({Kind::kUsersFileInvalid,
                       false,
                       situation.users_problem_since,
                       {},
                       "users.toml has an error; the previous users stay in force: " + situation.users_problem,
                       "Correct the file, then run vpnctl apply."});
    if (situation.certificate && situation.certificate->not_after.nanoseconds - situation.now.nanoseconds <
                                     Duration(kCertificateWarning).count())
        out.push_back(finding_of(*situation.certificate, situation.now));
    for (const Situation::Down& down : situation.down)
        out.push_back({Kind::kCustomerDown, true, down.since, down.customer, down.sentence,
                       "See the customer's events, then ask the customer whether its side is up."});
    for (const Situation::Down& unserved : situation.unserved)
        out.push_back({Kind::kConnectionUnserved, false, unserved.since, unserved.customer, unserved.sentence,
                       "Change the connection in the customer's file, then run vpnctl apply."});
    sort(out);
    return out;
}

std::vector<Finding> findings_for(const std::vector<std::string>& customers, std::vector<Finding> findings) {
    const auto concerns = [&customers](const Finding& finding) {
        if (finding.kind == Kind::kVpndUnreachable) return true;
        return finding.kind != Kind::kFileInvalid &&
               std::find(customers.begin(), customers.end(), finding.customer) != customers.end();
    };
    std::erase_if(findings, [&concerns](const Finding& finding) { return !concerns(finding); });
    for (Finding& finding : findings) {
        if (finding.kind == Kind::kCustomerNotServed) {
            finding.sentence = fmt::format("Customer {} is not served.", finding.customer);
        } else if (finding.kind == Kind::kStackIncomplete) {
            finding.sentence = fmt::format("The stack of customer {} is not complete.", finding.customer);
        } else if (finding.kind == Kind::kNotInForce) {
            finding.sentence = fmt::format("Not all settings of customer {} are in force.", finding.customer);
        } else {
            continue;
        }
        finding.what_to_do = "The operator of this appliance sees the reason.";
    }
    return findings;
}

bool is_unready(Kind kind) {
    static constexpr std::array kUnready{Kind::kVpndUnreachable, Kind::kStackdUnreachable, Kind::kCustomerNotServed,
                                         Kind::kStackIncomplete, Kind::kLastGoodInForce};
    return std::find(kUnready.begin(), kUnready.end(), kind) != kUnready.end();
}

std::string verdict_of(const std::vector<Finding>& findings) {
    if (findings.empty()) return "All is well.";
    const auto critical =
        std::count_if(findings.begin(), findings.end(), [](const Finding& one) { return one.critical; });
    const std::string_view verb = findings.size() == 1 ? "thing needs" : "things need";
    const std::string urgent = critical == 0 ? "" : fmt::format(", {} of them at once", critical);
    return fmt::format("{} {} attention{}.", findings.size(), verb,
                       findings.size() == 1 && critical == 1 ? " at once" : urgent);
}

}  // namespace warren::health
