// What an apply() loads when that is not the directory as it is.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <set>

#include "base/fd.h"
#include "config/customer_id.h"
#include "config/document.h"
#include "config/file_reader.h"
#include "config/load.h"
#include "stacks/one_customer.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

namespace {

using Kind = ipc::ControlText::Kind;

// An error is that of a file that cannot be read: a text that says so in the way of all errors in files.
std::optional<std::string> text_of_file(const std::string& path) {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.valid() && errno == ENOENT) return std::nullopt;
    config::FileStamp ignored;
    auto text = config::read_all(file, config::kMaxDocumentSize, ignored);
    return text ? std::move(*text) : "# " + text.error().what + "\n";
}

// What is to have the text that it has now, keeps its secrets, too: who returns to earlier texts asked for no other
// ones, which the directory may have by now.
void keep_same(const config::Generation& current, const config::Texts& wanted, config::Loaded& loaded) {
    std::set<std::string> kept;
    for (config::LoadedCustomer& customer : loaded.customers) {
        const std::string id = customer.value().id;
        const auto text = wanted.customers.find(id);
        auto now = current.share(id);
        if (now == nullptr || text == wanted.customers.end() || text->second != now->text) continue;
        customer = {{}, true, std::move(customer.file), {}, std::move(now), {}};
        kept.insert(id);
    }
    if (!current.text.empty() && wanted.appliance == current.text) {
        keep_secrets(current, loaded.secrets);
        loaded.appliance_valid = true;
        kept.insert("");
    }
    std::erase_if(loaded.diagnostics, [&kept](const config::Diagnostic& one) { return kept.contains(one.customer); });
}

}  // namespace

config::Loaded Reconciler::load_source(Round& round) const {
    const std::string& only = round.source.only;
    if (only.empty()) {
        config::Loaded loaded =
            config::load(options_.config_directory,
                         {.secrets_may_be_absent = false, .previous = &current_, .instead = round.source.instead});
        if (round.source.instead != nullptr) keep_same(current_, *round.source.instead, loaded);
        return loaded;
    }
    const auto text = round.source.text != nullptr
                          ? std::optional(*round.source.text)
                          : text_of_file(options_.config_directory + "/" + config::customer_file(only));
    if (!text) round.removed = only;  // who removed its file and names it means that
    config::Loaded loaded = load_one(options_.config_directory, current_, only, text);
    // Those of whom nothing is in force, because their files have errors.
    std::vector<std::string> unseen;
    std::copy_if(present_.begin(), present_.end(), std::back_inserter(unseen),
                 [&](const std::string& id) { return id != only && current_.find(id) == nullptr; });
    const bool is_left_out = text && std::none_of(loaded.customers.begin(), loaded.customers.end(),
                                                  [&](const auto& one) { return one.value().id == only; });
    if (is_left_out) {
        const std::string file = options_.config_directory + "/" + config::customer_file(only);
        unseen.push_back(only);
        loaded.diagnostics = {
            {config::Severity::kError,
             file,
             only,
             {1, 1, 0},
             "is not used: its reseller " + std::string(config::reseller_of(only)) + " is not in force",
             ""}};
    }
    keep_customers(unseen, round, loaded);
    return loaded;
}

Report Reconciler::check(const std::string& customer) const {
    const std::string& directory = options_.config_directory;
    std::map<std::string, std::optional<std::string>> changed;
    if (!customer.empty()) changed[customer] = text_of_file(ipc::draft_path(directory, customer));
    const config::Loaded loaded =
        config::load(directory, {.previous = &current_, .checks_certificates = customer.empty(), .changed = &changed});
    Report report;
    bool is_valid = loaded.appliance_valid;
    std::size_t errors = 0;
    // Of those below a reseller what its draft would break, and not what is wrong with them in any case.
    const auto is_broken_below = [&](const config::Diagnostic& one) {
        return config::is_customer_of(one.customer, customer) &&
               std::none_of(problems_.begin(), problems_.end(),
                            [&](const ipc::ControlText& known) { return known.text == config::format(one); });
    };
    for (const config::Diagnostic& one : loaded.diagnostics) {
        if (!customer.empty() && one.customer != customer && !is_broken_below(one) &&
            !(one.customer.empty() && !loaded.appliance_valid))
            continue;
        report.texts.push_back({Kind::kDiagnostic, one.customer, config::format(one)});
        errors += one.severity == config::Severity::kError ? 1U : 0U;
    }
    report.texts.push_back({Kind::kFact, "", "directory " + directory});
    report.texts.push_back({Kind::kFact, "", "customers " + std::to_string(loaded.customers.size())});
    report.texts.push_back({Kind::kFact, "", "errors " + std::to_string(errors)});
    is_valid = is_valid && errors == 0;
    report.exit_status = is_valid ? 0 : 1;
    return report;
}

void Reconciler::keep_unseen(const std::string& seen, const std::vector<ipc::ControlText>& before) {
    std::copy_if(before.begin(), before.end(), std::back_inserter(problems_), [&](const ipc::ControlText& text) {
        const bool is_told = std::any_of(problems_.begin(), problems_.end(),
                                         [&text](const ipc::ControlText& told) { return told == text; });
        return text.kind == Kind::kDiagnostic && text.customer != seen && !is_told;
    });
}

// Nothing was applied, so what lacked something still does.
void Reconciler::keep_incomplete(const std::vector<ipc::ControlText>& before) {
    std::set<std::string> told;
    for (const ipc::ControlText& text : problems_) {
        if (text.kind == Kind::kIncomplete) told.insert(text.customer);
    }
    std::copy_if(before.begin(), before.end(), std::back_inserter(problems_), [&told](const ipc::ControlText& text) {
        return text.kind == Kind::kIncomplete && !told.contains(text.customer);
    });
}

void Reconciler::update_unserved() {
    std::erase_if(problems_, [](const ipc::ControlText& text) { return text.kind == Kind::kUnserved; });
    std::map<std::string, std::string> reasons;
    for (const ipc::ControlText& text : problems_)
        reasons.try_emplace(text.customer, text.text.substr(0, text.text.find('\n')));
    for (const std::string& id : present_) {
        // An adopted vpnd may serve a customer whose file has errors since.
        if (current_.find(id) != nullptr || view_.has_customer(id)) continue;
        const auto reason = reasons.find(id);
        problems_.push_back({Kind::kUnserved, id, reason == reasons.end() ? "its file has errors" : reason->second});
    }
}

}  // namespace warren::stacks
