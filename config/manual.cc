#include "config/manual.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/values.h"

namespace warren::config {

namespace {

bool is_table(const Key& key) {
    return key.type == Type::kTable || key.type == Type::kTables;
}

std::string header_of(const Key& table) {
    const std::string path = display_path(table.path);
    return table.type == Type::kTables ? fmt::format("[[{}]]", path) : fmt::format("[{}]", path);
}

// The schema's path of the keys inside a table.
std::string inside(const Key& table) {
    return table.type == Type::kTables ? std::string(table.path) + "[]" : std::string(table.path);
}

std::string_view need_of(const Key& key) {
    if (!key.required) return "optional";
    return key.table().empty() ? "required" : "required in its table";
}

std::string or_none(std::string_view text) {
    return text.empty() ? "none" : fmt::format("`{}`", text);
}

void append_keys(Document document, std::string_view table, std::string& out) {
    for (const Key* key : keys_of(document, table)) {
        if (is_table(*key)) continue;
        out += fmt::format("- `{}`: {}\n  Accepted: {}. ", key->leaf(), key->doc, accepted(*key));
        out += key->required ? "Required." : fmt::format("Default: {}.", or_none(key->default_text));
        if (!key->example.empty()) out += fmt::format(" Example: `{} = {}`", key->leaf(), key->example);
        out += '\n';
    }
    out += '\n';
}

void append_document(Document document, std::string& out) {
    out += fmt::format("## {}\n\n", file_of(document));
    append_keys(document, "", out);
    for (const Key& key : schema()) {
        if (key.document != document || !is_table(key)) continue;
        out += fmt::format("### `{}`\n\n{}{}\n\n", header_of(key), key.doc, key.required ? " Required." : "");
        append_keys(document, inside(key), out);
    }
}

// scdoc marks text with these.
std::string scdoc(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '_' || c == '*' || c == '\\' || c == '`') out += '\\';
        out += c;
    }
    return out;
}

void append_scdoc_keys(Document document, std::string_view table, std::string& out) {
    for (const Key* key : keys_of(document, table)) {
        if (is_table(*key)) continue;
        out += fmt::format("*{}*\n\t{}++\nAccepted: {}.", scdoc(key->leaf()), scdoc(key->doc), scdoc(accepted(*key)));
        if (key->required) out += " Required.";
        if (!key->default_text.empty()) out += fmt::format(" Default: {}.", scdoc(key->default_text));
        out += "\n\n";
    }
}

// Wraps lines at 120 columns; those of a list stay indented.
std::string wrapped(std::string_view text) {
    constexpr std::size_t kColumns = 120;
    std::string out;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::string_view indent = line.starts_with("- ") || line.starts_with("  ") ? "  " : "";
        std::size_t space = kColumns;
        while (line.size() > space) {
            const auto at = line.rfind(' ', space);
            if (at == std::string_view::npos || at == 0) break;
            out += fmt::format("{}\n{}", line.substr(0, at), indent);
            line.remove_prefix(at + 1);
            space = kColumns - indent.size();
        }
        out += line;
        out += '\n';
    }
    return out;
}

}  // namespace

std::string_view file_of(Document document) {
    return document == Document::kAppliance ? "warren.toml" : "customers/ID.toml";
}

std::vector<const Key*> keys_matching(std::string_view path) {
    std::vector<const Key*> out;
    const std::string wanted = display_path(path);
    for (const Key& key : schema()) {
        if (path.empty() || display_path(key.path) == wanted) out.push_back(&key);
    }
    return out;
}

std::string suggest_path(std::string_view path) {
    std::vector<std::string> paths;
    for (const Key& key : schema()) {
        paths.push_back(display_path(key.path));
    }
    const std::string wanted = display_path(path);
    // Accept the last part alone: "mtu".
    for (const std::string& candidate : paths) {
        if (candidate.ends_with("." + wanted)) return candidate;
    }
    const std::vector<std::string_view> views(paths.begin(), paths.end());
    return suggest(wanted, views);
}

std::string explain(const Key& key) {
    std::string out = fmt::format("{} ({}, {})\n", is_table(key) ? header_of(key) : display_path(key.path),
                                  file_of(key.document), need_of(key));
    out += fmt::format("  {}\n", key.doc);
    if (!is_table(key)) out += fmt::format("  Accepted: {}\n", accepted(key));
    if (!key.default_text.empty()) out += fmt::format("  Default:  {}\n", key.default_text);
    if (!key.example.empty()) out += fmt::format("  Example:  {} = {}\n", key.leaf(), key.example);
    if (!is_table(key)) return out;
    std::vector<std::string_view> names;
    for (const Key* child : keys_of(key.document, inside(key))) {
        names.push_back(child->leaf());
    }
    return out + fmt::format("  Keys:     {}\n", fmt::join(names, ", "));
}

std::string manual_markdown() {
    std::string out =
        "# The configuration\n\n"
        "Made from the schema (`config/schema.cc`, `config/schema_ipsec.cc`) "
        "by `vpnctl explain --format markdown`; a test compares. Complete "
        "examples are in `config/examples/`.\n\n"
        "A directory, `/etc/warren` on an appliance, holds:\n\n"
        "- `warren.toml`: the appliance.\n"
        "- `customers/ID.toml`: one file for each customer and its stack. The file's name is the customer's id: a "
        "lower-case letter, then up to 30 of a-z, 0-9 and \"-\".\n"
        "- `customers/RESELLER/ID.toml`: a customer of the reseller in `customers/RESELLER.toml`, called "
        "`RESELLER.ID`; a reseller's customer may be one, too, to three levels. docs/resellers.md.\n"
        "- `secrets/...`: private and preshared keys, one per file, as `wg genkey` and `wg genpsk` print them, and "
        "for IPsec preshared keys as text, private keys in PEM, users; owned by root, mode 0600. The other files name "
        "them and never contain them. Symbolic links are not followed.\n"
        "- `certs/...`: certificates and lists of revoked ones for IPsec. Symbolic links are not followed.\n\n"
        "`vpnctl check DIR` reports every error at once; `vpnctl explain KEY` prints what follows for one key. Unknown "
        "keys are errors. Two customers may have the same addresses, networks and names of peers.\n\n";
    append_document(Document::kAppliance, out);
    append_document(Document::kCustomer, out);
    out +=
        "## What is checked between files\n\n"
        "- A peer's public key occurs once on a listener: it names the customer. No peer may have the listener's own "
        "key.\n"
        "- Every listener has a UDP port of its own; IKE has 500 and 4500.\n"
        "- Our identity for a customer's IPsec peers (`ipsec.identity`, and `local_identity` of its connections) is "
        "one customer's, and so are its `ipsec.addresses`: they name the customer.\n"
        "- With `[ipsec.gateway]`, a CA and a realm are one customer's as well. A remote identity of preshared keys "
        "that two customers have is a warning: a peer that does not say whom it wants is refused then.\n"
        "- In one customer: a network is of one peer or connection; a pool holds no address, route or other network "
        "of it; no two connections fit a peer equally well; a name is of one peer or connection.\n"
        "- A device of `handoff.type = \"physical\"` belongs to one customer; a VLAN occurs once on its parent.\n"
        "- The customers below a reseller have no more together than its `[reseller]` says; what exceeds it is an "
        "error of those that are new. Without the reseller's file they are not used.\n"
        "- When two files clash, both are reported and both customers stay as they were. Peers and connections with "
        "`enabled = false` never clash.\n"
        "- A customer with errors keeps the configuration and the keys it had; the others are applied. An error in "
        "`warren.toml`, or a missing `customers/`, applies nothing; a start then uses the configuration that was in "
        "force last. Removing a customer's file removes the customer; renaming it renames the customer.\n";
    return wrapped(out);
}

std::string manual_scdoc(Document document) {
    std::string out;
    append_scdoc_keys(document, "", out);
    for (const Key& key : schema()) {
        if (key.document != document || !is_table(key)) continue;
        out +=
            fmt::format("## {}\n\n{}{}\n\n", scdoc(header_of(key)), scdoc(key.doc), key.required ? " Required." : "");
        append_scdoc_keys(document, inside(key), out);
    }
    return out;
}

}  // namespace warren::config
