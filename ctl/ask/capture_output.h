// Where a capture is written: never stuck behind a reader that does not read, nor silent about a full disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace warren::ctl {

// A file, a pipe or anything else that takes bytes, with a descriptor that becomes readable when the user asks for the
// end (a signalfd). One thread.
class CaptureOutput {
  public:
    // What waits after the user asked for the end is still written, as long as its reader takes some that often.
    static constexpr int kPatience = 2'000;  // milliseconds

    // "-" and "" are standard output, which must be no terminal when it is not named. A file is not changed yet: it may
    // be another capture's. kInvalid: the terminal.
    [[nodiscard]] static Result<CaptureOutput> open(const std::string& path);
    // Writes to a descriptor, which it owns from now on.
    explicit CaptureOutput(UniqueFd fd, std::string name = "standard output");

    // A named file becomes empty, and only its owner can read it. Now that the capture was agreed to.
    [[nodiscard]] Status begin();
    // From now on this descriptor, which does not block and outlives this object, ends what waits.
    void watch(int signals) { signals_ = signals; }

    // All of it. False: nothing can be written any more, so the last block may be cut; failure() says why.
    [[nodiscard]] bool write(const std::vector<std::uint8_t>& bytes);
    // The user has asked for the end. The second time ends what waits.
    [[nodiscard]] bool is_end_asked();
    // An error: of the file. A reader that has gone is none: that is a usual end.
    [[nodiscard]] Status failure() const;

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool is_over() const { return failed_ != 0; }

  private:
    // Until it takes some bytes. False: it does not, and somebody wants the end.
    [[nodiscard]] bool wait();
    [[nodiscard]] bool read_signal();

    UniqueFd fd_;
    std::string name_;
    bool is_file_ = false;   // a regular file, which always takes what it is given
    bool is_named_ = false;  // by the user, with -w
    int signals_ = -1;
    bool has_asked_ = false;
    int failed_ = 0;  // errno of the first failure
};

}  // namespace warren::ctl
