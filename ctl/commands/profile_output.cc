#include "ctl/commands/profile_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "clients/profile.h"
#include "crypto/keys.h"
#include "ctl/files/files.h"
#include "ctl/show/qr.h"

namespace warren::ctl {

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

std::string ProfileOutput::problem() const {
    const std::string& format = invocation_.format;
    if (!format.empty() && format != "conf" && format != "qr" && format != "svg")
        return fmt::format("unknown format \"{}\"; accepted: conf, qr, svg", format);
    return {};
}

Status ProfileOutput::write(const SecretText& profile) {
    const ChangeOptions& options = invocation_.change;
    take_back();
    if (options.qr || !options.svg.empty() || has("qr") || has("svg")) {
        const auto code = qr_of(profile.text());
        if (!code) return tl::unexpected<Error>(code.error());
        terminal_ = SecretText(qr_terminal(*code));
        svg_ = SecretText(qr_svg(*code));
    }
    const std::string& text = has("qr") ? terminal_.text() : has("svg") ? svg_.text() : profile.text();
    for (const auto& [path, what] : {std::pair(&options.out, &text), std::pair(&options.svg, &svg_.text())}) {
        if (path->empty()) continue;
        if (const Status written = create_file(*path, *what); !written) {
            take_back();
            return written;
        }
        made_.push_back(*path);
    }
    return {};
}

void ProfileOutput::take_back() {
    for (const std::string& path : made_) (void)::unlink(path.c_str());
    made_.clear();
}

void ProfileOutput::print(const SecretText& profile, Output& output) const {
    const ChangeOptions& options = invocation_.change;
    if (options.qr || (has("qr") && options.out.empty())) {
        output.out << terminal_.text() << std::flush;
    } else if (has("svg") && options.out.empty()) {
        output.out << svg_.text() << std::flush;
    } else if (options.out.empty() && options.svg.empty()) {
        output.out << profile.text() << std::flush;
    }
}

}  // namespace warren::ctl
