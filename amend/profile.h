// The configuration of a customer's device as text, out of a whole configuration.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "config/load.h"

namespace warren::amend {

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

}  // namespace warren::amend
