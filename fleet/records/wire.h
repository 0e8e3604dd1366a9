// What the requests to etcd's JSON gateway and its answers share. For the sources of this directory.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/ownership/ownership.h"

namespace warren::fleet::wire {

using nlohmann::json;

[[nodiscard]] std::string key_of(std::string_view kind, std::string_view name);
// The first key behind all that begin with `prefix` (etcd: range_end).
[[nodiscard]] std::string end_of(std::string prefix);
[[nodiscard]] json compare(const std::string& key, Revision changed);
[[nodiscard]] json put(const std::string& key, const json& value);
[[nodiscard]] json put_text(const std::string& key, const std::string& value);
[[nodiscard]] json range_of(const std::string& prefix);

// Discarded: it is none.
[[nodiscard]] json parse(const std::string& text);
// Null: it has none, or is no object.
[[nodiscard]] const json* member(const json& of, const char* name);
// The gateway writes 64-bit numbers as text, and leaves out what is 0.
[[nodiscard]] std::uint64_t number(const json* value);
[[nodiscard]] std::optional<std::string> text(const json* value);
[[nodiscard]] bool flag(const json& of, const char* name, bool otherwise);
// Of base64.
[[nodiscard]] std::optional<std::string> bytes(const json* value);
// At which etcd answered; 0: not said.
[[nodiscard]] Revision revision_of(const json& answer);

struct KeyValue {
    std::string key;  // without kPrefix
    std::string text;
    Revision changed = 0;
    [[nodiscard]] json value() const { return parse(text); }
};
[[nodiscard]] std::optional<KeyValue> key_value_of(const json& from);
// "groups/7" with the kind "groups": "7".
[[nodiscard]] std::optional<std::string> name_of(const std::string& key, std::string_view kind);
// The key-value pairs of one answer to a range.
[[nodiscard]] std::vector<KeyValue> all_of(const json* range);

}  // namespace warren::fleet::wire
