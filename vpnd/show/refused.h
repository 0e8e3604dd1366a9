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
    std::string customer;  // whose peer it claims to be, and that one's name; "": nobody's
    std::string peer;
};

// At most `most`, the latest first. When there are more, each listener and reason, and the claims to be a customer's
// peers for each reason, have their latest before any has its second latest, and among these the claims come first: a
// flood at one listener hides nobody that was refused at another, and floods at many hide no customer's claims.
[[nodiscard]] std::vector<ipc::RefusedSender> select_refused(std::vector<ListenerRefusal> refusals, std::size_t most);

}  // namespace warren::vpnd
