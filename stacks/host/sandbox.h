// What stackd gives up once it has what only full root can get.
#pragma once

#include "base/result.h"

namespace warren::stacks {

// Raises the limits that it and vpnd need (descriptors to the hard limit, locked memory without limit) and asks the OOM
// killer to look elsewhere. Needs CAP_SYS_RESOURCE, so it comes before drop_capabilities(). What cannot be raised is no
// error: vpnd says what it then does without.
void raise_limits();

// Keeps the few capabilities that later reloads need, for this process and whatever it starts; not dumpable.
// `becomes_others`: it starts vpnd and statusd itself, as users of their own. Source: capabilities(7).
[[nodiscard]] Status drop_capabilities(bool becomes_others);

}  // namespace warren::stacks
