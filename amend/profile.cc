#include "amend/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "clients/profile.h"
#include "crypto/keys.h"

namespace warren::amend {

namespace {

std::string_view view_of(const crypto::Secret<44>& text) {
    return {reinterpret_cast<const char*>(text.reveal().data()), text.kSize};
}

std::optional<crypto::PublicKey> server_key(const config::Loaded& loaded, const config::Customer& customer) {
    const config::Listener* own = config::find(customer.listeners, ListenerKind::kWireguard);
    if (own == nullptr) own = config::find(loaded.appliance.listeners, ListenerKind::kWireguard);
    const auto* settings = own == nullptr ? nullptr : std::get_if<config::WireguardListener>(&own->settings);
    return settings == nullptr ? std::nullopt : loaded.secrets.public_key(settings->private_key);
}

}  // namespace

SecretText& SecretText::operator=(SecretText&& other) noexcept {
    if (this != &other) {
        wipe();
        text_ = std::move(other.text_);
        other.text_.clear();
    }
    return *this;
}

void SecretText::wipe() {
    crypto::wipe({reinterpret_cast<std::uint8_t*>(text_.data()), text_.size()});
}

Result<SecretText> profile_text(const config::Loaded& loaded, const std::string& customer, const std::string& peer,
                                std::string_view private_key) {
    const auto found = std::find_if(loaded.customers.begin(), loaded.customers.end(),
                                    [&](const auto& one) { return one.value().id == customer; });
    if (found == loaded.customers.end())
        return fail(ErrorCode::kNotFound, fmt::format("there is no customer {}", customer));
    if (!found->valid || !loaded.appliance_valid)
        return fail(ErrorCode::kInvalid, "the configuration has errors; see vpnctl check");
    const config::Customer& owner = found->value();
    const auto one = std::find_if(owner.peers.begin(), owner.peers.end(),
                                  [&](const config::Peer& each) { return each.name == peer; });
    if (one == owner.peers.end())
        return fail(ErrorCode::kNotFound, fmt::format("{} has no peer {} of WireGuard", customer, peer));
    const auto server = server_key(loaded, owner);
    if (!server) return fail(ErrorCode::kNotFound, "the server's key cannot be read");
    const auto profile = clients::profile_of(loaded.appliance, owner, *one);
    if (!profile) return tl::unexpected<Error>(profile.error());
    const auto* tunnel = std::get_if<config::WireguardTunnel>(&one->tunnel);
    if (tunnel == nullptr || !tunnel->preshared_key)
        return SecretText(clients::wg_quick_text(*profile, *server, private_key, ""));
    const auto psk = loaded.secrets.preshared_key(*tunnel->preshared_key);
    if (!psk) return fail(ErrorCode::kNotFound, "the preshared key cannot be read");
    const auto text = crypto::to_base64(crypto::PrivateKey{psk->secret.clone()});
    return SecretText(clients::wg_quick_text(*profile, *server, private_key, view_of(text)));
}

}  // namespace warren::amend
