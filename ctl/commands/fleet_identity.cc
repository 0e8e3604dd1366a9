#include "ctl/commands/fleet_identity.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/ip.h"
#include "config/edit/edit.h"
#include "crypto/authority.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "ctl/command.h"
#include "ctl/files/files.h"
#include "ctl/files/fleet_base.h"

namespace warren::ctl {

namespace {

std::string in_url(const std::string& address) {
    return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

constexpr unsigned kMostWeight = 100;  // fleet/ownership/rank.h

bool is_letter_or_digit(char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9');
}

}  // namespace

FleetPaths fleet_paths(const std::string& config_dir) {
    const std::string directory = config_dir + "-fleet";
    return {directory,
            directory + "/ca.pem",
            directory + "/ca.key",
            directory + "/fleetd.pem",
            directory + "/fleetd.key",
            directory + "/etcd.pem",
            directory + "/etcd.key",
            directory + "/etcd.env"};
}

Result<crypto::PrivateKey> own_fleet_key(const std::string& config_dir) {
    auto key = read_fleet_key(config_dir);
    if (key || key.error().code != ErrorCode::kNotFound) return key;
    crypto::SystemRandom random;
    crypto::PrivateKey made = crypto::generate_private_key(random);
    const crypto::Secret<44> text = crypto::to_base64(made);
    const auto bytes = text.reveal();
    WARREN_TRY(create_file(config_dir + "/fleet.key",
                           std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), 0600));
    return made;
}

Result<crypto::SecretBuffer> read_key_file(const std::string& path) {
    auto text = read_text(path);
    if (!text) return tl::unexpected<Error>(text.error());
    if (text->empty()) return fail(ErrorCode::kNotFound, "there is no " + path);
    crypto::SecretBuffer key(as_bytes(*text));
    crypto::wipe({reinterpret_cast<std::uint8_t*>(text->data()), text->size()});
    return key;
}

Result<crypto::SecretBuffer> own_key(const std::string& path, const std::string& user) {
    FileOwner owner;
    const passwd* entry = user.empty() ? nullptr : ::getpwnam(user.c_str());
    if (entry != nullptr) owner = {entry->pw_uid, entry->pw_gid};
    auto key = read_key_file(path);
    if (key && entry != nullptr && ::lchown(path.c_str(), entry->pw_uid, entry->pw_gid) != 0)
        return fail_errno("give " + path + " to " + user, errno);
    if (key || key.error().code != ErrorCode::kNotFound) return key;
    auto made = crypto::make_key();
    if (!made) return made;
    const Bytes bytes = made->reveal();
    WARREN_TRY(
        replace_file(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), 0400, owner));
    return made;
}

bool is_node_name(std::string_view text) {
    return !text.empty() && text.size() <= 63 && text.front() != '-' &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

// Members that were made by hand may have names such as that of their machine.
bool is_member_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char letter) {
        return is_letter_or_digit(letter) || letter == '.' || letter == '_' || letter == '-';
    });
}

bool is_member_url(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char letter) {
        return is_letter_or_digit(letter) || std::string_view(".-:/[]").find(letter) != std::string_view::npos;
    });
}

bool is_member_id(std::string_view text) {
    return !text.empty() && text.size() <= 20 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_cluster(std::string_view text) {
    while (true) {
        const std::string_view member = text.substr(0, text.find(','));
        const std::size_t sign = member.find('=');
        if (sign == std::string_view::npos || !is_member_name(member.substr(0, sign)) ||
            !is_member_url(member.substr(sign + 1)))
            return false;
        if (member.size() == text.size()) return true;
        text.remove_prefix(member.size() + 1);
    }
}

std::string missing_owner(const std::string& path, const std::string& user) {
    if (::getpwnam(user.c_str()) != nullptr) return "";
    return "there is no user " + user + ", so " + path + " is root's; install the program, then chown it";
}

std::string peer_url(const std::string& address) {
    return "https://" + in_url(address) + ":2380";
}

std::string etcd_settings(const FleetPaths& paths, const EtcdMember& own, const std::string& cluster, bool is_new) {
    const std::string client = fmt::format("https://{}:{}", in_url(own.address), kEtcdPort);
    std::string out =
        "# Of etcd on this node of the fleet; read by etcd.service. What is not listed is as in etcd itself.\n";
    const auto set = [&out](std::string_view name, std::string_view value) {
        out += fmt::format("ETCD_{}={}\n", name, value);
    };
    set("NAME", own.name);
    // Not the directory in which Debian's etcd begins a cluster of its own when it is installed.
    set("DATA_DIR", "/var/lib/etcd/warren" + (own.id.empty() ? "" : "-" + own.id));
    set("LISTEN_PEER_URLS", peer_url(own.address));
    set("INITIAL_ADVERTISE_PEER_URLS", peer_url(own.address));
    set("LISTEN_CLIENT_URLS", client + fmt::format(",https://127.0.0.1:{}", kEtcdPort));
    set("ADVERTISE_CLIENT_URLS", client);
    set("INITIAL_CLUSTER", cluster);
    set("INITIAL_CLUSTER_STATE", is_new ? "new" : "existing");
    for (const char* kind : {"", "PEER_"}) {
        set(std::string(kind) + "CLIENT_CERT_AUTH", "true");
        set(std::string(kind) + "TRUSTED_CA_FILE", paths.authority);
        set(std::string(kind) + "CERT_FILE", paths.etcd_certificate);
        set(std::string(kind) + "KEY_FILE", paths.etcd_key);
    }
    set("AUTO_COMPACTION_MODE", "periodic");
    set("AUTO_COMPACTION_RETENTION", "5m");
    set("QUOTA_BACKEND_BYTES", "2147483648");
    set("PRE_VOTE", "true");
    return out;
}

Result<std::string> with_keys(std::string text, const std::vector<std::pair<std::string, std::string>>& keys) {
    for (const auto& [key, value] : keys) {
        const config::Operation operation =
            value.empty() ? config::Operation(config::RemoveKey{{}, key})
                          : config::Operation(config::SetKey{{}, key, fmt::format("\"{}\"", value)});
        auto next = config::edit(text, operation);
        if (!next && value.empty() && next.error().code == ErrorCode::kNotFound) continue;
        if (!next) return with_context("fleet.toml", next.error());
        text = std::move(*next);
    }
    return text;
}

std::string place_problem(const FleetOptions& options) {
    if (!options.weight.empty()) {
        unsigned weight = 0;
        const char* const last = options.weight.data() + options.weight.size();
        const auto [end, error] = std::from_chars(options.weight.data(), last, weight);
        if (error != std::errc() || end != last || weight < 1 || weight > kMostWeight || options.weight.front() == '0')
            return "--weight: accepted: 1 to 100";
    }
    if (!options.zone.empty() && !is_node_name(options.zone))
        return "--zone: accepted: a name of a-z, 0-9 and -, at most 63 characters";
    return "";
}

Result<std::string> with_place(std::string text, const FleetOptions& options) {
    if (!options.weight.empty()) {
        auto next = config::edit(text, config::SetKey{{}, "weight", options.weight});
        if (!next) return with_context("fleet.toml", next.error());
        text = std::move(*next);
    }
    if (options.zone.empty()) return text;
    return with_keys(std::move(text), {{"zone", options.zone}});
}

}  // namespace warren::ctl
