#include "ctl/files/fleet_base.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/json_members.h"
#include "config/document.h"
#include "config/parse.h"
#include "crypto/sha.h"
#include "ctl/files/backup.h"
#include "ctl/files/files.h"
#include "ctl/files/roster.h"

namespace warren::ctl {

namespace {

using nlohmann::json;
using Kind = config::Node::Kind;

constexpr std::string_view kCustomers = "customers/";
constexpr std::string_view kToml = ".toml";
constexpr std::string_view kTemporary = ".new";                            // of replace_file
constexpr std::size_t kMostKey = 300;                                      // fleet/records/configuration.cc
constexpr std::size_t kMostPart = 255 - kToml.size() - kTemporary.size();  // a name in Linux has 255 bytes

bool is_part(std::string_view part) {
    return !part.empty() && part.front() != '.' && part.size() <= kMostPart && !part.ends_with(kTemporary) &&
           std::all_of(part.begin(), part.end(), [](char letter) {
               return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                      (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' || letter == '-';
           });
}

FleetBase base_of(const json& document) {
    FleetBase out;
    out.revision = number_of(document, "revision");
    out.number = number_of(document, "number");
    out.refusal = text_of(document, "refusal");
    out.removed_sealed = number_of(document, "removed_sealed");
    const auto unapplied = document.find("unapplied");
    if (unapplied != document.end() && unapplied->is_array()) {
        for (const json& key : *unapplied) {
            if (key.is_string()) out.unapplied.insert(key.get<std::string>());
        }
    }
    const auto files = document.find("files");
    if (files != document.end() && files->is_object()) {
        for (const auto& [key, file] : files->items()) {
            if (file.is_object())
                out.files[key] = {text_of(file, "hash"), number_of(file, "changed"), number_of(file, "sealed")};
        }
    }
    const auto problems = document.find("problems");
    if (problems != document.end() && problems->is_object()) {
        for (const auto& [key, why] : problems->items()) {
            if (why.is_string()) out.problems[key] = why.get<std::string>();
        }
    }
    return out;
}

}  // namespace

Result<std::optional<FleetBase>> read_fleet_base(const std::string& config_dir) {
    const std::string path = config_dir + "/fleet.base";
    const auto text = read_text(path);
    if (!text) return tl::unexpected<Error>(text.error());
    if (text->empty() && ::access(path.c_str(), F_OK) != 0) return std::optional<FleetBase>();
    const json document = json::parse(*text, nullptr, false);
    if (!document.is_object()) return fail(ErrorCode::kInvalid, path + " is damaged; see docs/fleet.md");
    return std::optional(base_of(document));
}

Status write_fleet_base(const std::string& config_dir, const FleetBase& base) {
    json files = json::object();
    for (const auto& [key, file] : base.files) {
        files[key] = {{"hash", file.hash}, {"changed", file.changed}};
        if (file.sealed != 0) files[key]["sealed"] = file.sealed;
    }
    const json document{{"revision", base.revision},
                        {"number", base.number},
                        {"unapplied", base.unapplied},
                        {"refusal", base.refusal},
                        {"removed_sealed", base.removed_sealed},
                        {"files", files},
                        {"problems", base.problems}};
    return replace_file(config_dir + "/fleet.base",
                        document.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

std::optional<std::string> fleet_key_of(std::string_view file) {
    if (file == "warren.toml") return "appliance";
    if (file == "users.toml") return "users";
    if (file.starts_with(kCustomers)) {
        if (!file.ends_with(kToml)) return std::nullopt;
        return std::string(file.substr(0, file.size() - kToml.size()));
    }
    return std::string(file);
}

bool is_fleet_key(std::string_view key) {
    const std::string name = file_of_fleet_key(key);
    if (key.size() > kMostKey || !is_backup_name(name) || fleet_key_of(name) != key) return false;
    if (key.starts_with(kCustomers)) return config::is_customer_name(key.substr(kCustomers.size()));
    while (true) {
        const std::size_t slash = key.find('/');
        if (!is_part(key.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        key.remove_prefix(slash + 1);
    }
}

std::string file_of_fleet_key(std::string_view key) {
    if (key == "appliance") return "warren.toml";
    if (key == "users") return "users.toml";
    return std::string(key) + (key.starts_with(kCustomers) ? std::string(kToml) : "");
}

bool is_secret_key(std::string_view key) {
    return key == "users" || key.starts_with("secrets/");
}

std::string name_of_fleet_key(std::string_view key) {
    return key.starts_with(kCustomers) ? std::string(key.substr(kCustomers.size())) : file_of_fleet_key(key);
}

std::string hash_of(Bytes content) {
    std::array<std::uint8_t, 32> digest{};
    crypto::digest(crypto::Sha::kSha256, {content}, digest);
    std::string out;
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const std::uint8_t byte : digest) {
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
    return out;
}

Result<FleetNode> read_fleet_node(const std::string& config_dir, bool needs_readers) {
    config::Source source{config_dir + "/fleet.toml", "", "", {}};
    auto text = read_text(source.file);
    if (!text) return tl::unexpected<Error>(text.error());
    if (text->empty()) return fail(ErrorCode::kNotFound, "this node is in no fleet: there is no " + source.file);
    source.text = std::move(*text);
    std::vector<config::Diagnostic> diagnostics;
    if (!config::read_document(source, diagnostics)) return fail(ErrorCode::kInvalid, source.file + " is no TOML");
    FleetNode out;
    const auto text_at = [&source](const char* key) {
        const config::Node* node = source.root.find(key);
        return node != nullptr && node->kind == Kind::kString ? node->text : std::string();
    };
    out.name = text_at("node");
    out.etcd = text_at("etcd");
    out.authority = text_at("etcd_ca");
    out.certificate = text_at("etcd_certificate");
    out.text = source.text;
    if (!needs_readers) return out;
    const auto roster = read_text(config_dir + "/fleet.nodes");
    if (!roster) return tl::unexpected<Error>(roster.error());
    if (!roster->empty()) {
        auto listed = parse_roster(*roster);
        if (!listed) return with_context(config_dir + "/fleet.nodes", listed.error());
        out.readers = std::move(listed->readers);
        if (!out.readers.contains(out.name))
            return fail(ErrorCode::kInvalid,
                        config_dir + "/fleet.nodes: this node, " + out.name + ", is not among the fleet's");
        return out;
    }
    const config::Node* nodes = source.root.find("nodes");
    if (nodes == nullptr || nodes->kind != Kind::kArray)
        return fail(ErrorCode::kInvalid, source.file +
                                             ": `nodes` is missing: a list of what `vpnctl fleet key` prints "
                                             "on each node");
    for (const config::Node& item : nodes->items) {
        const std::size_t space = item.text.find(' ');
        const auto key = space == std::string::npos
                             ? std::nullopt
                             : crypto::parse_public_key(std::string_view(item.text).substr(space + 1));
        if (!key)
            return fail(ErrorCode::kInvalid,
                        source.file + ": nodes: accepted: what `vpnctl fleet key` prints, such as \"vie-1 BASE64\"");
        out.readers[item.text.substr(0, space)] = *key;
    }
    if (!out.readers.contains(out.name))
        return fail(ErrorCode::kInvalid, source.file + ": nodes: this node, " + out.name + ", is not among them");
    return out;
}

Result<crypto::PrivateKey> read_fleet_key(const std::string& config_dir) {
    auto text = read_text(config_dir + "/fleet.key");
    if (!text) return tl::unexpected<Error>(text.error());
    std::string_view line = *text;
    while (line.ends_with('\n')) line.remove_suffix(1);
    auto secret = crypto::parse_secret_key(line);
    crypto::wipe({reinterpret_cast<std::uint8_t*>(text->data()), text->size()});
    if (!secret) return fail(ErrorCode::kNotFound, "this node has no key yet: `vpnctl fleet key` makes it");
    return crypto::PrivateKey{std::move(*secret)};
}

}  // namespace warren::ctl
