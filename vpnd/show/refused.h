// Which of the refused senders of all listeners a snapshot shows.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "ipc/snapshot.h"
#include "vpnd/control/refusals.h"

namespace warren::vpnd {

struct ListenerRefusal {
    std::string listener;  // its owner; "" = the appliance
    control::Refusal refusal;
};

// At most `most`, the latest first. When there are more, each listener and reason has its latest before any has its
// second latest: a flood at one listener hides nobody that was refused at another.
[[nodiscard]] std::vector<ipc::RefusedSender> select_refused(std::vector<ListenerRefusal> refusals, std::size_t most);

}  // namespace warren::vpnd
