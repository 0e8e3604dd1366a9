// Where strangers can knock: a process of its own that takes messages from a TCP port and hands them to the one that
// started it. It has no user of the system, no file, no capability, and a filter of system calls; it knows no secret
// and looks at no message.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"

namespace warren::ctl {

inline constexpr std::size_t kDoorClients = 16;      // at once; of more the oldest is dropped
inline constexpr std::size_t kDoorClientsOfOne = 4;  // of them of one address
inline constexpr int kDoorPatienceSeconds = 5;       // for a whole message, and for the answer to be taken
inline constexpr int kDoorPauseMilliseconds = 200;   // after a message that got no answer

class Doorkeeper {
  public:
    // Listens on `at` and starts the process. Call it before threads start. `user`: whom it becomes; "": an
    // unprivileged one without a name. Messages have at most `most` bytes.
    [[nodiscard]] static Result<Doorkeeper> open(const Endpoint& at, const std::string& user, std::size_t most);
    Doorkeeper(Doorkeeper&& other) noexcept;
    Doorkeeper& operator=(Doorkeeper&&) = delete;
    ~Doorkeeper();  // ends the process, which sends the last answer whole before

    // A message that somebody sent whole, or nothing within the time. kUnavailable: the process has ended. Each is to
    // be answered before the next one; with nothing, the connection is closed without a byte.
    [[nodiscard]] Result<std::optional<std::vector<std::uint8_t>>> next(int milliseconds);
    [[nodiscard]] Status answer(Bytes message);

  private:
    Doorkeeper(UniqueFd channel, pid_t process) : channel_(std::move(channel)), process_(process) {}

    UniqueFd channel_;
    pid_t process_ = -1;
};

// The other side: sends one message and returns the answer; kUnavailable: there is none.
[[nodiscard]] Result<std::vector<std::uint8_t>> knock(const Endpoint& at, Bytes message, std::size_t most,
                                                      int patience_seconds);

}  // namespace warren::ctl
