// How a client's configuration leaves vpnctl: as text or as a QR code, on standard output or in a file.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/load.h"
#include "ctl/command.h"

namespace warren::ctl {

// Text with keys in it: wiped at the end.
class SecretText {
  public:
    SecretText() = default;
    explicit SecretText(std::string text) : text_(std::move(text)) {}
    SecretText(SecretText&& other) noexcept : text_(std::move(other.text_)) { other.text_.clear(); }
    SecretText& operator=(SecretText&& other) noexcept;
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;
    ~SecretText() { wipe(); }

    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    void wipe();
    std::string text_;
};

// Of the peer in a configuration without errors. `private_key`: base64, or clients::kNoPrivateKey. kNotFound: there is
// no such customer or peer of WireGuard, or nothing says where the listener is.
[[nodiscard]] Result<SecretText> profile_text(const config::Loaded& loaded, const std::string& customer,
                                              const std::string& peer, std::string_view private_key);

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
