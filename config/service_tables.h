// [dns] and [bgp] in the files: their keys of the documents, their checks and their differences.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/customer.h"
#include "config/document.h"
#include "config/parse.h"

namespace warren::config {

// Both tables, if they are there.
void read_services(const Node& root, Customer& to);
// That services have addresses of the stack, and reach what they name. Appends errors.
void check_services(const Parsed<Customer>& customer, std::vector<Diagnostic>& out);
// As lines "field" -> "text" (config/diff.cc).
void flatten_services(const Customer& customer, std::map<std::string, std::string>& out);

}  // namespace warren::config
