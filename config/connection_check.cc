#include "config/connection_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "config/ipsec.h"
#include "config/proposals.h"
#include "config/tunnel_networks.h"

namespace warren::config {

namespace {

class ConnectionCheck {
  public:
    ConnectionCheck(const CheckedConnection& checked, std::vector<Diagnostic>& out)
        : checked_(checked), it_(checked.connection), path_(connection_path(checked.number)), out_(out) {}

    void check() {
        if (has_auth()) check_auth();
        check_start();
        check_children();
        check_algorithms();
        check_ppk();
        check_sessions();
    }

  private:
    [[nodiscard]] bool has(std::string_view key) const {
        return checked_.source.root.at(fmt::format("{}.{}", path_, key)) != nullptr;
    }
    // One that can be read.
    [[nodiscard]] bool has_auth() const { return written("auth") == fmt::format("\"{}\"", auth()); }
    void report(Severity severity, std::string_view key, std::string message) {
        out_.push_back(checked_.source.diagnose(severity, checked_.source.place_of(fmt::format("{}.{}", path_, key)),
                                                fmt::format("ipsec.connection.{}", std::move(message))));
    }
    void error(std::string_view key, std::string message) { report(Severity::kError, key, std::move(message)); }

    [[nodiscard]] std::string_view auth() const { return kIpsecAuthNames[static_cast<std::size_t>(it_.auth)]; }
    [[nodiscard]] bool is_eap() const { return it_.auth == IpsecAuth::kEapMschapv2 || it_.auth == IpsecAuth::kEapTls; }
    // It may be several peers'. One that cannot be read is reported elsewhere.
    [[nodiscard]] bool is_for_many() const {
        return it_.remote_identity && (it_.remote_identity->is_pattern || written("remote_identity") == "\"any\"");
    }

    void check_auth() {
        need_for("psk", IpsecAuth::kPsk);
        need_for("users", IpsecAuth::kEapMschapv2);
        const bool needs_identity = !is_eap();
        if (needs_identity && !has("remote_identity"))
            error("auth", fmt::format("remote_identity is missing: auth = \"{}\" needs it", auth()));
        if (it_.auth == IpsecAuth::kPsk && is_for_many()) {
            error("remote_identity",
                  fmt::format("remote_identity: {} cannot go with auth = \"psk\": one key for everybody lets each of "
                              "them play the hub; accepted: the identity of one peer",
                              written("remote_identity")));
        }
        if (it_.auth == IpsecAuth::kPsk) return;
        if (!checked_.ipsec.certificate && !checked_.has_gateway)
            error("auth",
                  fmt::format("auth: \"{}\" needs our certificate: ipsec.certificate and ipsec.private_key", auth()));
        if (it_.auth != IpsecAuth::kEapMschapv2 && checked_.ipsec.ca.empty())
            error("auth",
                  fmt::format("auth: \"{}\" needs ipsec.ca, which issues the certificates of the peers", auth()));
    }

    // A key that one way of proof has, and no other.
    void need_for(std::string_view key, IpsecAuth of) {
        const std::string_view name = kIpsecAuthNames[static_cast<std::size_t>(of)];
        if (it_.auth == of && !has(key)) error("auth", fmt::format("{} is missing: auth = \"{}\" needs it", key, name));
        if (it_.auth != of && has(key)) error(key, fmt::format("{} is for auth = \"{}\" only", key, name));
    }

    // As in the file.
    [[nodiscard]] std::string written(std::string_view key) const {
        const Node* const node = checked_.source.root.at(fmt::format("{}.{}", path_, key));
        return node == nullptr ? "" : fmt::format("\"{}\"", node->text);
    }

    void check_start() {
        if (it_.start == IpsecStart::kResponder) return;
        const auto refuse = [&](std::string_view why) {
            error("start", fmt::format("start: {} {}", written("start"), why));
        };
        if (!it_.pool.empty()) return refuse("cannot go with pool: clients begin");
        if (has_auth() && is_eap()) return refuse(fmt::format("cannot go with auth = \"{}\": clients begin", auth()));
        if (!has("remote_address")) refuse("needs remote_address, to which Warren initiates");
        if (is_for_many()) refuse("needs a remote_identity of one peer: Warren initiates to one address");
    }

    void check_children() {
        if (it_.children.empty()) return check_only_child();
        for (const std::string_view key : {"local", "remote", "routes"}) {
            if (has(key)) error(key, fmt::format("{} is for a connection without [[ipsec.connection.child]]", key));
        }
        if (has("pool")) error("pool", "pool cannot go with [[ipsec.connection.child]]; write local here");
        std::map<std::string, std::size_t> seen;
        for (std::size_t i = 0; i < it_.children.size(); ++i) {
            const Child& child = it_.children[i];
            const std::string at = fmt::format("child[{}]", i);
            const auto [found, is_new] = seen.try_emplace(child.name, i);
            if (!child.name.empty() && !is_new) {
                error(at + ".name",
                      fmt::format("child.name: \"{}\" is also at {}; a name occurs once per connection", child.name,
                                  checked_.source.cite(fmt::format("{}.child[{}].name", path_, found->second))));
            }
            check_routes(child.remote, child.routes, at + ".", "child.");
        }
    }

    void check_only_child() {
        if (it_.local.empty())
            error(has("local") ? "local" : "name",
                  "local is missing: the networks on our side that the peer may reach");
        if (it_.pool.empty() && it_.remote.empty())
            error(has("remote") ? "remote" : "name", "remote is missing: the networks on the peer's side, or a pool");
        for (const std::string_view key : {"remote", "routes"}) {
            if (!it_.pool.empty() && has(key))
                error(key, fmt::format("{} cannot go with pool: the remote side is the leased address", key));
        }
        if (it_.pool.empty()) check_routes(it_.remote, it_.routes, "", "");
    }

    void check_routes(const std::vector<Prefix>& remote, const std::vector<Prefix>& routes, const std::string& at,
                      std::string_view key) {
        for (std::size_t i = 0; i < routes.size(); ++i) {
            if (!readable(routes[i])) continue;
            const bool is_inside = std::any_of(remote.begin(), remote.end(), [&](const Prefix& wide) {
                return !readable(wide) || (wide.length <= routes[i].length && wide.contains(routes[i].address));
            });
            if (!is_inside && !remote.empty())
                error(fmt::format("{}routes[{}]", at, i),
                      fmt::format("{}routes: {} is in no network of remote, so its packets would be refused", key,
                                  to_string(routes[i])));
        }
    }

    void check_algorithms() {
        for (std::size_t i = 0; i < it_.ike.size(); ++i) {
            if (!is_weak(it_.ike[i])) continue;
            const std::string at = fmt::format("ike[{}]", i);
            if (checked_.takes_legacy) {
                report(Severity::kWarning, at, fmt::format("ike: {} is weak (RFC 8247)", written(at)));
            } else {
                error(at, fmt::format("ike: {} is weak (RFC 8247); warren.toml must have legacy = [\"windows\"] in "
                                      "[ipsec] to accept it",
                                      written(at)));
            }
        }
        for (std::size_t i = 0; i < it_.esp.size(); ++i) {
            const std::string at = fmt::format("esp[{}]", i);
            if (is_weak(it_.esp[i]))
                report(Severity::kWarning, at, fmt::format("esp: {} is weak (RFC 8221): HMAC-SHA1", written(at)));
            if (it_.pfs == IpsecUse::kOff && has_group(it_.esp[i]))
                error(at, fmt::format("esp: {} has a group, and pfs is \"off\"", written(at)));
            if (it_.pfs == IpsecUse::kRequired && !it_.esp[i].empty() && !has_group(it_.esp[i]))
                error(at, fmt::format("esp: {} has no group, and pfs is \"required\"; write for example \"{}-x25519\"",
                                      written(at), proposal_text(it_.esp[i])));
        }
    }

    void check_ppk() {
        if (has("ppk") != has("ppk_identity")) {
            const std::string_view here = has("ppk") ? "ppk" : "ppk_identity";
            error(here, fmt::format("{} without {}: a post-quantum key needs both", here,
                                    has("ppk") ? "ppk_identity" : "ppk"));
        }
        if (it_.ppk_required && !has("ppk")) error("ppk_required", "ppk_required without ppk");
    }

    void check_sessions() {
        for (const Family family : {Family::kV4, Family::kV6}) {
            const auto size = pool_size(it_.pool, family);
            if (!size || !it_.max_sessions || *it_.max_sessions <= *size) continue;
            return error("max_sessions",
                         fmt::format("max_sessions: {} are more than the pool's {} {} addresses", *it_.max_sessions,
                                     *size, family == Family::kV4 ? "IPv4" : "IPv6"));
        }
        const bool is_many = it_.max_sessions && *it_.max_sessions > 1;
        if (is_many && it_.start != IpsecStart::kResponder)
            error("max_sessions",
                  fmt::format("max_sessions: {} cannot go with start = {}: Warren initiates to one peer",
                              *it_.max_sessions, written("start")));
    }

    const CheckedConnection& checked_;
    const Connection& it_;
    std::string path_;
    std::vector<Diagnostic>& out_;
};

}  // namespace

void check_connection(const CheckedConnection& checked, std::vector<Diagnostic>& out) {
    ConnectionCheck(checked, out).check();
}

}  // namespace warren::config
