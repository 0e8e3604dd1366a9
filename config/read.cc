#include "config/read.h"

#include <ratio>

#include "config/moment.h"
#include "config/rate.h"

namespace warren::config {

void read(const Node* node, std::string& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = node->text;
}

void read(const Node* node, bool& to) {
    if (node != nullptr && node->kind == Node::Kind::kBoolean) to = node->boolean;
}

void read(const Node* node, std::uint16_t& to) {
    if (node != nullptr && node->kind == Node::Kind::kInteger && node->integer >= 0 && node->integer <= 65535) {
        to = static_cast<std::uint16_t>(node->integer);
    }
}

void read(const Node* node, std::uint32_t& to) {
    if (node != nullptr && node->kind == Node::Kind::kInteger && node->integer >= 0 && node->integer <= 0xffffffff) {
        to = static_cast<std::uint32_t>(node->integer);
    }
}

void read(const Node* node, std::optional<std::uint64_t>& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_rate(node->text);
}

void read(const Node* node, IpAddress& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_ip(node->text).value_or(to);
}

void read(const Node* node, Prefix& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_prefix(node->text).value_or(kUnreadablePrefix);
}

void read(const Node* node, Endpoint& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_endpoint(node->text).value_or(to);
}

void read(const Node* node, ZonedEndpoint& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = parse_zoned_endpoint(node->text).value_or(to);
}

void read(const Node* node, crypto::PublicKey& to) {
    if (node != nullptr && node->kind == Node::Kind::kString) to = crypto::parse_public_key(node->text).value_or(to);
}

void read(const Node* node, WallTime& to) {
    if (node == nullptr || node->kind != Node::Kind::kDate || !node->boolean) return;
    if (node->integer < kFirstMoment || node->integer > kLastMoment) return;
    to.nanoseconds = node->integer * std::nano::den;
}

void read(const Node* node, SecretRef& to) {
    if (node != nullptr) read(node->find("secret"), to.name);
}

}  // namespace warren::config
