#include "config/validate.h"

#include <fmt/format.h>

#include "config/clash.h"
#include "config/customer_checks.h"
#include "config/named_secrets.h"
#include "config/wireguard.h"

namespace warren::config {

namespace {

void check_appliance(Parsed<Appliance>& appliance, const Secrets& secrets, std::vector<Diagnostic>& out) {
    for (const NamedSecret& secret : secrets_of(appliance.value)) {
        const std::string* problem = secrets.problem(secret.ref);
        if (problem == nullptr) continue;
        out.push_back(appliance.source.error(secret.path + ".secret", *problem));
        appliance.valid = false;
    }
}

// Reports the clash at `here`, naming `other`.
Diagnostic diagnose(const Clash& clash, const Source& source, const Clash::Side& here, const Source& other_source,
                    const Clash::Side& other) {
    return source.error(here.path, fmt::format("{} is also used by {} at {}; {}", clash.thing, other.what,
                                               other_source.cite(other.path), clash.reason));
}

}  // namespace

void validate(Parsed<Appliance>& appliance, std::vector<Parsed<Customer>>& customers, const Secrets& secrets,
              std::vector<Diagnostic>& out) {
    check_appliance(appliance, secrets, out);
    const WireguardCheck wireguard(appliance, secrets);
    std::vector<const Customer*> applicable;
    std::vector<Parsed<Customer>*> origins;
    for (Parsed<Customer>& customer : customers) {
        std::vector<Diagnostic> found;
        check_customer(customer, secrets, found);
        wireguard.check(customer, found);
        if (has_errors(found)) customer.valid = false;
        out.insert(out.end(), found.begin(), found.end());
        if (!customer.valid) continue;
        applicable.push_back(&customer.value);
        origins.push_back(&customer);
    }

    for (const Clash& clash : find_clashes(appliance.value, applicable)) {
        Parsed<Customer>& second = *origins[clash.second.customer];
        const bool with_appliance = clash.first.customer == Clash::kAppliance;
        const Source& first_source = with_appliance ? appliance.source : origins[clash.first.customer]->source;
        out.push_back(diagnose(clash, second.source, clash.second, first_source, clash.first));
        second.valid = false;
        if (with_appliance) continue;
        out.push_back(diagnose(clash, first_source, clash.first, second.source, clash.second));
        origins[clash.first.customer]->valid = false;
    }
}

}  // namespace warren::config
