#include "config/edit/meaning.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace warren::config {

namespace {

Node* find(Node& table, std::string_view key) {
    return const_cast<Node*>(std::as_const(table).find(key));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

// The table at a dotted path, made where it is missing; nullptr when something else stands there.
Node* table_at(Node& root, std::string_view path) {
    Node* node = &root;
    while (!path.empty()) {
        const auto dot = path.find('.');
        const std::string step(path.substr(0, dot));
        path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
        Node* next = find(*node, step);
        if (next == nullptr) {
            node->entries.push_back({step, {}, {}});
            next = &node->entries.back().value;
        }
        if (next->kind != Node::Kind::kTable) return nullptr;
        node = next;
    }
    return node;
}

Result<Node> value_of(std::string_view text) {
    const auto tree = tree_of(fmt::format("value = {}\n", text));
    if (!tree || tree->entries.size() != 1) return fail(ErrorCode::kInvalid, fmt::format("{} is no value", text));
    return tree->entries.front().value;
}

Status put(Node& table, const std::string& key, std::string_view text) {
    auto value = value_of(text);
    if (!value) return tl::unexpected<Error>(value.error());
    if (Node* const present = find(table, key); present != nullptr) {
        *present = std::move(*value);
    } else {
        table.entries.push_back({key, {}, std::move(*value)});
    }
    return {};
}

Status put_all(Node& table, const Fields& fields) {
    for (const auto& [key, text] : fields) WARREN_TRY(put(table, key, text));
    return {};
}

Result<Node*> existing(Node& root, const TableName& name) {
    if (name.element.empty()) {
        Node* const table = const_cast<Node*>(std::as_const(root).at(name.path));  // NOLINT
        if (table == nullptr || table->kind != Node::Kind::kTable)
            return fail(ErrorCode::kNotFound, fmt::format("there is no [{}]", name.path));
        return table;
    }
    const auto number = number_of(root, name);
    Node* const list = number ? const_cast<Node*>(std::as_const(root).at(name.path)) : nullptr;  // NOLINT
    if (list == nullptr || *number == list->items.size())
        return fail(ErrorCode::kNotFound, fmt::format("there is no {} \"{}\"", name.path, name.element));
    return &list->items[*number];
}

Status change(Node& root, const SetKey& set) {
    if (set.table.element.empty()) {
        Node* const table = table_at(root, set.table.path);
        if (table == nullptr) return fail(ErrorCode::kUnsupported, fmt::format("{} is no table", set.table.path));
        return put(*table, set.key, set.value);
    }
    const auto table = existing(root, set.table);
    if (!table) return tl::unexpected<Error>(table.error());
    return put(**table, set.key, set.value);
}

Status change(Node& root, const RemoveKey& removal) {
    const auto table = existing(root, removal.table);
    if (!table) return tl::unexpected<Error>(table.error());
    if (std::erase_if((*table)->entries, [&](const Node::Entry& entry) { return entry.key == removal.key; }) == 0)
        return fail(ErrorCode::kNotFound, fmt::format("there is no {} to remove", removal.key));
    return {};
}

Status change(Node& root, const AddTable& added) {
    if (std::as_const(root).at(added.path) != nullptr)
        return fail(ErrorCode::kConflict, fmt::format("there is a [{}] already", added.path));
    Node* const table = table_at(root, added.path);
    if (table == nullptr) return fail(ErrorCode::kUnsupported, fmt::format("{} is in no table", added.path));
    return put_all(*table, added.fields);
}

Status change(Node& root, const AddElements& added) {
    const auto dot = added.path.rfind('.');
    const std::string parent = dot == std::string::npos ? "" : added.path.substr(0, dot);
    const std::string leaf = dot == std::string::npos ? added.path : added.path.substr(dot + 1);
    Node* const table = table_at(root, parent);
    if (table == nullptr) return fail(ErrorCode::kUnsupported, fmt::format("{} is in no table", added.path));
    if (find(*table, leaf) == nullptr) {
        table->entries.push_back({leaf, {}, {}});
        table->entries.back().value.kind = Node::Kind::kArray;
    }
    Node* const list = find(*table, leaf);
    if (list->kind != Node::Kind::kArray)
        return fail(ErrorCode::kUnsupported, fmt::format("{} is no list of tables", added.path));
    for (const Fields& fields : added.elements) {
        Node element;
        WARREN_TRY(put_all(element, fields));
        list->items.push_back(std::move(element));
    }
    return {};
}

Status change(Node& root, const ReplaceElement& replaced) {
    const auto table = existing(root, replaced.table);
    if (!table) return tl::unexpected<Error>(table.error());
    (*table)->entries.clear();
    return put_all(**table, replaced.fields);
}

Status change(Node& root, const RemoveElement& removal) {
    const auto element = existing(root, removal.table);
    if (!element) return tl::unexpected<Error>(element.error());
    Node& list = *const_cast<Node*>(std::as_const(root).at(removal.table.path));  // NOLINT
    list.items.erase(list.items.begin() + (*element - list.items.data()));
    if (!list.items.empty()) return {};
    const auto dot = removal.table.path.rfind('.');
    const std::string parent = dot == std::string::npos ? "" : removal.table.path.substr(0, dot);
    std::erase_if(table_at(root, parent)->entries, [&](const Node::Entry& entry) {
        return entry.key == removal.table.path.substr(dot == std::string::npos ? 0 : dot + 1);
    });
    return {};
}

// [wireguard] is there because of its peers alone, or with a header: that makes no difference.
bool says_nothing(const Node& node) {
    return node.kind == Node::Kind::kTable &&
           std::all_of(node.entries.begin(), node.entries.end(), [](const auto& e) { return says_nothing(e.value); });
}

bool has_all_of(const Node& a, const Node& b) {
    return std::all_of(a.entries.begin(), a.entries.end(), [&b](const Node::Entry& entry) {
        const Node* const other = b.find(entry.key);
        return other == nullptr ? says_nothing(entry.value) : same(entry.value, *other);
    });
}

}  // namespace

std::optional<Node> tree_of(std::string_view text) {
    Source source{"", "", std::string(text), {}};
    std::vector<Diagnostic> ignored;
    if (!read_document(source, ignored)) return std::nullopt;
    return std::move(source.root);
}

std::optional<std::size_t> number_of(const Node& root, const TableName& table) {
    const Node* const list = root.at(table.path);
    if (list == nullptr || list->kind != Node::Kind::kArray) return std::nullopt;
    const auto found = std::find_if(list->items.begin(), list->items.end(), [&](const Node& item) {
        const Node* const name = item.find("name");
        return name != nullptr && name->kind == Node::Kind::kString && name->text == table.element;
    });
    return static_cast<std::size_t>(found - list->items.begin());
}

Status apply(const Operation& operation, Node& root) {
    return std::visit([&root](const auto& one) { return change(root, one); }, operation);
}

bool same(const Node& a, const Node& b) {
    if (a.kind != b.kind || a.text != b.text || a.integer != b.integer || a.boolean != b.boolean) return false;
    if (a.kind == Node::Kind::kTable) return has_all_of(a, b) && has_all_of(b, a);
    return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same);
}

}  // namespace warren::config
