#include "auth/eap/users.h"

#include <utility>

#include "base/eap.h"
#include "base/eap_users.h"

namespace warren::eap {

namespace {

std::uint8_t digit(char c) {
    return static_cast<std::uint8_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

std::optional<NtHash> hash_of(const crypto::LegacyDigest& legacy, const UserLine& line) {
    if (!line.is_nt_hash) return nt_hash_of(legacy, line.password);
    NtHash out;
    for (std::size_t i = 0; i < NtHash::kSize; ++i)
        out.writable()[i] =
            static_cast<std::uint8_t>(digit(line.password[2 * i]) << 4 | digit(line.password[2 * i + 1]));
    return out;
}

}  // namespace

void User::was_right(const IpAddress& source) {
    mistakes_from(source).clear();
    if (home != source) at_home.clear();
    home = source;
}

Result<Users> Users::read(const crypto::LegacyDigest& legacy, std::string_view text) {
    Users out;
    std::string problem = read_users(text, [&](const UserLine& line) {
        // Of what is no text, nobody has the password.
        if (auto hash = hash_of(legacy, line)) out.users_[std::string(line.name)].hash = std::move(*hash);
    });
    if (!problem.empty()) return fail(ErrorCode::kInvalid, std::move(problem));
    return out;
}

std::string_view Users::name_of(std::string_view name) const {
    for (const std::string_view one : {name, split_name(name).user}) {
        const auto found = users_.find(std::string(one));
        if (found != users_.end()) return found->first;
    }
    return {};
}

User* Users::find(std::string_view name) {
    const auto found = users_.find(std::string(name_of(name)));
    return found == users_.end() ? nullptr : &found->second;
}

}  // namespace warren::eap
