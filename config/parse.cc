#include "config/parse.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/alert_keys.h"
#include "config/emulation_text.h"
#include "config/ipsec.h"
#include "config/policy.h"
#include "config/quantity.h"
#include "config/read.h"
#include "config/schema.h"
#include "config/service_tables.h"
#include "config/values.h"
#include "config/wireguard.h"

namespace warren::config {

namespace {

// --- The shape: every key is known, has the right type, and what is required is there ------------

class ShapeCheck {
  public:
    ShapeCheck(Document document, const Source& source, std::vector<Diagnostic>& out)
        : document_(document), source_(source), out_(out) {}

    // `schema_path` is the table's path in the schema, "" for the top level.
    void check_table(const Node& table, const std::string& schema_path) {
        for (const Node::Entry& entry : table.entries) {
            const std::string path = schema_path.empty() ? entry.key : schema_path + "." + entry.key;
            const Key* key = find_key(document_, path);
            if (key == nullptr) {
                complain_unknown(entry, schema_path);
            } else {
                check_entry(*key, entry);
            }
        }
        for (const Key* key : keys_of(document_, schema_path)) {
            if (key->required && table.find(key->leaf()) == nullptr) complain_missing(*key, table);
        }
    }

  private:
    void check_entry(const Key& key, const Node::Entry& entry) {
        const std::string path(key.path);
        if (key.type == Type::kTable) {
            if (entry.value.kind == Node::Kind::kTable) return check_table(entry.value, path);
            complain_type(key, entry.value);
        } else if (key.type == Type::kTables) {
            check_tables(key, entry.value);
        } else {
            check_value(key, entry.value, source_, out_);
        }
    }

    void check_tables(const Key& key, const Node& value) {
        if (value.kind != Node::Kind::kArray) return complain_type(key, value);
        if (static_cast<std::int64_t>(value.items.size()) > key.max) {
            out_.push_back(source_.diagnose(Severity::kError, value.place,
                                            fmt::format("{}: found {} of them; accepted: up to {}",
                                                        display_path(key.path), value.items.size(), key.max)));
            return;
        }
        for (const Node& item : value.items) {
            if (item.kind == Node::Kind::kTable) {
                check_table(item, std::string(key.path) + "[]");
            } else {
                complain_type(key, item);
            }
        }
    }

    void complain_type(const Key& key, const Node& value) {
        std::string accepts = accepted(key);
        if (key.type == Type::kTable) accepts = fmt::format("a table, begun with [{}]", key.path);
        const std::string hint = key.type == Type::kTables && value.kind == Node::Kind::kTable ? " (two brackets)" : "";
        out_.push_back(source_.diagnose(
            Severity::kError, value.place,
            fmt::format("{}: found {}; accepted: {}{}", display_path(key.path), found(value), accepts, hint)));
    }

    void complain_unknown(const Node::Entry& entry, const std::string& schema_path) {
        std::vector<std::string_view> known;
        for (const Key* key : keys_of(document_, schema_path)) known.push_back(key->leaf());
        const std::string near = suggest_key(document_, schema_path, entry.key);
        const std::string where = schema_path.empty() ? "at the top" : fmt::format("in {}", display_path(schema_path));
        std::string message =
            fmt::format("unknown key {} {}; accepted: {}", found_text(entry.key), where, fmt::join(known, ", "));
        // A key that is not in this table, and has no table in its path, stands before all of them.
        const bool is_here = std::find(known.begin(), known.end(), near) != known.end();
        const bool is_at_top = !schema_path.empty() && !is_here && near.find('.') == std::string::npos;
        if (!near.empty())
            message += fmt::format(" (did you mean \"{}\"{}?)", display_path(near),
                                   is_at_top ? ", before the first table" : "");
        out_.push_back(source_.diagnose(Severity::kError, entry.key_place, std::move(message)));
        const Key* const meant = near.empty() ? nullptr : find_key(document_, schema_path + "." + near);
        if (meant != nullptr && meant->type == Type::kSecret) mask_value(entry.value, out_.back());
    }

    void complain_missing(const Key& key, const Node& table) {
        const Place place = key.table().empty() ? Place{1, 1, 0} : table.place;
        std::string message = fmt::format("{} is missing", display_path(key.path));
        message += key.type == Type::kTable ? fmt::format("; accepted: a table, begun with [{}]", key.path)
                                            : fmt::format("; accepted: {}", accepted(key));
        if (!key.example.empty()) message += fmt::format(" (for example {} = {})", key.leaf(), key.example);
        out_.push_back(source_.diagnose(Severity::kError, place, std::move(message)));
    }

    Document document_;
    const Source& source_;
    std::vector<Diagnostic>& out_;
};

}  // namespace

// --- The values ----------------------------------------------------------------------------------

// Found by argument-dependent lookup from the templates of config/read.h, hence not in an anonymous namespace.

static void read(const Node* node, CustomerState& to) {
    if (node != nullptr && node->text == "suspended") to = CustomerState::kSuspended;
}

static_assert(kMostGroups == 256);  // as the schema says

static void read(const Node* node, HandoffType& to) {
    if (node == nullptr) return;
    if (node->text == "macvlan") to = HandoffType::kMacvlan;
    if (node->text == "vlan") to = HandoffType::kVlan;
    if (node->text == "physical") to = HandoffType::kPhysical;
}

static void read(const Node* node, StaticRoute& to) {
    read(node->find("to"), to.to);
    read(node->find("via"), to.via);
}

static void read(const Node* node, Park& to) {
    if (node != nullptr && node->text == "idle") to = Park::kIdle;
}

static void read_duration(const Node* node, std::chrono::seconds& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_duration(node->text).value_or(to);
}

static void read(const Node* node, Stack& to) {
    if (node == nullptr) return;
    read(node->find("addresses"), to.addresses);
    read(node->find("mtu"), to.mtu);
    read(node->find("queues"), to.queues);
    read(node->find("clamp_mss"), to.clamp_mss);
    read(node->find("devices"), to.devices);
    read(node->find("park"), to.park);
    read_duration(node->find("park_after"), to.park_after);
    read(node->find("route"), to.routes);
}

static void read(const Node* node, Traffic& to) {
    if (node == nullptr) return;
    read(node, to.limits);
    read(node->find("share"), to.share);
    read(node->find("emulate"), to.emulate);
    if (to.emulate == Emulation{}) to.emulate.reset();
}

static void read(const Node* node, Handoff& to) {
    read(node->find("type"), to.type);
    read(node->find("parent"), to.parent);
    read(node->find("vlan_id"), to.vlan_id);
    read(node->find("address"), to.addresses);
    read(node->find("mtu"), to.mtu);
}

static void read(const Node* node, Reseller& to) {
    read(node->find("share"), to.share);
    read(node->find("max_customers"), to.max_customers);
    read(node->find("max_peers"), to.max_peers);
    read(node->find("rate_up"), to.rate_up);
    read(node->find("rate_down"), to.rate_down);
}

static void read(const Node* node, Clients& to) {
    read(node->find("pool"), to.pool);
    read(node->find("routes"), to.routes);
    read(node->find("dns"), to.dns);
    read(node->find("search"), to.search);
    read(node->find("mtu"), to.mtu);
    read(node->find("persistent_keepalive"), to.persistent_keepalive_seconds);
    read(node->find("endpoint"), to.endpoint);
}

static void read_appliance(const Node& root, Appliance& to) {
    read(root.find("workers"), to.workers);
    read(root.at("appliance.name"), to.name);
    read_wireguard(root, to);
    read_ipsec(root, to);
    read(root.at("status.listen"), to.status_listen);
    read(root.at("status.changes"), to.status_changes);
    read_alerts(root, to);
}

static void read_customer(const Node& root, Customer& to) {
    read(root.find("name"), to.name);
    read(root.find("description"), to.description);
    read(root.find("state"), to.state);
    read(root.find("group"), to.group);
    if (root.find("ipsec") != nullptr) to.stack.mtu = kIpsecMtu;
    read(root.find("stack"), to.stack);
    read(root.find("traffic"), to.traffic);
    read(root.find("handoff"), to.handoff);
    read(root.find("reseller"), to.reseller);
    read_policy(root, to);
    read_wireguard(root, to);
    read(root.find("clients"), to.clients);
    if (to.clients == Clients{}) to.clients.reset();
    read_services(root, to);
    read_ipsec(root, to);
}

static bool check_shape(Document document, Source& source, std::vector<Diagnostic>& out) {
    if (!read_document(source, out)) return false;
    const std::size_t before = out.size();
    ShapeCheck(document, source, out).check_table(source.root, "");
    if (document == Document::kCustomer) check_wireguard_shape(source, out);
    return out.size() == before;
}

Parsed<Appliance> parse_appliance(std::string file, std::string text, std::vector<Diagnostic>& out) {
    Parsed<Appliance> parsed;
    parsed.source = {std::move(file), "", std::move(text), {}};
    parsed.valid = check_shape(Document::kAppliance, parsed.source, out);
    read_appliance(parsed.source.root, parsed.value);
    return parsed;
}

Parsed<Customer> parse_customer(std::string file, std::string id, std::string text, std::vector<Diagnostic>& out) {
    Parsed<Customer> parsed;
    parsed.value.id = id;
    parsed.source = {std::move(file), std::move(id), std::move(text), {}};
    parsed.valid = check_shape(Document::kCustomer, parsed.source, out);
    read_customer(parsed.source.root, parsed.value);
    return parsed;
}

bool is_secret_name(std::string_view text) {
    if (text.empty() || text.size() > 255) return false;
    while (true) {
        const auto slash = text.find('/');
        const auto part = text.substr(0, slash);
        if (part.empty() || part == "." || part == "..") return false;
        const bool plain = std::all_of(part.begin(), part.end(), [](char c) {
            return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                   c == '-';
        });
        if (!plain) return false;
        if (slash == std::string_view::npos) return true;
        text.remove_prefix(slash + 1);
    }
}

}  // namespace warren::config
