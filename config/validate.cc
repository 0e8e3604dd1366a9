#include "config/validate.h"

#include <fmt/format.h>

#include "config/alert_keys.h"
#include "config/clash.h"
#include "config/customer_checks.h"
#include "config/ipsec_checks.h"
#include "config/named_secrets.h"
#include "config/policy.h"
#include "config/resellers.h"
#include "config/service_tables.h"
#include "config/wireguard.h"

namespace warren::config {

namespace {

void check_appliance(Parsed<Appliance>& appliance, const Secrets& secrets, std::vector<Diagnostic>& out) {
    for (const NamedSecret& secret : secrets_of(appliance.value)) {
        const std::string* problem = secrets.problem(secret);
        if (problem == nullptr) continue;
        out.push_back(appliance.source.error(secret.path, *problem));
        appliance.valid = false;
    }
    const std::size_t before = out.size();
    check_ipsec(appliance, out);
    check_alerts(appliance, out);
    if (out.size() != before) appliance.valid = false;
}

// Reports the clash at `here`, naming `other`.
Diagnostic diagnose(Severity severity, const Clash& clash, const Source& source, const Clash::Side& here,
                    const Source& other_source, const Clash::Side& other) {
    return source.diagnose(severity, source.place_of(here.path),
                           fmt::format("{} is also used by {} at {}; {}", clash.thing, other.what,
                                       other_source.cite(other.path), clash.reason));
}

}  // namespace

void validate(Parsed<Appliance>& appliance, std::vector<Parsed<Customer>>& customers, const Secrets& secrets,
              std::vector<Diagnostic>& out) {
    check_appliance(appliance, secrets, out);
    const WireguardCheck wireguard(appliance, secrets);
    const std::size_t before = out.size();
    wireguard.check_appliance(out);
    if (out.size() != before) appliance.valid = false;
    std::vector<const Customer*> applicable;
    std::vector<Parsed<Customer>*> origins;
    for (Parsed<Customer>& customer : customers) {
        std::vector<Diagnostic> found;
        check_customer(customer, secrets, found);
        wireguard.check(customer, found);
        check_ipsec(appliance, customer, found);
        check_policy(customer, found);
        check_services(customer, found);
        check_reseller(customer, found);
        if (has_errors(found)) customer.valid = false;
        out.insert(out.end(), found.begin(), found.end());
        if (!customer.valid) continue;
        applicable.push_back(&customer.value);
        origins.push_back(&customer);
    }

    const auto report = [&](Severity severity, const Clash& clash) {
        Parsed<Customer>& second = *origins[clash.second.customer];
        const bool with_appliance = clash.first.customer == Clash::kAppliance;
        const Source& first_source = with_appliance ? appliance.source : origins[clash.first.customer]->source;
        out.push_back(diagnose(severity, clash, second.source, clash.second, first_source, clash.first));
        if (severity == Severity::kError) second.valid = false;
        if (with_appliance) return;
        out.push_back(diagnose(severity, clash, first_source, clash.first, second.source, clash.second));
        if (severity == Severity::kError) origins[clash.first.customer]->valid = false;
    };
    for (const Clash& clash : find_clashes(appliance.value, applicable)) report(Severity::kError, clash);
    for (const Clash& doubt : find_doubts(appliance.value, applicable)) report(Severity::kWarning, doubt);
}

}  // namespace warren::config
