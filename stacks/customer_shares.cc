#include "stacks/customer_shares.h"

#include <optional>
#include <string>

#include "base/customer_group.h"
#include "base/kernel_names.h"
#include "stacks/kernel/netns.h"

namespace warren::stacks {

void tend_customer_groups(const config::Generation& in_force) {
    const auto groups = CustomerGroups::open();
    if (!groups) return;
    const auto share_of = [&in_force](const std::string& customer) -> std::optional<std::uint32_t> {
        const config::AcceptedCustomer* accepted = in_force.find(customer);
        if (accepted == nullptr) return std::nullopt;
        return accepted->customer.traffic.share;
    };
    groups->tend(share_of, [](const std::string& customer) {
        const auto stack = namespace_number(kNamespacePrefix + customer);
        return !stack && stack.error().code == ErrorCode::kNotFound;
    });
}

void rename_customer_groups(const std::vector<Rename>& renames) {
    if (const auto groups = CustomerGroups::open()) groups->rename(renames);
}

}  // namespace warren::stacks
