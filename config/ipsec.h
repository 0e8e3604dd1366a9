// IKEv2's and IPsec's part of the files: how it is read, what it names, how differences show it. The checks are in
// config/ipsec_checks.h and config/ipsec_clashes.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/appliance.h"
#include "config/customer.h"
#include "config/document.h"
#include "config/named_secrets.h"

namespace warren::config {

// --- reading -------------------------------------------------------------------------------------

// [ipsec]: appended to the listeners.
void read_ipsec(const Node& root, Appliance& to);
void read_ipsec(const Node& root, Customer& to);

// --- secrets -------------------------------------------------------------------------------------

void add_secrets(const IkeListener& listener, std::vector<NamedSecret>& out);
void add_secrets(const Ipsec& ipsec, std::vector<NamedSecret>& out);

// --- differences ---------------------------------------------------------------------------------

// What is not a file's content, as lines "field" -> "text" (config/diff.cc).
void flatten(const IkeListener& settings, std::uint16_t port, std::map<std::string, std::string>& out);
void flatten(const Ipsec& ipsec, std::map<std::string, std::string>& out);
// How the fields of a connection begin: "connection branch-graz".
[[nodiscard]] std::string field_of(const Connection& connection);
// A connection in a few words.
[[nodiscard]] std::string summary_of(const Connection& connection);

// --- names ---------------------------------------------------------------------------------------

// "ipsec.connection[2]"
[[nodiscard]] std::string connection_path(std::size_t connection);
// Of the table that child number `child` of children_of() stands in.
[[nodiscard]] std::string child_path(const Connection& connection, std::size_t number, std::size_t child);

}  // namespace warren::config
