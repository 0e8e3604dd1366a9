// The users of a customer that show who they are with a password, and who guesses at it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/eap/ms_chap.h"
#include "base/ip.h"
#include "base/mistakes.h"
#include "base/result.h"

namespace warren::eap {

// Wrong passwords of a user from one place or from all others that are free.
inline constexpr unsigned kFreeMistakes = 4;

struct User {
    NtHash hash;
    // Where it was right the last time. Guesses from elsewhere do not lock it out there.
    std::optional<IpAddress> home;
    Mistakes at_home;
    Mistakes elsewhere;

    // Of an attempt from `source`, the prefix of an address.
    [[nodiscard]] Mistakes& mistakes_from(const IpAddress& source) { return home == source ? at_home : elsewhere; }
    void was_right(const IpAddress& source);
};

// Keeps hashes, never passwords. One for each content of a file; its size bounds what is remembered of mistakes. One
// thread.
class Users {
  public:
    // `text` as base/eap_users.h reads it; the caller wipes it. kInvalid: it is none.
    [[nodiscard]] static Result<Users> read(const crypto::LegacyDigest& legacy, std::string_view text);

    // The name whole, as the file has it, or without its realm. Null: nobody. Good as long as this is.
    [[nodiscard]] User* find(std::string_view name);
    // The name that the file has for it; "" for nobody's.
    [[nodiscard]] std::string_view name_of(std::string_view name) const;
    [[nodiscard]] std::size_t size() const { return users_.size(); }

  private:
    std::unordered_map<std::string, User> users_;
};

}  // namespace warren::eap
