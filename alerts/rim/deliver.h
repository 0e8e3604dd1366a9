// One delivery, by libcurl or a socket. Waits for the receiver.
#pragma once

#include <string>

#include "alerts/model/outbox.h"
#include "base/time.h"
#include "ipc/alert_messages.h"

namespace warren::alerts {

struct Answer {
    Delivery delivery = Delivery::kFailed;
    std::string text;  // one line, harmless
};

[[nodiscard]] Answer deliver(const ipc::AlertSettings& settings, const Outbox::Batch& batch, Duration patience);
// kRefused: what was sent cannot be taken. Everything else may be mended where it is sent to, and is tried again.
[[nodiscard]] Delivery verdict_of_http(long status);
// Of one that did not take it. `has_sent`: the whole mail.
[[nodiscard]] Delivery verdict_of_smtp(long status, bool has_sent);
// What libcurl, OpenSSL and the resolver read and start once. Any thread, once.
[[nodiscard]] bool start_delivering();
// Where a receiver is, for people; "": there is none. Of a URL without its path, which may be a secret.
[[nodiscard]] std::string place_of(const ipc::AlertSettings& settings, Receiver receiver);

}  // namespace warren::alerts
