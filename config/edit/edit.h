// Changes one thing in the text of a configuration's file, as a careful person would: every byte outside of the touched
// span stays, comments, blank lines and ends of lines too, and what is added looks like its neighbours. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace warren::config {

// Keys with their values as TOML, in the order in which they are written.
using Fields = std::vector<std::pair<std::string, std::string>>;

// A table: "stack", "" for the top, or with `element` the one of [[path]] that has this name.
struct TableName {
    std::string path;
    std::string element = {};
};

// Replaces the value, or adds the key; a table that is not there is added at the end.
struct SetKey {
    TableName table;
    std::string key;
    std::string value;  // as TOML
};
struct RemoveKey {
    TableName table;
    std::string key;
};
// At the end of the file.
struct AddTable {
    std::string path;
    Fields fields;
};
// Behind the last element of [[path]], or at the end of the file. Each has a name that no other has.
struct AddElements {
    std::string path;
    std::vector<Fields> elements;
};
// Keys that `fields` does not have are removed.
struct ReplaceElement {
    TableName table;
    Fields fields;
};
// With the comment right above its header.
struct RemoveElement {
    TableName table;
};

using Operation = std::variant<SetKey, RemoveKey, AddTable, AddElements, ReplaceElement, RemoveElement>;

// kInvalid: `text` is not TOML, or a value is not. kNotFound, kConflict: the table, element or key is not there, or is
// there already. kUnsupported: it is written in a form that cannot be edited here, such as a table on one line. The
// result was parsed, and says what `text` says with the operation applied.
[[nodiscard]] Result<std::string> edit(std::string_view text, const Operation& operation);

// Values as TOML.
[[nodiscard]] std::string toml_string(std::string_view text);
[[nodiscard]] std::string toml_strings(const std::vector<std::string>& texts);

}  // namespace warren::config
