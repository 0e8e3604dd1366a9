// Reads what the status page shows of one stack.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "stacks/plan/look.h"

namespace warren::stacks {

// The calling thread enters the namespace of this name, and is where it was at the end. Changes nothing; a few
// milliseconds. kNotFound: there is none.
[[nodiscard]] Result<StackLook> look_into(const std::string& name);

// These are pure: of a dump of links, and of one of neighbours. `index`: of the handoff's device; 0: there is none.
void read_links(Bytes messages, StackLook& look, std::uint32_t& index);
void read_neighbours(Bytes messages, std::uint32_t index, ipc::WebLan& lan);

}  // namespace warren::stacks
