// check, explain
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "access/users.h"
#include "base/kernel_names.h"
#include "config/customer_files.h"
#include "config/customer_id.h"
#include "config/load.h"
#include "config/manual.h"
#include "config/values.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/commands/check.h"
#include "ctl/commands/reseller_files.h"
#include "ctl/files/files.h"
#include "ctl/runners.h"
#include "ctl/show/json_views.h"
#include "ctl/show/listeners.h"
#include "ctl/show/table.h"

namespace warren::ctl {

namespace {

// "DIR: 12 customers, 3 errors, 1 warning"
std::string sum_text(const std::string& directory, std::size_t customers, std::size_t errors, std::size_t diagnostics) {
    const std::size_t warnings = diagnostics - errors;
    std::string out = fmt::format("{}: {} customer{}, {} error{}", directory, customers, customers == 1 ? "" : "s",
                                  errors, errors == 1 ? "" : "s");
    if (warnings != 0) out += fmt::format(", {} warning{}", warnings, warnings == 1 ? "" : "s");
    return out;
}

// For docs/: the whole manual, or the keys of one file for its man page.
int print_manual(const Invocation& invocation, Output& output) {
    const std::string file = invocation.arguments.empty() ? "" : invocation.arguments[0];
    if (invocation.format == "markdown" && file.empty()) {
        output.out << config::manual_markdown();
    } else if (invocation.format == "scdoc" && file == config::file_of(config::Document::kAppliance)) {
        output.out << config::manual_scdoc(config::Document::kAppliance);
    } else if (invocation.format == "scdoc" && file == config::file_of(config::Document::kCustomer)) {
        output.out << config::manual_scdoc(config::Document::kCustomer);
    } else {
        return complain(output, kUsage, "accepted: --format markdown explain, --format scdoc explain FILE");
    }
    return kDone;
}

// What `apply` would remove from this machine; "" when nothing, or when no stackd runs here.
std::string describe_removals(const std::string& run_dir, const std::string& directory) {
    std::error_code error;
    if (!std::filesystem::exists(run_dir + "/control.sock", error)) return {};
    std::set<std::string> gone;
    const std::string prefix = kNamespacePrefix;
    for (auto it = std::filesystem::directory_iterator(kNamespaceDirectory, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (name.starts_with(prefix)) gone.insert(name.substr(prefix.size()));
    }
    // Who has no stack while it is parked or suspended is known to vpnd.
    if (const auto snapshot = fetch_snapshot(run_dir, {"", false}))
        for (const CustomerStatus& each : snapshot->customers) gone.insert(each.customer.settings.id);
    const config::CustomerFiles files = config::list_customer_files(directory);
    if (!files.complete) return {};
    for (const std::string& id : config::with_resellers(files.ids)) gone.erase(id);
    if (gone.empty()) return {};
    return fmt::format(
        "{} customer{} on this machine ha{} no file that is used: {}; `vpnctl apply --remove` removes {}, unless {} "
        "renamed (vpnctl diff)",
        gone.size(), gone.size() == 1 ? "" : "s", gone.size() == 1 ? "s" : "ve", fmt::join(gone, ", "),
        gone.size() == 1 ? "it" : "them", gone.size() == 1 ? "it was" : "they were");
}

// Users and tokens that are for a customer without a file, or for a reseller that is none: they see nothing of it.
std::vector<std::string> lost_grants(const std::string& directory) {
    std::vector<std::string> out;
    const auto text = read_text(directory + "/users.toml");
    if (!text || text->empty()) return out;
    const auto users = access::parse_users(*text);
    if (!users) return out;
    const auto look_at = [&](std::string_view what, const std::string& name, const access::Grant& grant) {
        for (const std::string& id : grant.customers) {
            const std::string file = config::customer_file(id);
            std::error_code error;
            if (!std::filesystem::exists(fmt::format("{}/{}", directory, file), error)) {
                out.push_back(fmt::format("{}/users.toml: warning: {} {} is for {}, which has no file {}", directory,
                                          what, name, id, file));
            } else if (grant.role == access::Role::kReseller && !reseller_use(directory, id)) {
                out.push_back(fmt::format("{}/users.toml: warning: {} {} is for the reseller {}: {} has no [reseller]",
                                          directory, what, name, id, file));
            }
        }
    };
    for (const access::User& each : users->users) look_at("user", each.name, each.grant);
    for (const access::Token& each : users->tokens) look_at("token", each.name, each.grant);
    return out;
}

// For people: what is on standard output is for a firewall's script.
std::string previous_key_text(const Listening& listener, const PreviousKeyUsers& users) {
    if (!users) return fmt::format("vpnctl: {}: vpnd does not say who uses the previous key\n", listener.purpose);
    const auto found = users->find(listener.owner);
    const std::size_t count = found == users->end() ? 0 : found->second.size();
    return fmt::format("vpnctl: {}: {} peer{} the previous key{}\n", listener.purpose, count,
                       count == 1 ? " uses" : "s use", count == 0 ? "" : "; vpnctl peers says which");
}

}  // namespace

namespace {

// `is_stackds`: the directory is the one that stackd uses; what it serves is compared with no other.
int print_check(const Invocation& invocation, const std::string& directory, const CheckedByStackd& checked,
                bool is_stackds, Output& output) {
    for (const std::string& diagnostic : checked.diagnostics) output.out << diagnostic << '\n';
    output.out << sum_text(directory, checked.customers, checked.errors, checked.diagnostics.size()) << '\n';
    for (const std::string& each : lost_grants(directory)) output.out << each << '\n';
    if (is_stackds) {
        if (const std::string gone = describe_removals(invocation.run_dir, directory); !gone.empty())
            output.out << gone << '\n';
    }
    return checked.is_valid ? kDone : kAnswerIsNo;
}

}  // namespace

int run_check(const Invocation& invocation, Output& output) {
    const std::string directory = invocation.arguments.empty() ? invocation.config_dir : invocation.arguments[0];
    if (directory == invocation.config_dir && !invocation.json) {
        if (const auto by_stackd = check_by_stackd(invocation))
            return print_check(invocation, directory, *by_stackd, true, output);
    }
    const config::Loaded loaded = config::load(directory, {.secrets_may_be_absent = true, .checks_certificates = true});
    const bool valid = loaded.appliance_valid && !config::has_errors(loaded.diagnostics);
    if (invocation.json) {
        output.out << check_json(loaded);
        return valid ? kDone : kAnswerIsNo;
    }
    CheckedByStackd checked{valid, loaded.customers.size(), 0, {}};
    for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
        checked.diagnostics.push_back(config::format(diagnostic));
        checked.errors += diagnostic.severity == config::Severity::kError ? 1U : 0U;
    }
    return print_check(invocation, directory, checked, false, output);
}

int run_listeners(const Invocation& invocation, Output& output) {
    const config::Loaded loaded = config::load(invocation.config_dir, {.secrets_may_be_absent = true});
    const std::vector<Listening> listeners = listeners_of(loaded);
    PreviousKeyUsers users;
    if (std::any_of(listeners.begin(), listeners.end(), [](const auto& one) { return one.has_previous_key; })) {
        if (const auto snapshot = fetch_snapshot(invocation.run_dir, {})) users = previous_key_users(*snapshot);
    }
    if (invocation.json) {
        output.out << listeners_json(listeners, users);
    } else {
        for (const Listening& each : listeners) {
            output.out << fmt::format("{} {} {} {}{}{}\n", each.protocol, each.port,
                                      each.address.empty() ? "*" : each.address, each.purpose,
                                      each.endpoint.empty() ? "" : " ", each.endpoint);
            if (each.has_previous_key) output.err << previous_key_text(each, users);
        }
    }
    const bool valid = loaded.appliance_valid && !config::has_errors(loaded.diagnostics);
    return valid
               ? kDone
               : complain(output, kAnswerIsNo, "the configuration has errors, a port may be missing; see vpnctl check");
}

int run_explain(const Invocation& invocation, Output& output) {
    if (!invocation.format.empty()) return print_manual(invocation, output);
    const std::string wanted = invocation.arguments.empty() ? "" : invocation.arguments[0];
    const auto keys = config::keys_matching(wanted);
    if (keys.empty()) {
        const std::string near = config::suggest_path(wanted);
        return complain(
            output, kAnswerIsNo,
            fmt::format("there is no key \"{}\"{}", wanted,
                        near.empty() ? "; vpnctl explain lists them" : fmt::format("; did you mean \"{}\"?", near)));
    }
    if (invocation.json) {
        output.out << explain_json(keys);
        return kDone;
    }
    if (wanted.empty()) {
        Table table({{"FILE"}, {"KEY"}, {"ACCEPTED"}});
        for (const config::Key* key : keys) {
            if (key->type == config::Type::kTable || key->type == config::Type::kTables) continue;
            table.add(
                {std::string(config::file_of(key->document)), config::display_path(key->path), config::accepted(*key)});
        }
        output.out << table.text();
        return kDone;
    }
    for (std::size_t i = 0; i < keys.size(); ++i) output.out << (i == 0 ? "" : "\n") << config::explain(*keys[i]);
    return kDone;
}

}  // namespace warren::ctl
