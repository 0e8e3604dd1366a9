// Memory that outlives a hub, as stackd's file does, and what the rim keeps there of the hub's output.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "tests/unit/ike_engine/harness.h"
#include "vpnd/control/session_keeper.h"
#include "vpnd/ike/sa_keeper.h"

namespace warren::ike::testing {

struct KeptMemory {
    explicit KeptMemory(std::size_t places = 64) : sas(places), sessions(4 * places) {}
    std::vector<KeptSa> sas;
    std::vector<dataplane::KeptSession> sessions;
};

// One process's keepers. It must end before the hub does.
class Keepers {
  public:
    Keepers(KeptMemory& memory, Hub& hub) : counters(memory.sessions), sas(memory.sas), hub_(hub) {
        hub.engine.keep_in(&sas, &counters);
        hub.before_commands = [this](control::Output& out) { keep(out); };
    }
    // Without what the first generation did not take over.
    void end_succession() {
        hub_.call([&] { ended = hub_.engine.end_rest(hub_.now, hub_.out); });
        (void)counters.forget_rest();
    }

    control::SessionKeeper counters;
    SaKeeper sas;
    std::size_t ended = 0;

  private:
    void keep(control::Output& out) {
        for (control::PostedCommand& posted : out.commands) {
            if (auto* const session = std::get_if<dataplane::InstallSession>(&posted.command)) {
                const auto peer = hub_.engine.kept_session(*session);
                session->kept = peer ? counters.keep(*session, *peer, posted.worker) : nullptr;
            } else if (const auto* const gone = std::get_if<dataplane::RetireSession>(&posted.command)) {
                counters.retire(gone->local_id);
            }
        }
    }
    Hub& hub_;
};

}  // namespace warren::ike::testing
