// What an operation does to the parsed tree: the result of an edit must say exactly this. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "config/document.h"
#include "config/edit/edit.h"

namespace warren::config {

// Nothing when the text is not TOML.
[[nodiscard]] std::optional<Node> tree_of(std::string_view text);
// The element of this name in the array of tables at `path`; the array's size when there is none. nullopt: there is no
// such array.
[[nodiscard]] std::optional<std::size_t> number_of(const Node& root, const TableName& table);
// Errors as those of edit(). Replacing an element is done key by key and is not an operation here.
[[nodiscard]] Status apply(const Operation& operation, Node& root);
// Whether both say the same, wherever it stands.
[[nodiscard]] bool same(const Node& a, const Node& b);

}  // namespace warren::config
