// The descriptors of a listener as the control worker takes them.
#pragma once

#include <cstdint>

#include "vpnd/customers/generation.h"
#include "vpnd/io/control_worker.h"

namespace warren::vpnd {

// Those of the first port, the surplus ones included. What is not there is invalid.
[[nodiscard]] io::ControlWorker::Sockets take_sockets(ListenerSockets& sockets, std::uint32_t workers);

}  // namespace warren::vpnd
