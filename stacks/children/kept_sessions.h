// The memory in which one vpnd leaves its sessions to the next (docs/decisions/0011-sessions-outlive-vpnd.md).
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

// A memory file of a fixed size. It holds keys: it is passed to vpnd and to nobody else, and has no name anywhere.
// Only vpnd knows its form. Memory is used as sessions are kept.
class KeptSessions {
  public:
    [[nodiscard]] static Result<KeptSessions> make();

    [[nodiscard]] int fd() const { return file_.get(); }
    // Overwrites everything with zeros and gives the memory back. While no vpnd runs.
    void wipe();

  private:
    explicit KeptSessions(UniqueFd file) : file_(std::move(file)) {}
    UniqueFd file_;
};

}  // namespace warren::stacks
