#include "ctl/commands/fleet_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/printable.h"
#include "config/customer_files.h"
#include "config/customer_id.h"
#include "config/load.h"
#include "crypto/x25519.h"
#include "ctl/ask/control_client.h"
#include "ctl/ask/fleet_client.h"
#include "ctl/commands/change.h"
#include "ctl/commands/fleet_guard.h"
#include "ctl/commands/fleet_identity.h"
#include "ctl/commands/fleet_papers.h"
#include "ctl/commands/fleet_taken.h"
#include "ctl/commands/request.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"
#include "ctl/files/fleet_base.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kMostFiles = 60;       // in one revision (fleet/records/configuration.h)
constexpr std::size_t kMostBytes = 600'000;  // likewise, of their texts

int refuse(Output& output, const Error& error) {
    return complain(output, error.code == ErrorCode::kUnavailable ? kUnreachable : kFailed, error.what);
}

// What the commands below need of this node.
struct Node {
    FleetNode node;
    crypto::PrivateKey key;
};

Result<Node> read_node(const Invocation& invocation) {
    auto node = read_fleet_node(invocation.config_dir);
    if (!node) return tl::unexpected<Error>(node.error());
    auto key = read_fleet_key(invocation.config_dir);
    if (!key) return tl::unexpected<Error>(key.error());
    if (node->readers.at(node->name) != crypto::public_key_of(*key))
        return fail(ErrorCode::kInvalid, "fleet.toml has another key for this node than `vpnctl fleet key` prints");
    return Node{std::move(*node), std::move(*key)};
}

// "/etc/warren/secrets/acme/site.psk contains no key"
bool is_about_file(const Invocation& invocation, const std::set<std::string>& keys, const std::string& message) {
    return std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
        return (key.starts_with("secrets/") || key.starts_with("certs/")) &&
               message.starts_with(invocation.config_dir + "/" + key + " ");
    });
}

// Errors of the appliance, of the customers among `keys`, and of files among them that any customer names.
bool is_valid(const Invocation& invocation, const std::set<std::string>& keys, Output& output) {
    const config::Loaded loaded = config::load(invocation.config_dir);
    bool valid = loaded.appliance_valid;
    for (const config::Diagnostic& one : loaded.diagnostics)
        valid = valid && (one.severity != config::Severity::kError || !is_about_file(invocation, keys, one.message));
    for (const config::LoadedCustomer& each : loaded.customers)
        valid = valid && (each.valid || !keys.contains("customers/" + each.value().id));
    if (valid) return true;
    for (const config::Diagnostic& one : loaded.diagnostics) output.err << config::format(one) << '\n';
    return false;
}

std::string ago(std::int64_t wall_milliseconds) {
    const std::int64_t seconds =
        std::max<std::int64_t>(0, (read_wall_clock().nanoseconds / 1'000'000 - wall_milliseconds) / 1000);
    if (seconds < 120) return fmt::format("{} s ago", seconds);
    if (seconds < 7200) return fmt::format("{} min ago", seconds / 60);
    return fmt::format("{} h ago", seconds / 3600);
}

// What JSON carries unaltered.
bool is_text(const std::string& text) {
    try {
        (void)nlohmann::json(text).dump();
    } catch (const nlohmann::json::type_error&) {
        return false;
    }
    return true;
}

// "changed on vie-2 by alice, 3 min ago"
std::string change_of(const Invocation& invocation, std::uint64_t changed) {
    const auto about = fleet_about(invocation.run_dir, changed);
    if (!about) return "changed in the fleet";
    return fmt::format("changed on {} by {}, {}", printable(about->node),
                       about->user.empty() ? "root" : printable(about->user), ago(about->wall_milliseconds));
}

// A fleet whose number was lost or came back from a backup goes on behind what this node has seen of it: a secret that
// is sealed as an older revision than before is refused everywhere.
std::uint64_t next_number(const FleetConfiguration& fleet, const FleetBase& base) {
    std::uint64_t out = std::max(fleet.number, base.removed_sealed);
    for (const auto& [key, file] : base.files) out = std::max(out, file.sealed);
    return out;
}

// What customers' files name comes before them and goes after them.
std::vector<std::string> in_order(const std::set<std::string>& keys, const FleetHere& here) {
    std::vector<std::string> out(keys.begin(), keys.end());
    const auto place = [&here](const std::string& key) {
        if (!key.starts_with("secrets/") && !key.starts_with("certs/")) return 1;
        return here.contains(key) ? 0 : 2;
    };
    std::stable_sort(out.begin(), out.end(),
                     [&](const std::string& a, const std::string& b) { return place(a) < place(b); });
    return out;
}

// One revision, or several where etcd takes no more at once. What was put is noted in `base`.
Status put(const Invocation& invocation, const Node& node, const FleetHere& here, const std::set<std::string>& keys,
           std::uint64_t number_changed, FleetBase& base) {
    FleetProposal proposal;
    proposal.number = base.number;
    proposal.number_changed = number_changed;
    proposal.user = claimed_user();
    proposal.comment = invocation.comment;
    std::map<std::string, FleetBase::File> noted;
    std::size_t size = 0;
    const auto send = [&]() -> Status {
        if (proposal.files.empty()) return {};
        const auto done = propose(invocation.run_dir, proposal);
        if (!done) return tl::unexpected<Error>(done.error());
        for (auto& [key, file] : noted) {
            file.changed = done->changed;
            base.problems.erase(key);
            if (file.hash.empty()) {
                forget_file(base, key);
            } else {
                base.files[key] = file;
            }
        }
        base.number = proposal.number = done->number;
        proposal.number_changed = done->changed;
        proposal.files.clear();
        noted.clear();
        size = 0;
        return {};
    };
    for (const std::string& key : in_order(keys, here)) {
        const auto known = base.files.find(key);
        FleetFile file{key, known == base.files.end() ? 0 : known->second.changed, std::nullopt};
        FleetBase::File note;
        if (const auto found = here.find(key); found != here.end()) {
            const Bytes content = found->second.content.reveal();
            note.hash = hash_of(content);
            if (is_secret_key(key)) {
                note.sealed = proposal.number + 1;
                auto sealed = crypto::seal_text(content, key, note.sealed, node.node.readers);
                if (!sealed) return tl::unexpected<Error>(sealed.error());
                file.text = std::move(*sealed);
            } else {
                file.text = std::string(reinterpret_cast<const char*>(content.data()), content.size());
                if (!is_text(*file.text))
                    return fail(ErrorCode::kInvalid,
                                name_of_fleet_key(key) +
                                    " is no text in UTF-8, and a fleet shares no other; a certificate or a list of "
                                    "revoked ones goes as PEM");
            }
        }
        const std::size_t bytes = file.text ? file.text->size() : 0;
        if (bytes > kMostBytes)
            return fail(ErrorCode::kInvalid,
                        fmt::format("{}: {} bytes are more than a fleet can have", name_of_fleet_key(key), bytes));
        if (proposal.files.size() == kMostFiles || size + bytes > kMostBytes) {
            const std::uint64_t before = proposal.number;
            WARREN_TRY(send());
            // It was sealed as the revision that has just been made.
            if (note.sealed != 0 && proposal.number != before) {
                note.sealed = proposal.number + 1;
                auto sealed = crypto::seal_text(here.at(key).content.reveal(), key, note.sealed, node.node.readers);
                if (!sealed) return tl::unexpected<Error>(sealed.error());
                file.text = std::move(*sealed);
            }
        }
        size += bytes;
        noted[key] = note;
        proposal.files.push_back(std::move(file));
    }
    return send();
}

// Conflicts are told. What both sides have changed alike is no change any more. False: there are conflicts.
bool compare(const Invocation& invocation, const Node& node, const FleetHere& here, const FleetConfiguration& fleet,
             FleetBase& base, std::set<std::string>& mine, Output& output) {
    bool is_clean = true;
    for (const FleetFile& theirs : fleet.changed) {
        const auto known = base.files.find(theirs.key);
        if (!mine.contains(theirs.key) || (known != base.files.end() && known->second.changed == theirs.changed))
            continue;
        const auto found = here.find(theirs.key);
        const auto decoded = decode_fleet_file(theirs, node.node.name, node.key, fleet.number, base);
        if (decoded && found != here.end() && decoded->content == found->second.content) {
            base.files[theirs.key] = {hash_of(decoded->content.reveal()), theirs.changed, decoded->sealed};
            base.problems.erase(theirs.key);
            mine.erase(theirs.key);
            continue;
        }
        is_clean = false;
        output.err << fmt::format("{}: {}\n", name_of_fleet_key(theirs.key), change_of(invocation, theirs.changed));
    }
    for (const std::string& key : std::set(mine)) {
        if (!base.files.contains(key) || fleet.keys.contains(key)) continue;
        if (!here.contains(key)) {
            forget_file(base, key);
            mine.erase(key);
            continue;
        }
        is_clean = false;
        output.err << name_of_fleet_key(key) << ": removed in the fleet\n";
    }
    return is_clean;
}

// A fleet shares customers/ID.toml only.
Status check_levels(const std::string& config_dir) {
    const config::CustomerFiles files = config::list_customer_files(config_dir);
    if (!files.complete) return fail(ErrorCode::kFailed, config::format(files.diagnostics.front()));
    for (const std::string& id : files.ids) {
        if (config::level_of(id) > 1)
            return fail(ErrorCode::kInvalid,
                        fmt::format("{} is of a reseller, and a fleet does not share those; accepted: only "
                                    "customers/ID.toml",
                                    config::customer_file(id)));
    }
    return {};
}

// `question`: what has to be agreed to first; then nothing was put.
int put_edited(const Invocation& invocation, const std::string& removed, FleetBase base, std::string& question,
               Output& output) {
    auto here = read_fleet_here(invocation.config_dir);
    if (!here) return refuse(output, here.error());
    if (const Status all = check_levels(invocation.config_dir); !all)
        return complain(output, kFailed, "nothing was changed: " + all.error().what);
    std::set<std::string> mine = edited_files(*here, base);
    if (!invocation.only.empty()) {
        const auto customers = customers_by_file(invocation.config_dir);
        std::erase_if(mine, [&](const std::string& key) {
            const auto named = customers.find(key);
            return key != "customers/" + invocation.only &&
                   (named == customers.end() || !named->second.contains(invocation.only));
        });
    }
    if (mine.empty()) return kDone;
    if (!invocation.remove) question = removal_question(*here, base, mine, removed);
    if (!question.empty()) return kAnswerIsNo;
    if (!invocation.confirm_within.empty())
        return complain(output, kFailed, "--confirm-within is not there yet for a fleet's configuration");
    if (!is_valid(invocation, mine, output)) return kAnswerIsNo;
    const auto node = read_node(invocation);
    if (!node) return refuse(output, node.error());
    const auto fleet = read_fleet(invocation.run_dir, base);
    if (!fleet) return refuse(output, with_context("nothing was changed", fleet.error()).value());
    if (!compare(invocation, *node, *here, *fleet, base, mine, output))
        return complain(output, kFailed,
                        "nothing was changed: these files have been changed both here and in the fleet; `vpnctl fleet "
                        "theirs NAME` takes the fleet's, `vpnctl fleet ours NAME` keeps the one here");
    base.number = next_number(*fleet, base);
    // Whatever ends this command then: what the fleet has is to be brought into force here.
    const std::set<std::string> unapplied = base.unapplied;
    base.unapplied.insert(mine.begin(), mine.end());
    if (!base.files.empty()) {
        if (const Status written = write_fleet_base(invocation.config_dir, base); !written)
            return refuse(output, written.error());
    }
    const Status done = put(invocation, *node, *here, mine, fleet->number_changed, base);
    if (!done && done.error().code == ErrorCode::kConflict) {
        const std::set<std::string> left = edited_files(*here, base);
        std::erase_if(base.unapplied, [&](const std::string& key) { return left.contains(key); });
        base.unapplied.insert(unapplied.begin(), unapplied.end());
    }
    if (!base.files.empty()) {
        if (const Status written = write_fleet_base(invocation.config_dir, base); !written)
            return refuse(output, written.error());
    }
    if (!done)
        return refuse(output, done.error().code == ErrorCode::kConflict
                                  ? Error{ErrorCode::kConflict,
                                          "somebody else changed the fleet at the same moment; "
                                          "the same again"}
                                  : done.error());
    if (!mine.empty())
        output.out << fmt::format("revision {} of the fleet: {} file{}\n", base.number, mine.size(),
                                  mine.size() == 1 ? "" : "s");
    return kDone;
}

// The lock is not held while somebody is asked.
int put_locked(const Invocation& invocation, const std::string& removed, std::string& question, Output& output) {
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return refuse(output, lock.error());
    auto base = read_fleet_base(invocation.config_dir);
    if (!base) return refuse(output, base.error());
    return *base ? put_edited(invocation, removed, std::move(**base), question, output) : kDone;
}

}  // namespace

PutIntoFleet put_into_fleet(const Invocation& invocation, const std::string& removed, Output& output) {
    if (const auto known = read_fleet_base(invocation.config_dir); known && !*known) return {kDone, false};
    std::string question;
    const int status = put_locked(invocation, removed, question, output);
    if (question.empty()) return {status, false};
    const bool may_ask = !invocation.json;
    if (!may_ask || !agrees("remove " + question + " from every node of the fleet", output))
        return {complain(output, kAnswerIsNo,
                         fmt::format("nothing applied: it would remove {} from every node of the fleet; if that is "
                                     "right: vpnctl apply{} --remove",
                                     question, invocation.only.empty() ? "" : " --only " + invocation.only)),
                false};
    Invocation agreed = invocation;
    agreed.remove = true;
    return {put_locked(agreed, removed, question, output), true};
}

int init_fleet(const Invocation& invocation, Output& output) {
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return refuse(output, lock.error());
    const auto base = read_fleet_base(invocation.config_dir);
    if (!base) return refuse(output, base.error());
    if (*base) return complain(output, kFailed, "this node's configuration is the fleet's already");
    const auto fleet = fleet_configuration(invocation.run_dir, 0);
    if (!fleet) return refuse(output, fleet.error());
    if (fleet->number != 0)
        return complain(
            output, kFailed,
            fmt::format("the fleet has a configuration, revision {}: `vpnctl fleet join` takes it", fleet->number));
    std::string question;
    return put_edited(invocation, "", {}, question, output);
}

int join_fleet(const Invocation& invocation, Output& output) {
    {
        const auto lock = lock_configuration(invocation.config_dir);
        if (!lock) return refuse(output, lock.error());
        const auto base = read_fleet_base(invocation.config_dir);
        if (!base) return refuse(output, base.error());
        if (*base) return complain(output, kFailed, "this node's configuration is the fleet's already");
        if (const Status all = check_levels(invocation.config_dir); !all)
            return complain(output, kFailed, "not joined: " + all.error().what);
        if (const auto node = read_node(invocation); !node) return refuse(output, node.error());
        const auto fleet = fleet_configuration(invocation.run_dir, 0);
        if (!fleet) return refuse(output, fleet.error());
        if (fleet->number == 0)
            return complain(output, kFailed,
                            "the fleet has no configuration yet: `vpnctl fleet init` on the first node");
        const auto here = read_fleet_here(invocation.config_dir);
        if (!here) return refuse(output, here.error());
        bool is_clean = true;
        for (const auto& [key, file] : *here) {
            if (fleet->keys.contains(key)) continue;
            is_clean = false;
            output.err << name_of_fleet_key(key) << ": it is here, and the fleet does not have it\n";
        }
        if (!is_clean)
            return complain(output, kFailed,
                            "not joined: the next apply would put these files into the fleet, also those that were "
                            "removed there; move them away, and bring back afterwards what is to be there");
        if (const Status written = write_fleet_base(invocation.config_dir, {}); !written)
            return refuse(output, written.error());
    }
    return take_from_fleet(invocation, output);
}

int follow_fleet(const Invocation& invocation, Output& output) {
    constexpr auto kPause = std::chrono::seconds(2);
    std::string problem;
    std::string paper_problem;
    while (true) {
        const auto base = read_fleet_base(invocation.config_dir);
        const Status waited = base && *base ? Status() : fail(ErrorCode::kNotFound, "this node has not joined");
        Status done = waited;
        if (done) {
            (void)take_from_fleet(invocation, output);
            const Status papers = exchange_papers(invocation, output);
            const std::string now = papers ? "" : papers.error().what;
            if (std::exchange(paper_problem, now) != now && !now.empty())
                output.err << "vpnctl: " << printable(now) << std::endl;
            done = wait_for_fleet(invocation.run_dir);
        }
        const std::string now = done ? "" : done.error().what;
        if (std::exchange(problem, now) != now && !now.empty()) output.err << "vpnctl: " << now << std::endl;
        if (!done) std::this_thread::sleep_for(kPause);
    }
}

int seal_for_fleet(const Invocation& invocation, Output& output) {
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return refuse(output, lock.error());
    auto base = read_fleet_base(invocation.config_dir);
    if (!base) return refuse(output, base.error());
    if (!*base) return complain(output, kFailed, "this node's configuration is not a fleet's");
    auto here = read_fleet_here(invocation.config_dir);
    if (!here) return refuse(output, here.error());
    const auto node = read_node(invocation);
    if (!node) return refuse(output, node.error());
    const std::set<std::string> edited = edited_files(*here, **base);
    std::set<std::string> secrets;
    const auto fleet = read_fleet(invocation.run_dir, **base);
    if (!fleet) return refuse(output, fleet.error());
    std::set<std::string> newer;  // than the one here
    for (const FleetFile& file : fleet->changed) {
        const auto known = (*base)->files.find(file.key);
        if (known != (*base)->files.end() && known->second.changed != file.changed) newer.insert(file.key);
    }
    for (const auto& [key, file] : *here) {
        if (!is_secret_key(key)) continue;
        if (edited.contains(key) || newer.contains(key) || !fleet->keys.contains(key)) {
            output.err << name_of_fleet_key(key) << ": left out, as it is not the fleet's here\n";
        } else {
            secrets.insert(key);
        }
    }
    (*base)->number = next_number(*fleet, **base);
    const Status done = put(invocation, *node, *here, secrets, fleet->number_changed, **base);
    if (const Status written = write_fleet_base(invocation.config_dir, **base); !written)
        return refuse(output, written.error());
    if (!done) return refuse(output, done.error());
    output.out << fmt::format("{} secrets are sealed to {} nodes\n", secrets.size(), node->node.readers.size());
    return kDone;
}

namespace {

// The fleet has it no more.
int settle_removed(const Invocation& invocation, const std::string& key, bool ours, FleetBase& base, Output& output) {
    const std::string path = invocation.config_dir + "/" + file_of_fleet_key(key);
    if (!ours) {
        // Before the file goes: it is to be brought into force whatever happens to this command.
        base.unapplied.insert(key);
        if (const Status written = write_fleet_base(invocation.config_dir, base); !written)
            return refuse(output, written.error());
        if (::unlink(path.c_str()) != 0 && errno != ENOENT)
            return refuse(output, fail_errno("remove " + path, errno).value());
    }
    forget_file(base, key);
    if (const Status written = write_fleet_base(invocation.config_dir, base); !written)
        return refuse(output, written.error());
    output.out << (ours ? "the next apply puts the file of this node into the fleet\n"
                        : "the file is removed; `vpnctl apply` brings that into force\n");
    return kDone;
}

}  // namespace

int settle_fleet_file(const Invocation& invocation, const std::string& name, bool ours, Output& output) {
    const auto lock = lock_configuration(invocation.config_dir);
    if (!lock) return refuse(output, lock.error());
    auto base = read_fleet_base(invocation.config_dir);
    if (!base) return refuse(output, base.error());
    if (!*base) return complain(output, kFailed, "this node's configuration is not a fleet's");
    const auto fleet = fleet_configuration(invocation.run_dir, 0);
    if (!fleet) return refuse(output, fleet.error());
    for (const FleetFile& file : fleet->changed) {
        if (name_of_fleet_key(file.key) != name) continue;
        FleetBase::File& known = (*base)->files[file.key];
        if (ours) {
            known = {"the fleet's", file.changed, known.sealed};
            (*base)->problems.erase(file.key);
        } else {
            const auto node = read_node(invocation);
            if (!node) return refuse(output, node.error());
            const Status taken = take_one_file(invocation, file, node->node.name, node->key, fleet->number, **base);
            if (!taken) return refuse(output, taken.error());
        }
        if (const Status written = write_fleet_base(invocation.config_dir, **base); !written)
            return refuse(output, written.error());
        output.out << (ours ? "the next apply puts the file of this node into the fleet\n"
                            : "the file is the fleet's; `vpnctl apply` brings it into force\n");
        return kDone;
    }
    for (const auto& [key, file] : std::map((*base)->files)) {
        if (name_of_fleet_key(key) == name && !fleet->keys.contains(key))
            return settle_removed(invocation, key, ours, **base, output);
    }
    return complain(output, kFailed, "the fleet has no file \"" + name + "\"");
}

int show_fleet_key(const Invocation& invocation, Output& output) {
    const auto node = read_fleet_node(invocation.config_dir, false);
    if (!node) return refuse(output, node.error());
    const auto key = own_fleet_key(invocation.config_dir);
    if (!key) return refuse(output, key.error());
    output.out << fmt::format("{} {}\n", node->name, crypto::to_base64(crypto::public_key_of(*key)));
    return kDone;
}

void show_fleet_files(const Invocation& invocation, Output& output) {
    const auto base = read_fleet_base(invocation.config_dir);
    if (!base || !*base) return;
    output.out << fmt::format(
        "configuration: revision {}{}{}\n", (*base)->number, (*base)->unapplied.empty() ? "" : ", not applied here yet",
        (*base)->unapplied.empty() || (*base)->refusal.empty() ? "" : ": " + printable((*base)->refusal));
    const auto here = read_fleet_here(invocation.config_dir);
    if (!here) return;
    for (const std::string& key : edited_files(*here, **base)) {
        if (!(*base)->problems.contains(key))
            output.out << fmt::format("{}: edited here, and not applied\n", printable(name_of_fleet_key(key)));
    }
    for (const auto& [key, why] : (*base)->problems)
        output.out << fmt::format("{}: {}\n", printable(name_of_fleet_key(key)), printable(why));
}

}  // namespace warren::ctl
