#include "config/load.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <span>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parallel.h"
#include "base/result.h"
#include "config/certificate_check.h"
#include "config/clash.h"
#include "config/customer_files.h"
#include "config/customer_id.h"
#include "config/file_reader.h"
#include "config/generation.h"
#include "config/named_secrets.h"
#include "config/parse.h"
#include "config/resellers.h"
#include "config/validate.h"

namespace warren::config {

namespace {

constexpr std::size_t kMaxThreads = 4;

Diagnostic file_error(const std::string& file, const std::string& customer, std::string message) {
    return {Severity::kError, file, customer, {1, 1, 0}, std::move(message), ""};
}

Parsed<Appliance> load_appliance(const std::string& directory, const Texts* instead, std::vector<Diagnostic>& out) {
    const std::string file = directory + "/warren.toml";
    if (instead != nullptr) return parse_appliance(file, instead->appliance, out);
    FileStamp stamp;
    auto text = read_all(UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), kMaxDocumentSize, stamp);
    if (text) return parse_appliance(file, std::move(*text), out);
    out.push_back(file_error(file, "", text.error().what));
    Parsed<Appliance> unread;
    unread.source.file = file;
    return unread;
}

// One customer while it is loaded: as its file says, or as it is in force.
struct Entry {
    std::string id;
    std::string file;
    std::shared_ptr<const AcceptedCustomer> unchanged;
    Parsed<Customer> parsed;  // when not unchanged
    FileStamp stamp;
    std::vector<Diagnostic> found;  // by parsing

    [[nodiscard]] const Customer& value() const { return unchanged != nullptr ? unchanged->customer : parsed.value; }
};

void parse(Entry& entry) {
    entry.unchanged.reset();
    auto text = read_all(UniqueFd(::open(entry.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), kMaxDocumentSize,
                         entry.stamp);
    if (text) {
        entry.parsed = parse_customer(entry.file, entry.id, std::move(*text), entry.found);
        return;
    }
    entry.found.push_back(file_error(entry.file, entry.id, text.error().what));
    entry.parsed.value.id = entry.id;
    entry.parsed.source.file = entry.file;
    entry.parsed.source.customer = entry.id;
}

// Reads one configuration, most of which may be unchanged.
class Loading {
  public:
    Loading(const std::string& directory, const LoadOptions& options)
        : directory_(directory),
          options_(options),
          secrets_(directory + "/secrets", true),
          certificates_(directory + "/certs", false),
          began_(read_wall_clock().nanoseconds) {}

    Loaded run() {
        appliance_ = load_appliance(directory_, options_.instead, out_.diagnostics);
        if (!list_customers()) appliance_.valid = false;
        out_.text = appliance_.source.text;
        read_shared_key();
        find_unchanged();
        std::vector<Entry*> fresh;
        for (Entry& entry : entries_) {
            if (entry.unchanged == nullptr) fresh.push_back(&entry);
        }
        in_parallel(fresh.size(), threads_for(fresh.size(), kMaxThreads),
                    [&](std::size_t, std::size_t i) { read(*fresh[i]); });
        if (fresh.size() < entries_.size()) parse_those_who_clash();
        read_secrets();
        check();
        out_.appliance = std::move(appliance_.value);
        out_.appliance_valid = appliance_.valid;
        sort(out_.diagnostics);
        return std::move(out_);
    }

  private:
    void read(Entry& entry) const {
        if (options_.changed != nullptr && options_.changed->contains(entry.id)) {
            entry.parsed = parse_customer(entry.file, entry.id, *options_.changed->at(entry.id), entry.found);
            return;
        }
        if (options_.instead == nullptr) return parse(entry);
        entry.parsed = parse_customer(entry.file, entry.id, options_.instead->customers.at(entry.id), entry.found);
    }

    // False when the directory cannot be listed.
    bool list_customers() {
        if (options_.instead != nullptr) {
            for (const auto& [id, text] : options_.instead->customers) add_entry(id);
        } else if (!options_.alone) {
            CustomerFiles files = list_customer_files(directory_);
            std::move(files.diagnostics.begin(), files.diagnostics.end(), std::back_inserter(out_.diagnostics));
            if (!files.complete) return false;
            for (const std::string& id : files.ids) add_entry(id);
        }
        if (options_.changed != nullptr) list_changed();
        std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.id < b.id; });
        if (!options_.alone) drop_orphans();
        return true;
    }

    void add_entry(const std::string& id) {
        entries_.push_back({id, fmt::format("{}/{}", directory_, customer_file(id)), nullptr, {}, {}, {}});
    }

    void list_changed() {
        std::erase_if(entries_, [this](const Entry& entry) { return options_.changed->contains(entry.id); });
        for (const auto& [id, text] : *options_.changed) {
            if (text) add_entry(id);
        }
    }

    // The customers of a reseller are gone with it.
    void drop_orphans() {
        std::set<std::string, std::less<>> present;
        std::map<std::string, std::vector<std::string>> orphans;  // by the missing reseller
        for (const Entry& entry : entries_) {
            const std::string_view reseller = reseller_of(entry.id);
            if (reseller.empty() || present.contains(reseller)) {
                present.insert(entry.id);
            } else {
                orphans[std::string(reseller)].push_back(entry.id);
            }
        }
        if (orphans.empty()) return;
        std::erase_if(entries_, [&](const Entry& entry) { return !present.contains(entry.id); });
        for (const auto& [reseller, ids] : orphans) {
            const std::string file = customer_file(reseller);
            const bool is_one = ids.size() == 1;
            const std::string where = is_one ? customer_file(ids.front()) : file.substr(0, file.rfind('.'));
            const std::string what = is_one ? "is" : fmt::format("{} files of customers here are", ids.size());
            out_.diagnostics.push_back({Severity::kWarning,
                                        fmt::format("{}/{}", directory_, where),
                                        is_one ? ids.front() : "",
                                        {1, 1, 0},
                                        fmt::format("{} not used: there is no reseller {}", what, file),
                                        ""});
        }
    }

    [[nodiscard]] bool has_no_secrets() const {
        const int error = secrets_.open_error();
        return options_.secrets_may_be_absent && (error == ENOENT || error == EACCES);
    }

    void read_shared_key() {
        if (has_no_secrets()) {
            out_.diagnostics.push_back({Severity::kWarning,
                                        directory_ + "/secrets",
                                        "",
                                        {1, 1, 0},
                                        secrets_.open_error() == ENOENT
                                            ? "is missing: checks that need the keys are skipped"
                                            : "cannot be read by this user: checks that need the keys are skipped",
                                        ""});
        }
        for (const NamedSecret& name : secrets_of(appliance_.value)) read_file(name);
    }

    void read_file(const NamedSecret& name) {
        if (name.form == FileForm::kCertificate || !has_no_secrets()) reader_of(name).read(name, out_.secrets);
    }
    [[nodiscard]] FileReader& reader_of(const NamedSecret& name) {
        return name.form == FileForm::kCertificate ? certificates_ : secrets_;
    }
    [[nodiscard]] const FileReader& reader_of(const NamedSecret& name) const {
        return name.form == FileForm::kCertificate ? certificates_ : secrets_;
    }

    // Customers were checked against the shared listeners and their keys: all must be unchanged.
    void find_unchanged() {
        const Generation* previous = options_.previous;
        if (previous == nullptr || !appliance_.valid || appliance_.value.listeners != previous->appliance.listeners)
            return;
        for (const NamedSecret& name : secrets_of(appliance_.value)) {
            if (!out_.secrets.same(name, previous->secrets)) return;
        }
        for (Entry& entry : entries_) {
            auto accepted = previous->share(entry.id);
            if (accepted != nullptr && is_unchanged(*accepted, entry)) entry.unchanged = std::move(accepted);
        }
    }

    [[nodiscard]] bool is_unchanged(const AcceptedCustomer& accepted, const Entry& entry) const {
        if (options_.changed != nullptr && options_.changed->contains(entry.id)) return false;
        if (accepted.stamps.empty() || (options_.checks_certificates && accepted.customer.ipsec)) return false;
        if (options_.instead != nullptr) {
            if (accepted.text != options_.instead->customers.at(entry.id)) return false;
        } else if (!is_untouched(AT_FDCWD, entry.file, 0, accepted.stamps.front())) {
            return false;
        }
        const std::vector<NamedSecret> names = secrets_of(accepted.customer);
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!reader_of(names[i]).untouched(names[i].ref, accepted.stamps[1 + i])) return false;
        }
        return true;
    }

    [[nodiscard]] const Customer* before_of(const std::string& id) const {
        const auto* const accepted = options_.previous == nullptr ? nullptr : options_.previous->find(id);
        return accepted == nullptr ? nullptr : &accepted->customer;
    }

    // What it says is in force, whether its file was written again or its secrets are others.
    [[nodiscard]] bool is_in_force(const Entry& entry) const {
        if (entry.unchanged != nullptr) return true;
        const auto* const accepted = options_.previous == nullptr ? nullptr : options_.previous->find(entry.id);
        return accepted != nullptr && !accepted->text.empty() && accepted->text == entry.parsed.source.text;
    }

    // Clash diagnostics cite both files, so both must be parsed.
    void parse_those_who_clash() {
        std::vector<const Customer*> all;
        for (const Entry& entry : entries_) all.push_back(&entry.value());
        std::set<std::size_t> clashing;
        for (const std::vector<Clash>& found :
             {find_clashes(appliance_.value, all), find_doubts(appliance_.value, all)}) {
            for (const Clash& clash : found) {
                clashing.insert(clash.second.customer);
                if (clash.first.customer != Clash::kAppliance) clashing.insert(clash.first.customer);
            }
        }
        std::vector<ResellerMember> members;
        for (const Entry& entry : entries_)
            members.push_back({&entry.value(), is_in_force(entry), before_of(entry.id)});
        for (const Excess& excess : find_excess(members)) clashing.insert(excess.member);
        for (const std::size_t place : clashing) {
            if (entries_[place].unchanged == nullptr) continue;
            entries_[place].unchanged.reset();
            read(entries_[place]);
        }
    }

    void read_secrets() {
        for (const Entry& entry : entries_) {
            if (entry.unchanged != nullptr) continue;
            for (const NamedSecret& name : secrets_of(entry.value())) read_file(name);
        }
    }

    void check() {
        std::vector<Parsed<Customer>> fresh;
        std::set<std::string> older;
        for (Entry& entry : entries_) {
            if (is_in_force(entry)) older.insert(entry.id);
            std::move(entry.found.begin(), entry.found.end(), std::back_inserter(out_.diagnostics));
            if (entry.unchanged == nullptr) fresh.push_back(std::move(entry.parsed));
        }
        validate(appliance_, fresh, out_.secrets, out_.diagnostics);
        const std::set<std::string> excess = options_.alone ? std::set<std::string>() : check_resellers(fresh, older);
        if (options_.checks_certificates) check_certificate_files(fresh);
        std::set<std::string> spoken_of;
        for (const Diagnostic& diagnostic : out_.diagnostics) spoken_of.insert(diagnostic.customer);
        auto next = fresh.begin();
        for (Entry& entry : entries_) {
            if (entry.unchanged != nullptr) {
                out_.customers.push_back({{}, true, std::move(entry.file), {}, std::move(entry.unchanged), {}});
                continue;
            }
            Parsed<Customer>& parsed = *next++;
            const bool is_excess = excess.contains(entry.id);
            std::vector<FileStamp> stamps;
            if (parsed.valid && !spoken_of.contains(entry.id) && options_.instead == nullptr)
                stamps = stamps_of(entry.stamp, parsed.value);
            out_.customers.push_back({std::move(parsed.value), parsed.valid, std::move(entry.file), std::move(stamps),
                                      nullptr, std::move(parsed.source.text), is_excess});
        }
    }

    // Those that did not change count first. The ids of those that are valid but for a cap.
    std::set<std::string> check_resellers(std::vector<Parsed<Customer>>& fresh, const std::set<std::string>& older) {
        std::set<std::string> out;
        std::vector<ResellerMember> members;
        std::vector<Parsed<Customer>*> origins;
        std::set<std::string> invalid;  // the generation decides what becomes of those below them
        auto next = fresh.begin();
        for (const Entry& entry : entries_) {
            Parsed<Customer>* const own = entry.unchanged == nullptr ? &*next++ : nullptr;
            const std::vector<std::string> resellers = resellers_of(entry.id);
            if (std::any_of(resellers.begin(), resellers.end(),
                            [&](const std::string& id) { return invalid.contains(id); }))
                continue;
            if (own != nullptr && !own->valid) {
                invalid.insert(entry.id);
                continue;
            }
            members.push_back({own == nullptr ? &entry.unchanged->customer : &own->value, older.contains(entry.id),
                               before_of(entry.id)});
            origins.push_back(own);
        }
        for (const Excess& excess : find_excess(members)) {
            Parsed<Customer>* const own = origins[excess.member];
            if (own == nullptr) continue;
            out_.diagnostics.push_back(own->source.error(excess.path, excess.what));
            own->valid = false;
            if (!excess.has_no_reseller) out.insert(own->value.id);
        }
        return out;
    }

    void check_certificate_files(std::vector<Parsed<Customer>>& fresh) {
        const WallTime now{began_};
        std::vector<Diagnostic> found;
        check_certificates(appliance_, out_.secrets, now, found);
        if (has_errors(found)) appliance_.valid = false;
        std::move(found.begin(), found.end(), std::back_inserter(out_.diagnostics));
        for (Parsed<Customer>& customer : fresh) {
            found.clear();
            check_certificates(customer, out_.secrets, now, found);
            if (has_errors(found)) customer.valid = false;
            std::move(found.begin(), found.end(), std::back_inserter(out_.diagnostics));
        }
    }

    // None when one of the files was written just now.
    [[nodiscard]] std::vector<FileStamp> stamps_of(const FileStamp& file, const Customer& customer) const {
        std::vector<FileStamp> stamps{file};
        for (const NamedSecret& name : secrets_of(customer)) stamps.push_back(reader_of(name).stamp(name.ref));
        const bool settled = std::all_of(stamps.begin(), stamps.end(), [&](const FileStamp& stamp) {
            return stamp.changed < began_ - options_.tick;
        });
        return settled ? stamps : std::vector<FileStamp>();
    }

    const std::string& directory_;
    const LoadOptions& options_;
    FileReader secrets_;
    FileReader certificates_;
    std::int64_t began_;
    Parsed<Appliance> appliance_;
    std::vector<Entry> entries_;  // by id
    Loaded out_;
};

}  // namespace

Loaded load(const std::string& directory, const LoadOptions& options) {
    return Loading(directory, options).run();
}

}  // namespace warren::config
