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
#include "config/named_secrets.h"
#include "config/secrets.h"
#include "ctl/ask/control_client.h"
#include "ctl/commands/fleet_files.h"
#include "ctl/commands/fleet_guard.h"
#include "ctl/files/config_files.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"

namespace warren::ctl {

namespace {

constexpr std::string_view kCustomers = "customers/";
constexpr std::string_view kSecrets = "secrets/";
constexpr std::string_view kHeld =
    "it is gone from etcd, with many others, and no revision of the fleet removed it; `vpnctl fleet theirs|ours NAME` "
    "says whether it goes";

std::string text_of(const crypto::SecretBuffer& content) {
    const Bytes bytes = content.reveal();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool holds_key(const crypto::SecretBuffer& content) {
    const Bytes bytes = content.reveal();
    return config::parse_secret_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).has_value();
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
            if (known != base_.files.end() && known->second.changed == file.changed) continue;
            auto decoded = decode_fleet_file(file, node, key, fleet.number, base_);
            if (!decoded) {
                note_problem(file.key, decoded.error().what);
                continue;
            }
            sort_one(file, std::move(*decoded));
        }
        std::set<std::string> broken;
        for (const std::string& each : fleet.broken) {
            note_problem(each, "too large for a file, or no file of a configuration has this name, or no text");
            broken.insert(printable(each));
        }
        std::erase_if(base_.problems, [&](const auto& problem) {
            const std::string& about = problem.first;
            return !fleet.keys.contains(about) && !base_.files.contains(about) && !broken.contains(about);
        });
        // Without it nothing can be served: whatever removed it, it was no operator.
        if (fleet.keys.contains("appliance")) sort_all_removed(fleet);
    }

    // Before the first one is written: whatever ends this process then, they are to be brought into force.
    [[nodiscard]] bool announce() {
        for (const auto& [key, file] : comes_) base_.unapplied.insert(key);
        base_.unapplied.insert(goes_.begin(), goes_.end());
        return !comes_.empty() || !goes_.empty();
    }

    // Secrets first: a customer's file names them, and is checked with them.
    void write() {
        drop_garbled();
        for (const std::string& key : colliding()) {
            remove_one(key);
            remove_empty_directories(key);
            goes_.erase(key);
        }
        for (const auto& [key, file] : comes_) {
            if (key != "appliance" && !is_customer(key)) write_one(key, file);
        }
        drop_invalid();
        for (const auto& [key, file] : comes_) {
            if (key == "appliance" || is_customer(key)) write_one(key, file);
        }
        for (const std::string& key : goes_) remove_one(key);
    }

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
            const auto known = base_.files.find(file.key);
            // It may have been written by a command that ended before it was brought into force.
            if (known == base_.files.end() || known->second.hash != note.hash) base_.unapplied.insert(file.key);
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

    // What nobody removed by a revision of the fleet, such as by hand in etcd, goes only if it is little.
    void sort_all_removed(const FleetConfiguration& fleet) {
        for (const std::string_view kind : {"customers/", "secrets/", "certs/", "users"}) {
            std::vector<std::string> gone;
            std::size_t all = 0;
            bool is_held = false;
            for (const auto& [key, known] : base_.files) {
                if (!key.starts_with(kind)) continue;
                ++all;
                if (fleet.keys.contains(key)) continue;
                gone.push_back(key);
                const auto problem = base_.problems.find(key);
                is_held = is_held || (problem != base_.problems.end() && problem->second == kHeld);
            }
            if (fleet.number <= base_.number && are_many(gone.size(), all)) is_held = true;
            for (const std::string& key : gone) {
                if (is_held) {
                    note_problem(key, std::string(kHeld));
                } else {
                    sort_removed(key, base_.files.at(key));
                }
            }
        }
    }

    void sort_removed(const std::string& key, const FleetBase::File& known) {
        const auto found = here_.find(key);
        if (found == here_.end()) {
            forget_file(base_, key);
            base_.unapplied.insert(key);
        } else if (hash_of(found->second.content.reveal()) == known.hash) {
            goes_.insert(key);
        } else {
            note_problem(key,
                         "edited here and removed in the fleet; `vpnctl fleet theirs|ours NAME` says which one is "
                         "to be");
        }
    }

    // What goes and is a directory of what comes, or the other way round.
    [[nodiscard]] std::set<std::string> colliding() const {
        std::set<std::string> directories;  // of what comes
        for (const auto& [key, file] : comes_) {
            for (std::size_t end = key.rfind('/'); end != std::string::npos && end > 0; end = key.rfind('/', end - 1))
                directories.insert(key.substr(0, end));
        }
        std::set<std::string> out;
        for (const std::string& key : goes_) {
            bool collides = directories.contains(key);
            for (std::size_t end = key.rfind('/'); end != std::string::npos && end > 0; end = key.rfind('/', end - 1))
                collides = collides || comes_.contains(key.substr(0, end));
            if (collides) out.insert(key);
        }
        return out;
    }

    void remove_one(const std::string& key) {
        const std::string path = invocation_.config_dir + "/" + file_of_fleet_key(key);
        if (::unlink(path.c_str()) != 0 && errno != ENOENT)
            return note_problem(key, "it cannot be removed here: " + fail_errno("remove " + path, errno).value().what);
        forget_file(base_, key);
    }

    // Below "secrets" and "certs".
    void remove_empty_directories(const std::string& key) {
        for (std::size_t end = key.rfind('/'); end != key.find('/'); end = key.rfind('/', end - 1))
            (void)::rmdir((invocation_.config_dir + "/" + key.substr(0, end)).c_str());
    }

    void write_one(const std::string& key, const Coming& file) {
        if (const Status done = write_file(invocation_.config_dir, key, file.content); !done)
            return note_problem(key, "it cannot be written here: " + done.error().what);
        base_.files[key] = file.note;
        base_.problems.erase(key);
    }

    // A key that is none would take every customer down that names it.
    void drop_garbled() {
        const bool has_secret = std::any_of(comes_.begin(), comes_.end(), [](const auto& file) {
            return file.first.starts_with(kSecrets) && !holds_key(file.second.content);
        });
        if (!has_secret) return;
        std::set<std::string> keys;  // of files that hold a key
        const auto note = [&keys](const std::vector<config::NamedSecret>& names) {
            for (const config::NamedSecret& name : names) {
                if (name.form == config::FileForm::kKey) keys.insert(std::string(kSecrets) + name.ref.name);
            }
        };
        const config::Loaded loaded = config::load(invocation_.config_dir);
        note(config::secrets_of(loaded.appliance));
        for (const config::LoadedCustomer& each : loaded.customers) {
            if (each.valid) note(config::secrets_of(each.value()));
        }
        for (auto file = comes_.begin(); file != comes_.end();) {
            const bool is_bad = keys.contains(file->first) && !holds_key(file->second.content);
            if (is_bad) note_problem(file->first, "it holds no key; the last good one stays");
            file = is_bad ? comes_.erase(file) : std::next(file);
        }
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
};

// "": it is in force. Else why not.
std::string apply(const Invocation& invocation, const FleetBase& base, const std::string& only, Output& output) {
    ipc::ControlRequest request;
    request.verb = ipc::ControlVerb::kApplyRemoving;  // whoever changed the fleet was asked
    request.only = only;
    request.comment = fmt::format("revision {} of the fleet", base.number);
    const auto done = send_request(invocation.run_dir, request, [](const ipc::ControlText&) {});
    const std::string summary = done ? printable(done->summary) : done.error().what;
    // stackd says so where it refuses all; of other files that have errors it tells by this exit status, too.
    const bool is_partly = done && only.empty() && done->exit_status == kAnswerIsNo && !summary.starts_with("nothing");
    const bool is_done = done && (done->exit_status == kDone || is_partly);
    if (is_done || summary != base.refusal)
        output.out << fmt::format("revision {} of the fleet: {}{}\n", base.number,
                                  is_done ? "" : "not in force here: ", summary)
                   << std::flush;
    return is_done ? "" : summary.empty() ? "stackd refuses it" : summary;
}

// Nothing has changed since.
bool is_known(const FleetConfiguration& fleet, const FleetBase& base) {
    return base.unapplied.empty() && base.problems.empty() && fleet.changed.empty() && fleet.broken.empty() &&
           fleet.number == base.number && std::all_of(base.files.begin(), base.files.end(), [&](const auto& file) {
               return fleet.keys.contains(file.first);
           });
}

struct Applied {
    std::set<std::string> keys;
    std::string refusal;  // of the others
};

// Files that were edited here and not applied do not come into force with what somebody else changed.
Applied apply_beside_drafts(const Invocation& invocation, const FleetBase& base, const std::set<std::string>& drafts,
                            Output& output) {
    Applied out;
    std::map<std::string, std::string> done;  // by customer: why not
    const auto apply_one = [&](const std::string& id) {
        if (drafts.contains(std::string(kCustomers) + id)) return std::string("edited here");
        const auto [known, is_new] = done.try_emplace(id);
        if (is_new) known->second = apply(invocation, base, id, output);
        return known->second;
    };
    const auto users = customers_by_file(invocation.config_dir);
    for (const std::string& key : base.unapplied) {
        std::string refusal;
        if (is_customer(key)) {
            refusal = apply_one(key.substr(kCustomers.size()));
        } else if (const auto found = users.find(key); found != users.end()) {
            for (const std::string& id : found->second) {
                if (const std::string one = apply_one(id); !one.empty()) refusal = one;
            }
        } else {
            refusal = "it waits for the files that were edited here";
        }
        // What is to come into force of an edited file is told by the next apply.
        if (refusal.empty() || drafts.contains(key)) {
            out.keys.insert(key);
        } else {
            out.refusal = name_of_fleet_key(key) + ": " + refusal;
        }
    }
    return out;
}

}  // namespace

Result<FleetHere> read_fleet_here(const std::string& config_dir) {
    auto files = read_config_files(config_dir);
    if (!files) return tl::unexpected<Error>(files.error());
    FleetHere out;
    for (BackupFile& file : *files) {
        if (const auto key = fleet_key_of(file.name); key && is_fleet_key(*key)) out[*key] = std::move(file);
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
                                      std::uint64_t number, const FleetBase& base) {
    if (!is_fleet_key(file.key) || !file.text)
        return fail(ErrorCode::kInvalid, "no file of a configuration has this name");
    if (!is_secret_key(file.key)) return DecodedFile{crypto::SecretBuffer(as_bytes(*file.text)), 0};
    auto opened = crypto::open_text(*file.text, file.key, node, key);
    if (!opened) return tl::unexpected<Error>(opened.error());
    const auto known = base.files.find(file.key);
    if (known != base.files.end() ? opened->revision < known->second.sealed : opened->revision <= base.removed_sealed)
        return fail(ErrorCode::kInvalid, "it is an older one than this node has had; `vpnctl fleet seal` where it is");
    if (opened->revision > number)
        return fail(ErrorCode::kInvalid, "it is of a revision that the fleet does not have yet");
    return DecodedFile{std::move(opened->plain), opened->revision};
}

std::map<std::string, std::set<std::string>> customers_by_file(const std::string& config_dir) {
    std::map<std::string, std::set<std::string>> out;
    const config::Loaded loaded = config::load(config_dir);
    for (const config::LoadedCustomer& each : loaded.customers) {
        if (!each.valid) continue;
        for (const config::NamedSecret& named : config::secrets_of(each.value())) {
            for (const char* kind : {"secrets/", "certs/"}) out[kind + named.ref.name].insert(each.value().id);
        }
    }
    for (const config::NamedSecret& named : config::secrets_of(loaded.appliance)) {
        for (const char* kind : {"secrets/", "certs/"}) out.erase(kind + named.ref.name);
    }
    return out;
}

Status take_one_file(const Invocation& invocation, const FleetFile& file, const std::string& node,
                     const crypto::PrivateKey& key, std::uint64_t number, FleetBase& base) {
    auto decoded = decode_fleet_file(file, node, key, number, base);
    if (!decoded) return tl::unexpected<Error>(decoded.error());
    WARREN_TRY(write_file(invocation.config_dir, file.key, decoded->content));
    base.files[file.key] = {hash_of(decoded->content.reveal()), file.changed, decoded->sealed};
    base.problems.erase(file.key);
    base.unapplied.insert(file.key);
    return {};
}

void forget_file(FleetBase& base, const std::string& key) {
    const auto known = base.files.find(key);
    if (known == base.files.end()) return;
    base.removed_sealed = std::max(base.removed_sealed, known->second.sealed);
    base.files.erase(known);
    base.problems.erase(key);
}

Result<FleetConfiguration> read_fleet(const std::string& run_dir, const FleetBase& base) {
    const std::uint64_t since = base.problems.empty() ? base.revision : 0;
    auto fleet = fleet_configuration(run_dir, since);
    // A backup of etcd: what it has is not newer than what was read last, and another one all the same.
    if (fleet && since != 0 && (fleet->revision < since || fleet->number < base.number))
        fleet = fleet_configuration(run_dir, 0);
    return fleet;
}

Status take_files(const Invocation& invocation, const FleetConfiguration& fleet, const std::string& node,
                  const crypto::PrivateKey& key, FleetBase& base, Output& output) {
    auto here = read_fleet_here(invocation.config_dir);
    if (!here) return tl::unexpected<Error>(here.error());
    Taking taking(invocation, base, std::move(*here), output);
    taking.sort(fleet, node, key);
    if (taking.announce()) WARREN_TRY(write_fleet_base(invocation.config_dir, base));
    taking.write();
    base.number = fleet.number;
    base.revision = fleet.revision;
    return write_fleet_base(invocation.config_dir, base);
}

Status note_in_force(const std::string& config_dir, std::uint64_t number, const std::set<std::string>& keys,
                     const std::string& refusal) {
    const auto lock = lock_configuration(config_dir);
    if (!lock) return tl::unexpected<Error>(lock.error());
    auto base = read_fleet_base(config_dir);
    if (!base) return tl::unexpected<Error>(base.error());
    if (!*base || (*base)->number != number) return {};
    const std::size_t before = (*base)->unapplied.size();
    for (const std::string& key : keys) (*base)->unapplied.erase(key);
    if ((*base)->unapplied.size() == before && (*base)->refusal == refusal) return {};
    (*base)->refusal = refusal;
    return write_fleet_base(config_dir, **base);
}

int take_from_fleet(const Invocation& invocation, Output& output) {
    std::optional<std::set<std::string>> drafts;  // nothing: they are not known
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
        const auto fleet = read_fleet(invocation.run_dir, **base);
        if (!fleet) return complain(output, kFailed, fleet.error().what);
        if (is_known(*fleet, **base)) return kDone;
        const Status taken = take_files(invocation, *fleet, node->name, *key, **base, output);
        if (!taken) return complain(output, kFailed, taken.error().what);
        if (const auto now = read_fleet_here(invocation.config_dir)) drafts = edited_files(*now, **base);
        after = std::move(**base);
    }
    if (after.unapplied.empty()) return kDone;
    if (!drafts) return complain(output, kFailed, "the files here cannot be read; nothing was brought into force");
    Applied applied;
    if (drafts->empty()) {
        applied.refusal = apply(invocation, after, "", output);
        if (applied.refusal.empty()) applied.keys = after.unapplied;
    } else {
        applied = apply_beside_drafts(invocation, after, *drafts, output);
    }
    const Status noted = note_in_force(invocation.config_dir, after.number, applied.keys, applied.refusal);
    return noted ? kDone : complain(output, kFailed, noted.error().what);
}

}  // namespace warren::ctl
