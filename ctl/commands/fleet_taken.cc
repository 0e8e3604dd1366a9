#include "ctl/commands/fleet_taken.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "config/load.h"
#include "ctl/ask/control_client.h"
#include "ctl/commands/fleet_files.h"
#include "ctl/files/config_files.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"

namespace warren::ctl {

namespace {

constexpr std::string_view kCustomers = "customers/";

std::string text_of(const crypto::SecretBuffer& content) {
    const Bytes bytes = content.reveal();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_customer(const std::string& key) {
    return key.starts_with(kCustomers);
}

Status write_file(const std::string& config_dir, const std::string& key, const crypto::SecretBuffer& content) {
    const std::string name = file_of_fleet_key(key);
    const bool is_secret = is_secret_key(key);
    for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
        WARREN_TRY(
            ensure_directory(config_dir + "/" + name.substr(0, slash), name.starts_with("secrets/") ? 0700 : 0755));
    const Bytes bytes = content.reveal();
    return replace_file(config_dir + "/" + name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                        is_secret ? 0600 : 0644);
}

// One round: what is to be written here and what goes.
class Taking {
  public:
    Taking(const Invocation& invocation, FleetBase& base, FleetHere here, Output& output)
        : invocation_(invocation), base_(base), here_(std::move(here)), output_(output) {}

    void sort(const FleetConfiguration& fleet, const std::string& node, const crypto::PrivateKey& key) {
        for (const FleetFile& file : fleet.changed) {
            const auto known = base_.files.find(file.key);
            if (known != base_.files.end() && known->second.changed >= file.changed) continue;
            auto decoded = decode_fleet_file(file, node, key, base_);
            if (!decoded) {
                note_problem(file.key, decoded.error().what);
                continue;
            }
            sort_one(file, std::move(*decoded));
        }
        for (const std::string& broken : fleet.broken)
            note_problem(broken, "too large for a file, or no file of a configuration has this name");
        std::erase_if(base_.problems, [&](const auto& problem) {
            const std::string& about = problem.first;
            return !fleet.keys.contains(about) && !base_.files.contains(about) &&
                   std::find(fleet.broken.begin(), fleet.broken.end(), about) == fleet.broken.end();
        });
        // Without it nothing can be served: whatever removed it, it was no operator.
        if (!fleet.keys.contains("appliance")) return;
        for (const auto& [file_key, known] : std::map(base_.files)) {
            if (!fleet.keys.contains(file_key)) sort_removed(file_key, known);
        }
    }

    // Secrets first: a customer's file names them, and is checked with them.
    Status write() {
        for (const auto& [key, file] : comes_) {
            if (key != "appliance" && !is_customer(key)) WARREN_TRY(write_one(key, file));
        }
        drop_invalid();
        for (const auto& [key, file] : comes_) {
            if (key == "appliance" || is_customer(key)) WARREN_TRY(write_one(key, file));
        }
        for (const std::string& key : goes_) {
            const std::string path = invocation_.config_dir + "/" + file_of_fleet_key(key);
            if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path, errno);
            base_.files.erase(key);
            written_.insert(key);
        }
        return {};
    }

    // Keys.
    [[nodiscard]] const std::set<std::string>& written() const { return written_; }
    [[nodiscard]] const FleetHere& here() const { return here_; }

  private:
    struct Coming {
        crypto::SecretBuffer content;
        FleetBase::File note;
    };

    void note_problem(const std::string& key, const std::string& why) {
        std::string& known = base_.problems[printable(key)];
        if (known != why)
            output_.out << fmt::format("{}: {}\n", printable(name_of_fleet_key(key)), printable(why)) << std::flush;
        known = why;
    }

    // False: it was edited here.
    [[nodiscard]] bool is_as_known(const std::string& key) const {
        const auto found = here_.find(key);
        const auto known = base_.files.find(key);
        if (found == here_.end()) return known == base_.files.end();
        return known != base_.files.end() && hash_of(found->second.content.reveal()) == known->second.hash;
    }

    void sort_one(const FleetFile& file, DecodedFile decoded) {
        const FleetBase::File note{hash_of(decoded.content.reveal()), file.changed, decoded.sealed};
        const auto found = here_.find(file.key);
        if (found != here_.end() && found->second.content == decoded.content) {
            base_.files[file.key] = note;
            base_.problems.erase(file.key);
        } else if (is_as_known(file.key)) {
            comes_[file.key] = {std::move(decoded.content), note};
        } else {
            note_problem(file.key,
                         "edited here and changed in the fleet; `vpnctl fleet theirs|ours NAME` says which "
                         "one is to be");
        }
    }

    void sort_removed(const std::string& key, const FleetBase::File& known) {
        const auto found = here_.find(key);
        if (found == here_.end()) {
            base_.files.erase(key);
        } else if (hash_of(found->second.content.reveal()) == known.hash) {
            goes_.insert(key);
        } else {
            note_problem(key, "edited here and removed in the fleet");
        }
    }

    Status write_one(const std::string& key, const Coming& file) {
        WARREN_TRY(write_file(invocation_.config_dir, key, file.content));
        base_.files[key] = file.note;
        base_.problems.erase(key);
        written_.insert(key);
        return {};
    }

    // The last good one stays.
    void drop_invalid() {
        std::map<std::string, std::optional<std::string>> changed;
        for (const auto& [key, file] : comes_) {
            if (is_customer(key)) changed[key.substr(kCustomers.size())] = text_of(file.content);
        }
        for (const std::string& key : goes_) {
            if (is_customer(key)) changed[key.substr(kCustomers.size())] = std::nullopt;
        }
        if (comes_.contains("appliance") && check_appliance(changed)) return;
        if (!changed.empty()) drop_customers(config::load(invocation_.config_dir, {.changed = &changed}));
    }

    // False: it is not valid, and the customers are to be checked with the present one.
    bool check_appliance(const std::map<std::string, std::optional<std::string>>& changed) {
        config::Texts texts;
        texts.appliance = text_of(comes_.at("appliance").content);
        for (const auto& [key, file] : here_) {
            if (is_customer(key)) texts.customers[key.substr(kCustomers.size())] = text_of(file.content);
        }
        for (const auto& [id, text] : changed) {
            if (text) {
                texts.customers[id] = *text;
            } else {
                texts.customers.erase(id);
            }
        }
        const config::Loaded loaded = config::load(invocation_.config_dir, {.instead = &texts});
        if (!loaded.appliance_valid) {
            note_problem("appliance", "not valid; the last good one stays: " + first_error(loaded, ""));
            comes_.erase("appliance");
            return false;
        }
        drop_customers(loaded);
        return true;
    }

    void drop_customers(const config::Loaded& loaded) {
        for (const config::LoadedCustomer& each : loaded.customers) {
            const std::string key = std::string(kCustomers) + each.value().id;
            if (each.valid || !comes_.contains(key)) continue;
            note_problem(key, "not valid; the last good one stays: " + first_error(loaded, each.value().id));
            comes_.erase(key);
        }
    }

    static std::string first_error(const config::Loaded& loaded, const std::string& customer) {
        for (const config::Diagnostic& one : loaded.diagnostics) {
            if (one.severity == config::Severity::kError && one.customer == customer)
                return fmt::format("line {}: {}", one.place.line, one.message);
        }
        return "it has an error";
    }

    const Invocation& invocation_;
    FleetBase& base_;
    FleetHere here_;
    Output& output_;
    std::map<std::string, Coming> comes_;
    std::set<std::string> goes_;
    std::set<std::string> written_;
};

// Whether stackd heard of it.
bool apply(const Invocation& invocation, const FleetBase& base, const std::string& only, Output& output) {
    ipc::ControlRequest request;
    request.verb = ipc::ControlVerb::kApplyRemoving;  // whoever changed the fleet was asked
    request.only = only;
    request.comment = fmt::format("revision {} of the fleet", base.number);
    const auto done = send_request(invocation.run_dir, request, [](const ipc::ControlText&) {});
    if (!done) {
        output.err << "vpnctl: " << done.error().what << std::endl;
        return false;
    }
    output.out << fmt::format("revision {} of the fleet: {}\n", base.number, printable(done->summary)) << std::flush;
    return true;
}

// Nothing has changed since.
bool is_known(const FleetConfiguration& fleet, const FleetBase& base) {
    return base.is_applied && base.problems.empty() && fleet.changed.empty() && fleet.broken.empty() &&
           fleet.number == base.number && std::all_of(base.files.begin(), base.files.end(), [&](const auto& file) {
               return fleet.keys.contains(file.first);
           });
}

// Files that were edited here and not applied do not come into force with what somebody else changed.
bool apply_taken(const Invocation& invocation, const FleetBase& base, const std::set<std::string>& written,
                 bool has_drafts, Output& output) {
    if (!has_drafts) return apply(invocation, base, "", output);
    bool is_done = true;
    for (const std::string& key : written)
        is_done = is_customer(key) && apply(invocation, base, key.substr(kCustomers.size()), output) && is_done;
    return is_done && !written.empty();
}

}  // namespace

Result<FleetHere> read_fleet_here(const std::string& config_dir) {
    auto files = read_config_files(config_dir);
    if (!files) return tl::unexpected<Error>(files.error());
    FleetHere out;
    for (BackupFile& file : *files) {
        if (const auto key = fleet_key_of(file.name)) out[*key] = std::move(file);
    }
    return out;
}

std::set<std::string> edited_files(const FleetHere& here, const FleetBase& base) {
    std::set<std::string> out;
    for (const auto& [key, file] : here) {
        const auto known = base.files.find(key);
        if (known == base.files.end() || known->second.hash != hash_of(file.content.reveal())) out.insert(key);
    }
    for (const auto& [key, known] : base.files) {
        if (!here.contains(key)) out.insert(key);
    }
    return out;
}

Result<DecodedFile> decode_fleet_file(const FleetFile& file, const std::string& node, const crypto::PrivateKey& key,
                                      const FleetBase& base) {
    const std::string name = file_of_fleet_key(file.key);
    if (!is_backup_name(name) || fleet_key_of(name) != file.key || !file.text || !is_printable(name))
        return fail(ErrorCode::kInvalid, "no file of a configuration has this name");
    if (!is_secret_key(file.key)) return DecodedFile{crypto::SecretBuffer(as_bytes(*file.text)), 0};
    auto opened = crypto::open_text(*file.text, file.key, node, key);
    if (!opened) return tl::unexpected<Error>(opened.error());
    const auto known = base.files.find(file.key);
    if (known != base.files.end() && opened->revision < known->second.sealed)
        return fail(ErrorCode::kInvalid, "it is an older one than this node has had");
    return DecodedFile{std::move(opened->plain), opened->revision};
}

Status take_one_file(const Invocation& invocation, const FleetFile& file, const std::string& node,
                     const crypto::PrivateKey& key, FleetBase& base) {
    auto decoded = decode_fleet_file(file, node, key, base);
    if (!decoded) return tl::unexpected<Error>(decoded.error());
    WARREN_TRY(write_file(invocation.config_dir, file.key, decoded->content));
    base.files[file.key] = {hash_of(decoded->content.reveal()), file.changed, decoded->sealed};
    base.problems.erase(file.key);
    return {};
}

int take_from_fleet(const Invocation& invocation, Output& output) {
    std::set<std::string> written;
    bool has_drafts = false;
    FleetBase after;
    {
        const auto lock = lock_configuration(invocation.config_dir);
        if (!lock) return complain(output, kFailed, lock.error().what);
        auto base = read_fleet_base(invocation.config_dir);
        if (!base) return complain(output, kFailed, base.error().what);
        if (!*base) return complain(output, kFailed, "this node's configuration is not a fleet's");
        const auto node = read_fleet_node(invocation.config_dir);
        if (!node) return complain(output, kFailed, node.error().what);
        const auto key = read_fleet_key(invocation.config_dir);
        if (!key) return complain(output, kFailed, key.error().what);
        // What could not be taken may be taken now: somebody has settled it.
        const std::uint64_t since = (*base)->problems.empty() ? (*base)->revision : 0;
        const auto fleet = fleet_configuration(invocation.run_dir, since);
        if (!fleet) return complain(output, kFailed, fleet.error().what);
        if (is_known(*fleet, **base)) return kDone;
        auto here = read_fleet_here(invocation.config_dir);
        if (!here) return complain(output, kFailed, here.error().what);
        Taking taking(invocation, **base, std::move(*here), output);
        taking.sort(*fleet, node->name, *key);
        const Status done = taking.write();
        written = taking.written();
        (*base)->number = fleet->number;
        if (done) (*base)->revision = fleet->revision;
        if (!written.empty()) (*base)->is_applied = false;
        if (const Status noted = write_fleet_base(invocation.config_dir, **base); !noted)
            return complain(output, kFailed, noted.error().what);
        if (!done) return complain(output, kFailed, done.error().what);
        auto now = read_fleet_here(invocation.config_dir);
        if (now) has_drafts = !edited_files(*now, **base).empty();
        after = std::move(**base);
    }
    if (after.is_applied || !apply_taken(invocation, after, written, has_drafts, output)) return kDone;
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return complain(output, kFailed, lock.error().what);
    auto base = read_fleet_base(invocation.config_dir);
    if (!base || !*base || (*base)->number != after.number) return kDone;
    (*base)->is_applied = true;
    const Status noted = write_fleet_base(invocation.config_dir, **base);
    return noted ? kDone : complain(output, kFailed, noted.error().what);
}

}  // namespace warren::ctl
