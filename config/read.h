// Reads values out of a document: each reader keeps what is valid; the check of the shape (config/parse.cc) has
// reported the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "config/document.h"
#include "config/tunnel.h"
#include "crypto/keys.h"

namespace warren::config {

// Stands for a prefix that could not be read, in values that are not valid.
inline constexpr Prefix kUnreadablePrefix{{}, 255};

// A null node, or one of another kind, leaves `to` as it is.
void read(const Node* node, std::string& to);
void read(const Node* node, bool& to);
void read(const Node* node, std::uint16_t& to);
void read(const Node* node, std::uint32_t& to);
void read(const Node* node, std::optional<std::uint64_t>& to);  // a rate
void read(const Node* node, IpAddress& to);
void read(const Node* node, Prefix& to);
void read(const Node* node, Endpoint& to);
void read(const Node* node, ZonedEndpoint& to);
void read(const Node* node, crypto::PublicKey& to);
void read(const Node* node, SecretRef& to);
void read(const Node* node, WallTime& to);

// Element i of the vector is element i of the array, so that paths into the document match.
template <typename T>
void read(const Node* node, std::vector<T>& to) {
    if (node == nullptr || node->kind != Node::Kind::kArray) return;
    for (const Node& item : node->items) {
        to.emplace_back();
        read(&item, to.back());
    }
}

template <typename T>
void read(const Node* node, std::optional<T>& to) {
    if (node != nullptr) read(node, to.emplace());
}

}  // namespace warren::config
