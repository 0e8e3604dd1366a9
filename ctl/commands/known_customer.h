// Whether there is a customer at all: a mistyped id must not look like one with nothing to say.
#pragma once

#include <string>

#include "ctl/command.h"

namespace warren::ctl {

// False: it has no file, the newest revision of the history does not have it, and vpnd does not serve it, or does not
// run. Files that this user may not read count as having it, so that the command says itself what it cannot do.
[[nodiscard]] bool is_known_customer(const Invocation& invocation, const std::string& id);
// "there is no customer nope: no /etc/warren/customers/nope.toml"
[[nodiscard]] std::string no_such_customer(const Invocation& invocation, const std::string& id);

}  // namespace warren::ctl
