// Peers from other systems: a server's file of wg-quick(8), a table of CSV. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "crypto/keys.h"

namespace warren::clients {

struct ImportedPeer {
    std::string name;  // as the source has it; "": it has none
    std::string description;
    std::string public_key;        // base64
    std::string preshared_key;     // base64, secret; "" without one
    std::vector<Prefix> networks;  // no host bits
    std::optional<Endpoint> endpoint;
    std::uint16_t persistent_keepalive_seconds = 0;
    bool enabled = true;
};

// A line of the source that has no counterpart, or something that was changed.
struct ImportNote {
    unsigned line = 0;  // from 1
    std::string text;   // no key is in it
};

struct Imported {
    std::vector<Prefix> addresses;  // [Interface] Address, with host bits
    std::optional<std::uint16_t> listen_port;
    std::optional<std::uint16_t> mtu;
    std::string private_key;  // base64, secret; "" without one
    std::vector<ImportedPeer> peers;
    std::vector<ImportNote> notes;   // what was not translated
    std::vector<ImportNote> errors;  // not empty: nothing of it may be used
};

// Every line is translated, in `notes` or in `errors`. A comment before a [Peer], or right behind its header, is its
// name. The caller wipes the keys, and the text.
[[nodiscard]] Imported import_wg_quick(std::string_view text);

// RFC 4180, with a header row; the separator is a comma or a semicolon. Columns: name, public_key, and perhaps
// networks (separated by spaces or "|"), description, preshared_key, endpoint, keepalive, enabled. Errors name the
// column.
[[nodiscard]] Imported import_csv(std::string_view text);

}  // namespace warren::clients
