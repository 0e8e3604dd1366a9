// The table against what the parser does with it.
#include "config/schema.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <string>

#include "config/manual.h"
#include "samples.h"

using namespace warren::config;

namespace {

bool is_table(const Key& key) {
    return key.type == Type::kTable || key.type == Type::kTables;
}

// A document with every table and every key of it, each with the value that `value` gives; keys without one are left
// out.
template <typename Value>
std::string document_with(Document document, Value value) {
    std::string out;
    const auto add_keys = [&](std::string_view table) {
        for (const Key* key : keys_of(document, table)) {
            if (!is_table(*key) && !value(*key).empty()) out += fmt::format("{} = {}\n", key->leaf(), value(*key));
        }
    };
    add_keys("");
    for (const Key& key : schema()) {
        if (key.document != document || !is_table(key)) continue;
        const bool many = key.type == Type::kTables;
        const std::string path = display_path(key.path);
        out += many ? fmt::format("[[{}]]\n", path) : fmt::format("[{}]\n", path);
        add_keys(many ? std::string(key.path) + "[]" : std::string(key.path));
    }
    return out;
}

std::vector<Diagnostic> shape_of(Document document, const std::string& text) {
    std::vector<Diagnostic> out;
    if (document == Document::kAppliance) {
        (void)parse_appliance("f", text, out);
    } else {
        (void)parse_customer("f", "acme", text, out);
    }
    return out;
}

std::string text_of(const std::vector<Diagnostic>& diagnostics) {
    std::string out;
    for (const Diagnostic& diagnostic : diagnostics) out += format(diagnostic) + '\n';
    return out;
}

}  // namespace

TEST_CASE("every key is documented, with an example that is accepted") {
    for (const Key& key : schema()) {
        CAPTURE(key.path);
        CHECK_FALSE(key.doc.empty());
        if (!is_table(key)) CHECK_FALSE(key.example.empty());
        if (key.required) CHECK(key.default_text.empty());
        if (key.type == Type::kInteger) CHECK(key.min < key.max);
    }
    for (const Document document : {Document::kAppliance, Document::kCustomer}) {
        CHECK(text_of(shape_of(
                  document, document_with(document, [](const Key& key) { return std::string(key.example); }))) == "");
    }
}

TEST_CASE("a path occurs once in a document, and below a table that is there") {
    std::set<std::pair<Document, std::string>> seen;
    for (const Key& key : schema()) {
        CAPTURE(key.path);
        CHECK(seen.emplace(key.document, std::string(key.path)).second);
        std::string table(key.table());
        if (table.ends_with("[]")) table.resize(table.size() - 2);
        if (!table.empty()) CHECK(seen.contains({key.document, table}));
    }
}

TEST_CASE("the documented defaults are those of the parser") {
    const auto required_only = [](const Key& key) { return key.required ? std::string(key.example) : std::string(); };
    const auto with_defaults = [](const Key& key) {
        if (key.path == "stack.mtu") return std::string("1400");  // with [ipsec], which is in the document
        return key.required ? std::string(key.example) : std::string(key.default_text);
    };
    std::vector<Diagnostic> ignored;
    const auto appliance = [&](const auto& value) {
        return parse_appliance("f", document_with(Document::kAppliance, value), ignored).value;
    };
    const auto customer = [&](const auto& value) {
        return parse_customer("f", "a", document_with(Document::kCustomer, value), ignored).value;
    };
    CHECK(appliance(required_only) == appliance(with_defaults));
    CHECK(customer(required_only) == customer(with_defaults));
    CHECK(ignored.empty());
}

TEST_CASE("every key is read: another value than the default changes the result") {
    const auto other = [](const Key& key) -> std::string {
        if (key.type == Type::kBoolean) return key.default_text == "false" ? "true" : "false";
        if (key.path == "state") return "\"suspended\"";
        if (key.path == "handoff.type") return "\"vlan\"";
        if (key.path == "stack.mtu" || key.path == "wireguard.peer[].persistent_keepalive")
            return fmt::format("{}", key.min + 1000);
        return std::string(key.example);
    };
    for (const Key& left_out : schema()) {
        if (is_table(left_out) || left_out.type == Type::kSchemaNumber || left_out.path == "wireguard.listen_port" ||
            left_out.path == "bgp.allow_network_admin")  // must be true, and is nothing else once it is accepted
            continue;
        CAPTURE(left_out.path);
        const auto without = [&](const Key& key) { return &key == &left_out ? std::string() : other(key); };
        std::vector<Diagnostic> ignored;
        if (left_out.document == Document::kAppliance) {
            CHECK_FALSE(parse_appliance("f", document_with(Document::kAppliance, other), ignored).value ==
                        parse_appliance("f", document_with(Document::kAppliance, without), ignored).value);
        } else {
            CHECK_FALSE(parse_customer("f", "a", document_with(Document::kCustomer, other), ignored).value ==
                        parse_customer("f", "a", document_with(Document::kCustomer, without), ignored).value);
        }
    }
}

TEST_CASE("integers are accepted from min to max and not beyond") {
    for (const Key& key : schema()) {
        if (key.type != Type::kInteger) continue;
        CAPTURE(key.path);
        const auto with = [&key](std::int64_t number) {
            return text_of(shape_of(key.document, document_with(key.document, [&](const Key& other) {
                                        return &other == &key ? fmt::format("{}", number) : std::string(other.example);
                                    })));
        };
        CHECK(with(key.min) == "");
        CHECK(with(key.max) == "");
        CHECK(with(key.min - 1).find("is out of range; accepted: " + accepted(key)) != std::string::npos);
        CHECK(with(key.max + 1).find("is out of range; accepted: " + accepted(key)) != std::string::npos);
    }
}

TEST_CASE("a value of any wrong type is refused with what is accepted") {
    for (const Key& key : schema()) {
        if (is_table(key)) continue;
        for (const char* wrong : {"1979-05-27", "{ x = 1 }", "[[1]]", "0.5"}) {
            CAPTURE(key.path);
            CAPTURE(wrong);
            const auto found = shape_of(key.document, document_with(key.document, [&](const Key& other) {
                                            return &other == &key ? wrong : std::string(other.example);
                                        }));
            CHECK(has_errors(found));
        }
    }
}

TEST_CASE("suggestions find what was meant, and stay silent when nothing is near") {
    CHECK(suggest_key(Document::kCustomer, "wireguard.peer[]", "AllowedIPs") == "allowed_ips");
    CHECK(suggest_key(Document::kCustomer, "wireguard.peer[]", "PublicKey") == "public_key");
    CHECK(suggest_key(Document::kCustomer, "wireguard.peer[]", "pubilc_key") == "public_key");
    CHECK(suggest_key(Document::kCustomer, "stack", "address") == "addresses");
    CHECK(suggest_key(Document::kCustomer, "", "addresses") == "stack.addresses");
    CHECK(suggest_key(Document::kAppliance, "wireguard", "port") == "listen_port");
    CHECK(suggest_key(Document::kCustomer, "", "xyzzy") == "");
    CHECK(suggest_key(Document::kCustomer, "", std::string(100000, 'x')) == "");
}

TEST_CASE("explain finds keys with and without brackets, in both files, and suggests") {
    REQUIRE(keys_matching("wireguard.peer.public_key").size() == 1);
    CHECK(keys_matching("wireguard.peer[].public_key") == keys_matching("wireguard.peer.public_key"));
    CHECK(keys_matching("wireguard.listen_port").size() == 2);
    CHECK(keys_matching("nonsense").empty());
    CHECK(suggest_path("mtu") == "stack.mtu");
    CHECK(suggest_path("stack.mut") == "stack.mtu");
    CHECK(explain(*find_key(Document::kCustomer, "stack.mtu")) ==
          "stack.mtu (customers/ID.toml, optional)\n"
          "  The MTU of vpn0. 1420 fits an uplink of 1500 over IPv6; with IPv6 inside the tunnel at least 1280. With "
          "[ipsec] at most 1400, which is the default then.\n"
          "  Accepted: a whole number from 576 to 65455 (bytes)\n"
          "  Default:  1420\n"
          "  Example:  mtu = 1420\n");
}

TEST_CASE("the manual has every key") {
    const std::string manual = manual_markdown();
    for (const Key& key : schema()) {
        CAPTURE(key.path);
        CHECK(manual.find(is_table(key) ? display_path(key.path) : fmt::format("- `{}`: ", key.leaf())) !=
              std::string::npos);
    }
}
