#include "amend/ipsec_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/eap_users.h"

namespace warren::amend {

namespace {

std::string_view text_of(const crypto::SecretBuffer& content) {
    return {reinterpret_cast<const char*>(content.reveal().data()), content.reveal().size()};
}

// The preshared key, or the user's password.
Result<SecretText> secret_of(const config::Loaded& loaded, const config::Connection& connection,
                             const std::string& user) {
    if (connection.psk) {
        const auto* const content = loaded.secrets.content(*connection.psk, config::FileForm::kPsk);
        if (content == nullptr) return fail(ErrorCode::kNotFound, "the preshared key cannot be read");
        return SecretText(std::string(text_of(*content)));
    }
    if (!connection.users) return SecretText(std::string(clients::kSecretLeftOut));
    const auto* const content = loaded.secrets.content(*connection.users, config::FileForm::kUsers);
    if (content == nullptr) return fail(ErrorCode::kNotFound, "the file of users cannot be read");
    std::optional<SecretText> found;
    bool is_hash = false;
    (void)eap::read_users(text_of(*content), [&](const eap::UserLine& line) {
        if (line.name != user) return;
        is_hash = line.is_nt_hash;
        found.emplace(std::string(line.password));
    });
    if (!found) return fail(ErrorCode::kNotFound, fmt::format("{} has no user {}", connection.name, user));
    if (is_hash) return fail(ErrorCode::kInvalid, fmt::format("of {} only the hash of the password is known", user));
    return std::move(*found);
}

}  // namespace

Result<SecretText> ipsec_profile_text(const config::Loaded& loaded, const IpsecProfileWish& wish) {
    const auto found = std::find_if(loaded.customers.begin(), loaded.customers.end(),
                                    [&](const auto& one) { return one.value().id == wish.customer; });
    if (found == loaded.customers.end())
        return fail(ErrorCode::kNotFound, fmt::format("there is no customer {}", wish.customer));
    if (!found->valid || !loaded.appliance_valid)
        return fail(ErrorCode::kInvalid, "the configuration has errors; see vpnctl check");
    const config::Customer& owner = found->value();
    const config::Connection* connection = nullptr;
    if (owner.ipsec) {
        for (const config::Connection& one : owner.ipsec->connections) {
            if (one.name == wish.connection) connection = &one;
        }
    }
    if (connection == nullptr)
        return fail(ErrorCode::kNotFound,
                    fmt::format("{} has no connection {} of IPsec", wish.customer, wish.connection));
    const auto profile = clients::profile_of(loaded.appliance, owner, *connection, wish.user, wish.format);
    if (!profile) return tl::unexpected<Error>(profile.error());
    if (!wish.with_secret) return SecretText(clients::ipsec_text(*profile, wish.format, clients::kSecretLeftOut));
    const auto secret = secret_of(loaded, *connection, wish.user);
    if (!secret) return tl::unexpected<Error>(secret.error());
    return SecretText(clients::ipsec_text(*profile, wish.format, secret->text()));
}

}  // namespace warren::amend
