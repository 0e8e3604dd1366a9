// The words of WireGuard's cross-platform UAPI, read-only: requests in, the answer to `get=1` out
// (wireguard.com/xplatform).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "crypto/keys.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/io/worker_messages.h"
#include "vpnd/wireguard/engine.h"

namespace warren::vpnd {

enum class UapiOperation : std::uint8_t {
    kGet,        // get=1, empty line
    kSet,        // set=1, lines, empty line: we refuse it
    kMalformed,  // anything else: answer and hang up
};

// Takes a client's bytes as they come. Holds at most one line of kMaxLine bytes; the lines of a set, which may hold
// keys, are wiped unread.
class UapiReader {
  public:
    static constexpr std::size_t kMaxLine = 256;

    // Consumes from the front of `bytes` up to the end of the next operation; nothing when it needs more.
    [[nodiscard]] std::optional<UapiOperation> feed(Bytes& bytes);

  private:
    [[nodiscard]] std::optional<UapiOperation> end_line();

    enum class State : std::uint8_t { kOperation, kGetEnd, kSetLines };
    State state_ = State::kOperation;
    std::string line_;
};

// Append what `wg show` wants to know; keys in lower-case hex. `out` holds secrets then: reserve first and wipe
// afterwards.
void append_uapi_listener(std::string& out, const HeldListener& listener, bool with_secrets);
void append_uapi_peer(std::string& out, const HeldPeer& peer, const control::PeerStatus& status,
                      const io::PeerCounters& counters, bool with_secrets);
// Room that append_uapi_peer() needs at most.
[[nodiscard]] std::size_t uapi_room(const HeldPeer& peer);
// "errno=N\n\n": 0 done, -1 (EPERM) refused, -22 (EINVAL) malformed.
[[nodiscard]] std::string uapi_end(int error);

}  // namespace warren::vpnd
