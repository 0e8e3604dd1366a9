// The privileges that stackd gives up after its start.
#pragma once

#include "base/result.h"

namespace warren::stacks {

// Raises the limits that it and vpnd need (descriptors to the hard limit, locked memory without limit) and asks the OOM
// killer to spare it. Needs CAP_SYS_RESOURCE, so it comes before drop_capabilities(). A limit that cannot be raised is
// no error: vpnd logs the consequence.
void raise_limits();

// Keeps only the capabilities that later reloads need, for this process and its children, and makes it undumpable.
// `becomes_others`: it starts vpnd and statusd itself, as other users. Source: capabilities(7).
[[nodiscard]] Status drop_capabilities(bool becomes_others);

}  // namespace warren::stacks
