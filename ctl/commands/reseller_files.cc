#include "ctl/commands/reseller_files.h"

#include <algorithm>
#include <vector>

#include "config/customer_files.h"
#include "config/customer_id.h"
#include "config/parse.h"
#include "ctl/files/customer_file.h"

namespace warren::ctl {

namespace {

std::optional<config::Customer> customer_in(const std::string& directory, const std::string& id) {
    const std::string path = customer_path(directory, id);
    const auto file = read_state(path);
    if (!file || !file->exists) return std::nullopt;
    std::vector<config::Diagnostic> ignored;
    return config::parse_customer(path, id, file->text, ignored).value;
}

}  // namespace

std::string suspended_reseller(const std::string& directory, const std::string& customer) {
    for (const std::string& reseller : config::resellers_of(customer)) {
        const auto found = customer_in(directory, reseller);
        if (found && found->state == config::CustomerState::kSuspended) return reseller;
    }
    return {};
}

std::optional<ResellerUse> reseller_use(const std::string& directory, const std::string& id) {
    const auto reseller = customer_in(directory, id);
    if (!reseller || !reseller->reseller) return std::nullopt;
    ResellerUse out{*reseller->reseller};
    const auto is_enabled = [](const auto& one) { return one.enabled; };
    const auto count = [&is_enabled](const auto& all) {
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_enabled));
    };
    for (const std::string& each : config::with_resellers(config::list_customer_files(directory).ids)) {
        if (!config::is_customer_of(each, id)) continue;
        const auto customer = customer_in(directory, each);
        if (!customer) continue;
        ++out.customers;
        out.peers += count(customer->peers);
        if (customer->ipsec) out.peers += count(customer->ipsec->connections);
    }
    return out;
}

}  // namespace warren::ctl
