// The part of [alerts] in the files: how it is read, what it names, its checks, how differences show it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/appliance.h"
#include "config/document.h"
#include "config/named_secrets.h"
#include "config/parse.h"

namespace warren::config {

void read_alerts(const Node& root, Appliance& to);
void add_secrets(const Alerts& alerts, std::vector<NamedSecret>& out);
// That there is a receiver, and that a login is whole. Appends errors.
void check_alerts(const Parsed<Appliance>& appliance, std::vector<Diagnostic>& out);
// As lines "field" -> "text" (config/diff.cc).
void flatten(const Alerts& alerts, std::map<std::string, std::string>& out);

}  // namespace warren::config
