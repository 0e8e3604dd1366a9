// [firewall] and [nat] in the files: their keys of the documents, their checks and their differences.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/customer.h"
#include "config/document.h"
#include "config/parse.h"

namespace warren::config {

// Both tables, if they are there.
void read_policy(const Node& root, Customer& to);
// That what rules and translations name is there, and that they can match. Appends errors.
void check_policy(const Parsed<Customer>& customer, std::vector<Diagnostic>& out);
// As lines "field" -> "text" (config/diff.cc).
void flatten_policy(const Customer& customer, std::map<std::string, std::string>& out);
// "peer:graz, peer:linz -> 10.42.0.10/32 tcp 443, 8000-8010 accept"
[[nodiscard]] std::string summary_of(const FirewallRule& rule);

}  // namespace warren::config
