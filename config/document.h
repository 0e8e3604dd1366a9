// TOML text as a tree with the place of every value. The only user of the TOML library is document.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"

namespace warren::config {

// One value. `kind` says which members count.
struct Node {
    enum class Kind { kString, kInteger, kFloat, kBoolean, kDate, kArray, kTable };
    struct Entry;

    Kind kind = Kind::kTable;
    Place place;
    std::string text;            // kString: the value
    std::int64_t integer = 0;    // kInteger; kDate that is a moment: seconds since 1970 UTC
    bool boolean = false;        // kBoolean; kDate: whether it is a moment: a day, or a day with a time and an offset
    std::vector<Node> items;     // kArray
    std::vector<Entry> entries;  // kTable, by key

    // The value of a key of a table; nullptr when there is none or this is no table.
    [[nodiscard]] const Node* find(std::string_view key) const;
    // By path: "wireguard.peer[2].allowed_ips[0]".
    [[nodiscard]] const Node* at(std::string_view path) const;
};

struct Node::Entry {
    std::string key;
    Place key_place;
    Node value;
};

// "a string", "an integer", ... for messages.
[[nodiscard]] std::string_view name_of(Node::Kind kind);

// A file that was read, kept while diagnostics may cite it.
struct Source {
    std::string file;      // as the operator would name it
    std::string customer;  // the id, "" for the appliance
    std::string text;
    Node root;

    // A diagnostic about a place in this file.
    [[nodiscard]] Diagnostic diagnose(Severity severity, Place place, std::string message) const;
    [[nodiscard]] Diagnostic error(std::string_view path, std::string message) const;
    [[nodiscard]] Diagnostic warning(std::string_view path, std::string message) const;
    // The place of the value at `path`, or of the nearest existing table above it.
    [[nodiscard]] Place place_of(std::string_view path) const;
    // "file:line:column", to name a second place in a message.
    [[nodiscard]] std::string cite(std::string_view path) const;
};

// Fills source.root from source.text. A syntax error is appended to `out` and leaves the tree empty; the library stops
// at the first. Never aborts, whatever the text: nesting and size are bounded (kMaxDocumentSize, config/prescan.h).
[[nodiscard]] bool read_document(Source& source, std::vector<Diagnostic>& out);

inline constexpr std::size_t kMaxDocumentSize = 16 * 1024 * 1024;  // some 700,000 prefixes

}  // namespace warren::config
