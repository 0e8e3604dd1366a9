#include "access/users.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "config/customer_id.h"
#include "config/document.h"

namespace warren::access {

namespace {

using config::Node;

tl::unexpected<Error> wrong(config::Place place, const std::string& what) {
    return fail(ErrorCode::kInvalid, fmt::format("users.toml:{}:{}: {}", place.line, place.column, what));
}

Result<std::string> text_of(const Node& entry, std::string_view key) {
    const Node* node = entry.find(key);
    if (node == nullptr) return wrong(entry.place, fmt::format("{} is missing", key));
    if (node->kind != Node::Kind::kString)
        return wrong(node->place, fmt::format("{} is {}; accepted: a string", key, name_of(node->kind)));
    return node->text;
}

Result<Grant> grant_of(const Node& entry) {
    const auto text = text_of(entry, "role");
    if (!text) return tl::unexpected<Error>(text.error());
    const auto role = parse_role(*text);
    if (!role) return wrong(entry.find("role")->place, role.error().what);
    Grant grant{*role, {}};
    const Node* customers = entry.find("customers");
    if (!has_customers(grant.role)) {
        if (customers != nullptr)
            return wrong(customers->place, "customers is for the roles customer and reseller only");
        return grant;
    }
    if (customers == nullptr || customers->kind != Node::Kind::kArray || customers->items.empty())
        return wrong(entry.place, fmt::format("the role {} needs customers = [\"id\", ...]", name_of(grant.role)));
    for (const Node& item : customers->items) {
        if (item.kind != Node::Kind::kString || item.text.empty())
            return wrong(item.place, "a customer's id is a string");
        grant.customers.push_back(item.text);
    }
    return grant;
}

Status check_keys(const Node& table, const std::set<std::string_view>& known) {
    for (const Node::Entry& entry : table.entries) {
        if (!known.contains(entry.key))
            return wrong(entry.key_place,
                         fmt::format("there is no key \"{}\"; accepted: {}", entry.key, fmt::join(known, ", ")));
    }
    return {};
}

Result<User> user_of(const Node& entry) {
    WARREN_TRY(check_keys(entry, {"name", "role", "customers", "password"}));
    auto name = text_of(entry, "name");
    if (!name) return tl::unexpected<Error>(name.error());
    auto grant = grant_of(entry);
    if (!grant) return tl::unexpected<Error>(grant.error());
    auto password = text_of(entry, "password");
    if (!password) return tl::unexpected<Error>(password.error());
    if (!password->starts_with("$argon2id$") || password->size() >= 128)
        return wrong(entry.find("password")->place, "password is no argon2id string; vpnctl user passwd makes one");
    return User{std::move(*name), std::move(*grant), std::move(*password)};
}

Result<Token> token_of(const Node& entry) {
    WARREN_TRY(check_keys(entry, {"name", "role", "customers", "sha256"}));
    auto name = text_of(entry, "name");
    if (!name) return tl::unexpected<Error>(name.error());
    auto grant = grant_of(entry);
    if (!grant) return tl::unexpected<Error>(grant.error());
    auto hash = text_of(entry, "sha256");
    if (!hash) return tl::unexpected<Error>(hash.error());
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (hash->size() != 64 || !std::all_of(hash->begin(), hash->end(), is_hex))
        return wrong(entry.find("sha256")->place,
                     "sha256 is not 64 digits of lower-case hexadecimal; vpnctl token add makes it");
    return Token{std::move(*name), std::move(*grant), std::move(*hash)};
}

// Reads each table of the array `key` with `read`, which returns a value with a name.
template <typename T, typename Read>
Status read_all(const Node& root, std::string_view key, Read read, std::vector<T>& out) {
    const Node* list = root.find(key);
    if (list == nullptr) return {};
    if (list->kind != Node::Kind::kArray)
        return wrong(list->place, fmt::format("{0} is {1}; accepted: [[{0}]]", key, name_of(list->kind)));
    for (const Node& entry : list->items) {
        if (entry.kind != Node::Kind::kTable) return wrong(entry.place, fmt::format("accepted: [[{}]]", key));
        auto thing = read(entry);
        if (!thing) return tl::unexpected<Error>(thing.error());
        if (!is_user_name(thing->name))
            return wrong(entry.place, "a name is 1 to 64 letters, digits, dots, dashes, underscores, or @");
        if (std::any_of(out.begin(), out.end(), [&](const T& other) { return other.name == thing->name; }))
            return wrong(entry.place, fmt::format("the name \"{}\" occurs twice", thing->name));
        out.push_back(std::move(*thing));
    }
    return {};
}

template <typename T>
const T* find_name(const std::vector<T>& list, std::string_view name) {
    const auto found = std::find_if(list.begin(), list.end(), [name](const T& one) { return one.name == name; });
    return found == list.end() ? nullptr : &*found;
}

}  // namespace

std::string_view name_of(Role role) {
    switch (role) {
        case Role::kOperator: return "operator";
        case Role::kViewer: return "viewer";
        case Role::kCustomer: return "customer";
        case Role::kReseller: return "reseller";
    }
    return "customer";
}

Result<Role> parse_role(std::string_view text) {
    for (const Role role : {Role::kOperator, Role::kViewer, Role::kCustomer, Role::kReseller}) {
        if (text == name_of(role)) return role;
    }
    return fail(ErrorCode::kInvalid,
                fmt::format("there is no role \"{}\"; accepted: operator, viewer, customer, reseller", text));
}

bool Grant::covers(std::string_view customer) const {
    if (!has_customers(role)) return true;
    return std::any_of(customers.begin(), customers.end(), [&](const std::string& own) {
        return role == Role::kReseller ? config::is_customer_of(customer, own) : customer == own;
    });
}

bool is_user_name(std::string_view text) {
    return !text.empty() && text.size() <= kMaxUserName && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("._@-").find(c) != std::string_view::npos;
    });
}

const User* Users::find_user(std::string_view name) const {
    return find_name(users, name);
}

const Token* Users::find_token(std::string_view name) const {
    return find_name(tokens, name);
}

const Token* Users::find_token_by_hash(std::string_view sha256) const {
    const auto found =
        std::find_if(tokens.begin(), tokens.end(), [sha256](const Token& token) { return token.sha256 == sha256; });
    return found == tokens.end() ? nullptr : &*found;
}

Result<Users> parse_users(std::string text) {
    if (text.size() > kMaxUsersFile) return fail(ErrorCode::kInvalid, "users.toml is larger than 1 MB");
    config::Source source;
    source.file = "users.toml";
    source.text = std::move(text);
    std::vector<config::Diagnostic> diagnostics;
    if (!config::read_document(source, diagnostics))
        return wrong(diagnostics.front().place, diagnostics.front().message);
    WARREN_TRY(check_keys(source.root, {"schema", "user", "token"}));
    const Node* schema = source.root.find("schema");
    if (!source.root.entries.empty() &&
        (schema == nullptr || schema->kind != Node::Kind::kInteger || schema->integer != 1))
        return wrong(schema == nullptr ? config::Place{} : schema->place, "schema = 1 must come first");
    Users out;
    WARREN_TRY(read_all(source.root, "user", user_of, out.users));
    WARREN_TRY(read_all(source.root, "token", token_of, out.tokens));
    return out;
}

}  // namespace warren::access
