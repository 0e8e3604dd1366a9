// How a client's configuration leaves vpnctl: as text or as a QR code, on standard output or in a file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "amend/profile.h"
#include "base/result.h"
#include "ctl/command.h"

namespace warren::ctl {

using amend::profile_text;
using amend::SecretText;

// Where the profile goes: --out, --svg, --qr and --format of the command line.
class ProfileOutput {
  public:
    explicit ProfileOutput(const Invocation& invocation) : invocation_(invocation) {}

    // Why the options do not go together; "" when they do.
    [[nodiscard]] std::string problem() const;
    // Makes the codes and the new files, mode 0600; on an error none is left.
    [[nodiscard]] Status write(const SecretText& profile);
    // Removes the files that write() made.
    void take_back();
    // What belongs on standard output.
    void print(const SecretText& profile, Output& output) const;

  private:
    [[nodiscard]] bool has(std::string_view format) const { return invocation_.format == format; }

    const Invocation& invocation_;
    SecretText terminal_;
    SecretText svg_;
    std::vector<std::string> made_;
};

}  // namespace warren::ctl
