#include "stacks/one_customer.h"

#include <algorithm>
#include <vector>

#include "config/named_secrets.h"
#include "config/texts.h"

namespace warren::stacks {

namespace {

void copy(const std::vector<config::NamedSecret>& names, const config::Secrets& from, config::Secrets& to) {
    for (const config::NamedSecret& name : names) {
        const auto* key = name.form == config::FileForm::kKey ? from.find(name.ref) : nullptr;
        if (key != nullptr) to.put(name.ref, key->clone());
        if (const auto* content = from.content(name.ref, name.form)) to.put(name, content->clone());
    }
}

// Neither their secrets nor those of the appliance may be those of now, even where the files have others since.
void keep_others(const config::Generation& current, const std::string& only, config::Loaded& loaded) {
    for (config::LoadedCustomer& customer : loaded.customers) {
        const std::string id = customer.value().id;
        if (id == only) continue;
        customer = {{}, true, std::move(customer.file), {}, current.share(id), {}};
    }
    keep_secrets(current, loaded.secrets);
    std::erase_if(loaded.diagnostics, [&only](const config::Diagnostic& one) { return one.customer != only; });
    loaded.appliance_valid = true;  // it is in force
}

}  // namespace

void keep_secrets(const config::Generation& current, config::Secrets& secrets) {
    copy(config::secrets_of(current.appliance), current.secrets, secrets);
}

config::Loaded load_one(const std::string& directory, const config::Generation& current, const std::string& customer,
                        const std::optional<std::string>& text) {
    config::Texts texts = config::texts_of(current);
    if (text) {
        texts.customers.insert_or_assign(customer, *text);
    } else {
        texts.customers.erase(customer);
    }
    config::Loaded loaded =
        config::load(directory, {.secrets_may_be_absent = false, .previous = &current, .instead = &texts});
    keep_others(current, customer, loaded);
    return loaded;
}

config::Loaded in_force_of(const config::Generation& current, const std::string& customer) {
    config::Loaded loaded;
    loaded.appliance = current.appliance;
    loaded.appliance_valid = true;
    loaded.text = current.text;
    keep_secrets(current, loaded.secrets);
    if (auto accepted = current.share(customer)) {
        copy(config::secrets_of(accepted->customer), accepted->secrets, loaded.secrets);
        loaded.customers.push_back({{}, true, "", {}, std::move(accepted), {}});
    }
    return loaded;
}

bool keeps_its_secrets(const config::Loaded& next, const config::AcceptedCustomer& accepted) {
    const auto found = std::find_if(next.customers.begin(), next.customers.end(),
                                    [&](const auto& one) { return one.value().id == accepted.customer.id; });
    if (found == next.customers.end()) return false;
    if (found->unchanged != nullptr) return true;
    const auto names = config::secrets_of(accepted.customer);
    return std::all_of(names.begin(), names.end(),
                       [&](const config::NamedSecret& name) { return next.secrets.same(name, accepted.secrets); });
}

}  // namespace warren::stacks
