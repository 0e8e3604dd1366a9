#include "config/ipsec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "config/identity.h"
#include "config/proposals.h"
#include "config/quantity.h"
#include "config/read.h"

namespace warren::config {

namespace {

constexpr std::string_view kMakePsk = "openssl rand -hex 24";
constexpr std::string_view kMakePpk = "openssl rand -hex 32";
constexpr std::string_view kMakePrivateKey = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";

template <typename Value, std::size_t N>
void read_name(const Node* node, const std::array<std::string_view, N>& names, Value& to) {
    if (node == nullptr || node->kind != Node::Kind::kString) return;
    const auto found = std::find(names.begin(), names.end(), node->text);
    if (found != names.end()) to = static_cast<Value>(found - names.begin());
}

void read_proposals(const Node* node, ProposalFor what, std::vector<IkeProposal>& to) {
    if (node == nullptr || node->kind != Node::Kind::kArray) return;
    // Element i of the vector is element i of the array.
    for (const Node& item : node->items) to.push_back(parse_proposal(what, item.text).value_or(IkeProposal()));
}

}  // namespace

// --- reading -------------------------------------------------------------------------------------

// Found by argument-dependent lookup from the templates of config/read.h, hence not in an anonymous namespace.
static void read(const Node* node, IpsecAuth& to) {
    read_name(node, kIpsecAuthNames, to);
}
static void read(const Node* node, IpsecStart& to) {
    read_name(node, kIpsecStartNames, to);
}
static void read(const Node* node, IpsecUse& to) {
    read_name(node, kIpsecUseNames, to);
}
static void read(const Node* node, IpsecEncapsulation& to) {
    read_name(node, kIpsecEncapsulationNames, to);
}
static void read(const Node* node, IkeIdentity& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_identity(node->text, true).value_or(to);
}
static void read(const Node* node, CertificateRef& to) {
    read(node, to.name);
}
static void read(const Node* node, Seconds& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_duration(node->text).value_or(Seconds(0));
}
static void read(const Node* node, std::uint64_t& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_size(node->text).value_or(to);
}
static void read_ike(const Node* node, std::vector<IkeProposal>& to) {
    read_proposals(node, ProposalFor::kIke, to);
}
static void read_esp(const Node* node, std::vector<IkeProposal>& to) {
    read_proposals(node, ProposalFor::kEsp, to);
}

static void read(const Node* node, Child& to) {
    read(node->find("name"), to.name);
    read(node->find("local"), to.local);
    read(node->find("remote"), to.remote);
    read(node->find("routes"), to.routes);
}

static void read(const Node* node, Connection& to) {
    read(node->find("name"), to.name);
    read(node->find("auth"), to.auth);
    read(node->find("psk"), to.psk);
    read(node->find("users"), to.users);
    read(node->find("remote_identity"), to.remote_identity);
    read(node->find("local_identity"), to.local_identity);
    read(node->find("remote_address"), to.remote_address);
    read(node->find("start"), to.start);
    read(node->find("pool"), to.pool);
    read(node->find("local"), to.local);
    read(node->find("remote"), to.remote);
    read(node->find("routes"), to.routes);
    read(node->find("child"), to.children);
    read_ike(node->find("ike"), to.ike);
    read_esp(node->find("esp"), to.esp);
    read(node->find("pfs"), to.pfs);
    read(node->find("ike_rekey"), to.ike_rekey);
    read(node->find("child_rekey"), to.child_rekey);
    read(node->find("child_bytes"), to.child_bytes);
    read(node->find("reauth"), to.reauth);
    read(node->find("dpd"), to.dpd);
    read(node->find("mobike"), to.mobike);
    read(node->find("fragmentation"), to.fragmentation);
    read(node->find("fragment_size"), to.fragment_size);
    read(node->find("encapsulation"), to.encapsulation);
    read(node->find("replay_window"), to.replay_window);
    read(node->find("esn"), to.esn);
    read(node->find("split"), to.split);
    read(node->find("copy_dscp"), to.copy_dscp);
    read(node->find("ppk"), to.ppk);
    read(node->find("ppk_identity"), to.ppk_identity);
    read(node->find("ppk_required"), to.ppk_required);
    read(node->find("max_sessions"), to.max_sessions);
    read(node->find("enabled"), to.enabled);
    read(node->find("groups"), to.groups);
    read(node, to.limits);
}

static void read(const Node* node, Ipsec& to) {
    read(node->find("identity"), to.identity);
    read(node->find("addresses"), to.addresses);
    read(node->find("certificate"), to.certificate);
    read(node->find("private_key"), to.private_key);
    read(node->find("ca"), to.ca);
    read(node->find("crl"), to.crl);
    read(node->find("crl_required"), to.crl_required);
    read(node->find("realms"), to.realms);
    read(node->find("dns"), to.dns);
    read(node->find("dns_domains"), to.dns_domains);
    read(node->find("connection"), to.connections);
}

static void read(const Node* node, IpsecGateway& to) {
    read(node->find("identity"), to.identity);
    read(node->find("certificate"), to.certificate);
    read(node->find("private_key"), to.private_key);
}

static void read(const Node* node, IkeListener& to) {
    read(node->find("encapsulation"), to.encapsulation);
    read(node->find("legacy"), to.legacy);
    read(node->find("gateway"), to.gateway);
}

static void read(const Node* node, Listener& to) {
    to.port = kNatTraversalPort;
    read(node, to.settings.emplace<IkeListener>());
}

void read_ipsec(const Node& root, Appliance& to) {
    if (root.find("ipsec") != nullptr) read(root.find("ipsec"), to.listeners.emplace_back());
}

void read_ipsec(const Node& root, Customer& to) {
    read(root.find("ipsec"), to.ipsec);
}

// --- secrets -------------------------------------------------------------------------------------

void add_secrets(const IkeListener& listener, std::vector<NamedSecret>& out) {
    if (!listener.gateway) return;
    const std::string at = "ipsec.gateway";
    out.push_back(
        {{listener.gateway->certificate.name}, at + ".certificate", at + ".certificate", "", FileForm::kCertificate});
    out.push_back({listener.gateway->private_key, at + ".private_key.secret", at + ".private_key", kMakePrivateKey,
                   FileForm::kPrivateKey});
}

void add_secrets(const Ipsec& ipsec, std::vector<NamedSecret>& out) {
    const auto add = [&out](const std::optional<SecretRef>& ref, const std::string& path, std::string field,
                            std::string_view made_with, FileForm form) {
        if (ref) out.push_back({*ref, path + ".secret", std::move(field), made_with, form});
    };
    const auto add_certificate = [&out](const CertificateRef& ref, const std::string& path) {
        out.push_back({{ref.name}, path, path, "", FileForm::kCertificate});
    };
    if (ipsec.certificate) add_certificate(*ipsec.certificate, "ipsec.certificate");
    add(ipsec.private_key, "ipsec.private_key", "ipsec.private_key", kMakePrivateKey, FileForm::kPrivateKey);
    for (std::size_t i = 0; i < ipsec.ca.size(); ++i) add_certificate(ipsec.ca[i], fmt::format("ipsec.ca[{}]", i));
    for (std::size_t i = 0; i < ipsec.crl.size(); ++i) add_certificate(ipsec.crl[i], fmt::format("ipsec.crl[{}]", i));
    for (std::size_t i = 0; i < ipsec.connections.size(); ++i) {
        const Connection& connection = ipsec.connections[i];
        const std::string path = connection_path(i);
        const std::string field = field_of(connection);
        add(connection.psk, path + ".psk", field + " psk", kMakePsk, FileForm::kPsk);
        add(connection.users, path + ".users", field + " users", "", FileForm::kUsers);
        add(connection.ppk, path + ".ppk", field + " ppk", kMakePpk, FileForm::kPpk);
    }
}

// --- names ---------------------------------------------------------------------------------------

std::string connection_path(std::size_t connection) {
    return fmt::format("ipsec.connection[{}]", connection);
}

std::string child_path(const Connection& connection, std::size_t number, std::size_t child) {
    return connection_path(number) + (connection.children.empty() ? "" : fmt::format(".child[{}]", child));
}

std::string field_of(const Connection& connection) {
    return "connection " + connection.name;
}

}  // namespace warren::config
