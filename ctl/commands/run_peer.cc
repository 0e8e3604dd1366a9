// peer: a site or device of WireGuard in a customer's file
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "amend/new_peer.h"
#include "base/clock.h"
#include "base/utc_text.h"
#include "clients/profile.h"
#include "config/edit/edit.h"
#include "config/moment.h"
#include "config/parse.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/commands/change.h"
#include "ctl/commands/profile_output.h"
#include "ctl/commands/request.h"
#include "ctl/commands/rotate.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/new_secrets.h"
#include "ctl/runners.h"
#include "ctl/show/text_views.h"

namespace warren::ctl {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTable = "wireguard.peer";

std::string_view view_of(const crypto::Secret<44>& text) {
    return {reinterpret_cast<const char*>(text.reveal().data()), text.kSize};
}

std::vector<std::string> texts_of(const std::vector<Prefix>& networks) {
    std::vector<std::string> out;
    for (const Prefix& network : networks) out.push_back(to_string(network));
    return out;
}

// `peer add`, which may have to write its file twice and is undone as a whole.
class Addition {
  public:
    Addition(const Invocation& invocation, Output& output)
        : invocation_(invocation),
          output_(output),
          options_(invocation.change),
          customer_(invocation.arguments[1]),
          name_(invocation.arguments[2]),
          secrets_(invocation.config_dir),
          profile_output_(invocation) {}

    int run() {
        if (const std::string problem = profile_output_.problem(); !problem.empty())
            return complain(output_, kUsage, problem);
        if (const std::string problem = problem_of_expiry(); !problem.empty())
            return complain(output_, kUsage, problem);
        make_keys();
        CustomerChange change;
        change.id = customer_;
        change.edit = [this](const std::string& text, const config::Customer& now) { return edited(text, now); };
        change.before_writing = [this](const config::Loaded& next) { return write_profile(next); };
        if (const int status = write_customer(change, invocation_, output_); status != kDone) {
            profile_output_.take_back();
            return status;
        }
        secrets_.keep();
        report();
        Output to_errors{output_.err, output_.err};
        return apply_change(invocation_, "", to_errors);
    }

  private:
    [[nodiscard]] bool makes_profile() const { return options_.public_key.empty(); }

    // "": none, or one to come. Whether a file may say it is checked with the file.
    [[nodiscard]] std::string problem_of_expiry() const {
        const std::string& text = options_.expires;
        if (text.empty()) return {};
        const auto moment = parse_utc(text);
        if (!moment)
            return fmt::format("--expires: \"{}\" is no date; accepted: 2027-03-31, or 2027-03-31T17:30:00Z (UTC)",
                               text);
        if (*moment <= read_wall_clock()) return fmt::format("--expires: {} is in the past", text);
        return {};
    }

    void make_keys() {
        crypto::SystemRandom random;
        public_key_ = options_.public_key;
        if (makes_profile()) {
            const auto pair = crypto::key_pair_of(crypto::generate_private_key(random));
            private_key_ = crypto::to_base64(pair.private_key);
            public_key_ = crypto::to_base64(pair.public_key);
        }
        if (options_.psk) random.fill(psk_.secret.writable());
    }

    Result<std::string> edited(const std::string& text, const config::Customer& now) {
        auto networks = networks_of(now);
        if (!networks) return tl::unexpected<Error>(networks.error());
        networks_ = std::move(*networks);
        of_all_ = amend::count_text(now);
        if (options_.psk && psk_name_.empty()) {
            const auto line = crypto::to_base64(crypto::PrivateKey{psk_.secret.clone()});
            auto made = secrets_.add(customer_, name_, ".psk", view_of(line));
            if (!made) return made;
            psk_name_ = *made;
        }
        return amend::with_peer(text, {name_, options_.description, public_key_, psk_name_, networks_, options_.expires,
                                       options_.endpoint, options_.keepalive});
    }

    // The device's addresses, and the networks behind it.
    Result<std::vector<Prefix>> networks_of(const config::Customer& now) const {
        std::vector<Prefix> out;
        if (options_.addresses.empty()) {
            auto free = amend::next_addresses(now);
            if (!free) return free;
            out = std::move(*free);
        }
        for (const std::string& text : options_.addresses) {
            if (text == "none") continue;
            const auto address = parse_prefix(text);
            if (!address || address->length != address->address.bits())
                return fail(ErrorCode::kInvalid, fmt::format("--address: \"{}\" is no single address, nor none", text));
            const auto ours = clients::networks_of_devices(now);
            const bool is_ours = std::any_of(ours.begin(), ours.end(), [&address](const Prefix& network) {
                return network.contains(address->address);
            });
            if (!is_ours)
                return fail(ErrorCode::kInvalid,
                            fmt::format("--address: {} is in no network of {} ({}); what is behind the peer is for "
                                        "--network",
                                        text, customer_, fmt::join(texts_of(ours), ", ")));
            out.push_back(*address);
        }
        for (const std::string& text : options_.networks) {
            const auto network = parse_prefix(text);
            if (!network) return fail(ErrorCode::kInvalid, fmt::format("--network: \"{}\" is no network", text));
            out.push_back(*network);
        }
        return out;
    }

    Status write_profile(const config::Loaded& next) {
        if (!makes_profile()) return {};
        auto text = profile_text(next, customer_, name_, view_of(private_key_));
        if (!text) return tl::unexpected<Error>(text.error());
        profile_ = std::move(*text);
        return profile_output_.write(profile_);
    }

    void report() const {
        const std::string networks = fmt::format("{}", fmt::join(texts_of(networks_), ", "));
        if (invocation_.json) {
            // What was asked for in a file is not in the log of who runs this, too.
            const bool is_in_file = !options_.out.empty() || !options_.svg.empty();
            const Json profile = is_in_file ? Json(nullptr) : Json(profile_.text());
            output_.out << Json{{"customer", customer_},
                                {"name", name_},
                                {"public_key", public_key_},
                                {"allowed_ips", texts_of(networks_)},
                                {"profile", profile}}
                               .dump(2)
                        << '\n';
            return;
        }
        if (makes_profile()) profile_output_.print(profile_, output_);
        output_.err << fmt::format("vpnctl: {} has a new peer {} {}{}\n", customer_, name_,
                                   networks.empty() ? "without any address" : "with " + networks, of_all_);
        if (makes_profile()) output_.err << "vpnctl: its private key is stored nowhere else\n";
    }

    const Invocation& invocation_;
    Output& output_;
    const ChangeOptions& options_;
    std::string customer_;
    std::string name_;
    NewSecrets secrets_;
    ProfileOutput profile_output_;
    crypto::Secret<44> private_key_;
    std::string public_key_;
    crypto::PresharedKey psk_;
    std::string psk_name_;
    std::vector<Prefix> networks_;
    std::string of_all_;  // how many peers there are now, and may be; "": any number
    SecretText profile_;
};

int change_peer(const Invocation& invocation, const config::Operation& operation, Output& output) {
    CustomerChange change;
    change.id = invocation.arguments[1];
    change.edit = [&](const std::string& text, const config::Customer& /*now*/) {
        return config::edit(text, operation);
    };
    if (const int status = write_customer(change, invocation, output); status != kDone) return status;
    return apply_change(invocation, "", output);
}

// What the file says is what is wanted. False also when it cannot be read: changing it tells why.
bool is_so_already(const Invocation& invocation, bool enabled) {
    const std::string& id = invocation.arguments[1];
    if (!customer_problem(id).empty()) return false;
    const std::string path = customer_path(invocation.config_dir, id);
    const auto file = read_state(path);
    if (!file || !file->exists) return false;
    std::vector<config::Diagnostic> ignored;
    const auto parsed = config::parse_customer(path, id, file->text, ignored);
    const auto& peers = parsed.value.peers;
    return std::any_of(peers.begin(), peers.end(), [&](const config::Peer& one) {
        return one.name == invocation.arguments[2] && one.enabled == enabled;
    });
}

// In the rules of the firewall as well, which name it.
Result<std::string> renamed_in_rules(std::string text, const config::Firewall& firewall, const std::string& before,
                                     const std::string& after) {
    const std::string named = "peer:" + before;
    for (const config::FirewallRule& rule : firewall.rules) {
        for (auto [key, ends] : {std::pair("from", rule.from), std::pair("to", rule.to)}) {
            if (std::find(ends.begin(), ends.end(), named) == ends.end()) continue;
            std::replace(ends.begin(), ends.end(), named, "peer:" + after);
            auto edited =
                config::edit(text, config::SetKey{{"firewall.rule", rule.name}, key, config::toml_strings(ends)});
            if (!edited) return with_context("rule " + rule.name, edited.error());
            text = std::move(*edited);
        }
    }
    return text;
}

int rename_peer(const Invocation& invocation, Output& output) {
    const std::string& before = invocation.arguments[2];
    const std::string& after = invocation.arguments[3];
    CustomerChange change;
    change.id = invocation.arguments[1];
    change.edit = [&](const std::string& text, const config::Customer& now) -> Result<std::string> {
        auto edited = config::edit(text, config::SetKey{{kTable, before}, "name", config::toml_string(after)});
        if (!edited) return edited;
        return renamed_in_rules(std::move(*edited), now.firewall, before, after);
    };
    if (const int status = write_customer(change, invocation, output); status != kDone) return status;
    return apply_change(invocation, "", output);
}

// What the file says, line by line, and what vpnd knows.
std::string facts_of(const config::Peer& peer, const config::Customer& customer) {
    std::string out = fmt::format("{}: peer {}{}\n", customer.id, peer.name, peer.enabled ? "" : " (disabled)");
    const auto line = [&out](std::string_view what, const std::string& text) {
        if (!text.empty()) out += fmt::format("  {:<22}{}\n", what, text);
    };
    line("description", peer.description);
    if (const auto* tunnel = std::get_if<config::WireguardTunnel>(&peer.tunnel)) {
        line("public key", crypto::to_base64(tunnel->public_key));
        if (tunnel->next_public_key) line("next public key", crypto::to_base64(*tunnel->next_public_key));
        line("preshared key", tunnel->preshared_key ? "secrets/" + tunnel->preshared_key->name : "none");
        if (tunnel->persistent_keepalive_seconds != 0)
            line("persistent keepalive", fmt::format("{} s", tunnel->persistent_keepalive_seconds));
    }
    line("allowed ips", fmt::format("{}", fmt::join(texts_of(peer.allowed_ips), ", ")));
    if (peer.endpoint) line("endpoint in the file", to_string(*peer.endpoint));
    if (peer.expires) line("expires", config::moment_text(*peer.expires));
    return out;
}

Json facts_json(const config::Peer& peer, const config::Customer& customer) {
    Json out{{"customer", customer.id},
             {"name", peer.name},
             {"description", peer.description},
             {"enabled", peer.enabled},
             {"allowed_ips", texts_of(peer.allowed_ips)}};
    out["expires"] = peer.expires ? Json(config::moment_text(*peer.expires)) : Json();
    if (const auto* tunnel = std::get_if<config::WireguardTunnel>(&peer.tunnel)) {
        out["public_key"] = crypto::to_base64(tunnel->public_key);
        out["next_public_key"] = tunnel->next_public_key ? Json(crypto::to_base64(*tunnel->next_public_key)) : Json();
        out["has_preshared_key"] = tunnel->preshared_key.has_value();
        out["persistent_keepalive"] = tunnel->persistent_keepalive_seconds;
    }
    return out;
}

int show(const Invocation& invocation, Output& output) {
    const std::string& id = invocation.arguments[1];
    if (const std::string problem = customer_problem(id); !problem.empty()) return complain(output, kUsage, problem);
    const std::string path = customer_path(invocation.config_dir, id);
    const auto file = read_state(path);
    if (!file) return complain(output, kFailed, file.error().what);
    if (!file->exists) return complain(output, kFailed, fmt::format("there is no customer {}: no {}", id, path));
    std::vector<config::Diagnostic> ignored;
    const auto parsed = config::parse_customer(path, id, file->text, ignored);
    const auto peer = std::find_if(parsed.value.peers.begin(), parsed.value.peers.end(),
                                   [&](const auto& one) { return one.name == invocation.arguments[2]; });
    if (peer == parsed.value.peers.end())
        return complain(output, kFailed, fmt::format("{} has no peer {} of WireGuard", id, invocation.arguments[2]));
    auto live = fetch_snapshot(invocation.run_dir, {id, true});
    std::vector<ipc::PeerSnapshot>* peers = live && live->customers.size() == 1 ? &live->customers[0].peers : nullptr;
    if (peers != nullptr) {
        std::erase_if(*peers, [&](const auto& one) { return one.settings.name != peer->name; });
        live->customers[0].connections.clear();
    }
    const bool is_asked = live || live.error().code == ErrorCode::kNotFound;
    const bool is_served = peers != nullptr && !peers->empty();
    if (invocation.json) {
        auto out = facts_json(*peer, parsed.value);
        out["served"] = is_asked ? Json(is_served) : Json();
        const ipc::PeerActivity* const activity = is_served ? &peers->front().activity : nullptr;
        const bool has_come = activity != nullptr && activity->latest_handshake != WallTime{};
        out["key_in_use"] = has_come ? Json(activity->uses_next_key ? "next" : "present") : Json();
        out["server_key_in_use"] = has_come ? Json(activity->uses_previous_identity ? "previous" : "present") : Json();
        output.out << out.dump(2) << '\n';
        return kDone;
    }
    output.out << facts_of(*peer, parsed.value);
    if (is_served) {
        output.out << '\n' << peers_text(*live, false);
    } else {
        output.out << (is_asked ? std::string("  not served now\n")
                                : fmt::format("  whether it is served is not known: {}\n", live.error().what));
    }
    return kDone;
}

}  // namespace

int run_peer(const Invocation& invocation, Output& output) {
    const std::vector<std::string>& words = invocation.arguments;
    const std::string& verb = words[0];
    const config::TableName peer{kTable, words[2]};
    if ((verb == "rename") != (words.size() == 4))
        return complain(output, kUsage, fmt::format("usage: {}", usage_of(*find_command("peer"))));
    if (verb == "add") return Addition(invocation, output).run();
    if (verb == "rm") return change_peer(invocation, config::RemoveElement{peer}, output);
    if (verb == "enable" || verb == "disable") {
        const std::string value = verb == "enable" ? "true" : "false";
        if (is_so_already(invocation, verb == "enable")) {
            output.out << fmt::format("{} of {} is {}d already\n", words[2], words[1], verb);
            return kDone;
        }
        return change_peer(invocation, config::SetKey{peer, "enabled", value}, output);
    }
    if (verb == "rename") return rename_peer(invocation, output);
    if (verb == "show") return show(invocation, output);
    if (verb == "rotate") return rotate_peer(invocation, output);
    if (verb == "reset")
        return request_from_stackd({ipc::ControlVerb::kResetPeer, std::nullopt, words[1], words[2]}, invocation,
                                   output);
    return complain(output, kUsage,
                    fmt::format("there is no \"peer {}\"; usage: {}", verb, usage_of(*find_command("peer"))));
}

}  // namespace warren::ctl
