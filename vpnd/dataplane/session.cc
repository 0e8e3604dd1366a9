#include "vpnd/dataplane/session.h"

namespace warren::dataplane {

void Session::keep_reserved() {
    if (reserved >= KeptCounter::kLimit) return stop_keeping();
    kept->reserved.store(reserved);
}

void Session::keep_in(KeptSession& slot) {
    if (kept == nullptr) return slot.free();
    slot.reserved.store(reserved);
    slot.received.store(has_received ? received.newest() + 1 : 0);
    slot.window_of.store(0);
    slot.state.store(KeptSession::kUsed, std::memory_order_release);
    kept = &slot;
}

void Session::keep_window() {
    if (kept == nullptr || !has_received) return;
    kept->window = received.keep();
    kept->window_of.store(received.newest() + 1);
}

void Session::resume() {
    if (kept == nullptr) return;
    const std::uint64_t below = kept->received.load().value_or(0);  // whoever offers the slot has looked at it
    if (below != 0) {
        const ReplayWindow::KeptWords window = kept->window;
        received =
            ReplayWindow::resume(below - 1, kept->window_of.load() == below ? &window : nullptr, received.size());
        has_received = true;
    }
    // From now on late messages are accepted that it does not show.
    kept->window_of.store(0);
}

}  // namespace warren::dataplane
