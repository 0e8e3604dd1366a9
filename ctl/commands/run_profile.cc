// profile: the configuration of a client, made again from the present files
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <ostream>

#include "amend/ipsec_profile.h"
#include "clients/profile.h"
#include "config/load.h"
#include "config/secrets.h"
#include "crypto/x25519.h"
#include "ctl/commands/change.h"
#include "ctl/commands/profile_output.h"
#include "ctl/files/files.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

const config::Customer* find_customer(const config::Loaded& loaded, const std::string& id) {
    const auto found = std::find_if(loaded.customers.begin(), loaded.customers.end(),
                                    [&id](const auto& one) { return one.value().id == id; });
    return found == loaded.customers.end() ? nullptr : &found->value();
}

const config::Peer* find_peer(const config::Customer& customer, const std::string& name) {
    const auto found = std::find_if(customer.peers.begin(), customer.peers.end(),
                                    [&name](const auto& one) { return one.name == name; });
    return found == customer.peers.end() ? nullptr : &*found;
}

// The key in the file, which must be the peer's.
Result<SecretText> read_private_key(const std::string& path, const config::Loaded& loaded, const std::string& customer,
                                    const std::string& name) {
    if (::access(path.c_str(), R_OK) != 0) return fail_errno("read " + path, errno);
    auto read = read_text(path);
    if (!read) return tl::unexpected<Error>(read.error());
    const SecretText text(std::move(*read));
    auto secret = config::parse_secret_text(text.text());
    if (!secret)
        return fail(ErrorCode::kInvalid,
                    path + " holds no key; accepted: 44 characters of base64, as `wg genkey` prints them");
    const crypto::PrivateKey key{std::move(*secret)};
    const config::Customer* const owner = find_customer(loaded, customer);
    const config::Peer* const peer = owner == nullptr ? nullptr : find_peer(*owner, name);
    const auto* tunnel = peer == nullptr ? nullptr : std::get_if<config::WireguardTunnel>(&peer->tunnel);
    const crypto::PublicKey of_file = crypto::public_key_of(key);
    if (tunnel != nullptr && of_file != tunnel->public_key && of_file != tunnel->next_public_key)
        return fail(ErrorCode::kInvalid, fmt::format("{} holds another key than that of {}", path, name));
    const auto line = crypto::to_base64(key);
    return SecretText(std::string(reinterpret_cast<const char*>(line.reveal().data()), line.kSize));
}

// A file for each peer, none of them over one that is there.
int write_all(const Invocation& invocation, const config::Loaded& loaded, Output& output) {
    const std::string& id = invocation.arguments[0];
    const std::string& directory = invocation.change.out;
    const config::Customer* const customer = find_customer(loaded, id);
    if (customer == nullptr) return complain(output, kFailed, fmt::format("there is no customer {}", id));
    if (const Status made = ensure_directory(directory, 0700); !made)
        return complain(output, kFailed, made.error().what);
    std::size_t written = 0;
    for (const config::Peer& peer : customer->peers) {
        const auto text = profile_text(loaded, id, peer.name, clients::kNoPrivateKey);
        if (!text) return complain(output, kFailed, text.error().what);
        const std::string path = fmt::format("{}/{}.conf", directory, peer.name);
        if (const Status done = create_file(path, text->text()); !done)
            return complain(output, kFailed, fmt::format("{}; {} written before it", done.error().what, written));
        ++written;
    }
    output.out << fmt::format("{} profile{} in {}: replace {} in each\n", written, written == 1 ? "" : "s", directory,
                              clients::kNoPrivateKey);
    return kDone;
}

// Where a connection of IPsec has the name that no peer has.
std::string hint_of(const config::Loaded& loaded, const std::string& id, const std::string& name) {
    for (const config::LoadedCustomer& each : loaded.customers) {
        if (each.value().id != id || !each.value().ipsec) continue;
        const auto& all = each.value().ipsec->connections;
        if (std::any_of(all.begin(), all.end(), [&name](const auto& one) { return one.name == name; }))
            return fmt::format("; it is a connection of IPsec: say --for {}",
                               fmt::join(clients::kIpsecFormatNames, ", "));
    }
    return {};
}

int of_connection(const Invocation& invocation, Output& output) {
    const std::vector<std::string>& words = invocation.arguments;
    const ChangeOptions& options = invocation.change;
    const auto format = clients::parse_ipsec_format(options.for_program);
    if (!format)
        return complain(output, kUsage,
                        fmt::format("unknown program \"{}\"; accepted: {}", options.for_program,
                                    fmt::join(clients::kIpsecFormatNames, ", ")));
    if (words.size() < 2) return complain(output, kUsage, "name the connection of IPsec");
    if (options.all || !options.private_key_file.empty() || options.qr || !options.svg.empty() ||
        !invocation.format.empty())
        return complain(output, kUsage, "--for goes with --out and --with-secret alone");
    const std::string user = words.size() > 2 ? words[2] : "";
    const auto text = amend::ipsec_profile_text(config::load(invocation.config_dir),
                                                {words[0], words[1], user, *format, options.with_secret});
    if (!text) return complain(output, kFailed, text.error().what);
    if (options.out.empty()) {
        output.out << text->text() << std::flush;
        return kDone;
    }
    if (const Status written = create_file(options.out, text->text()); !written)
        return complain(output, kFailed, written.error().what);
    return kDone;
}

}  // namespace

int run_profile(const Invocation& invocation, Output& output) {
    const ChangeOptions& options = invocation.change;
    if (!options.for_program.empty()) return of_connection(invocation, output);
    if (options.with_secret || invocation.arguments.size() > 2)
        return complain(output, kUsage, "--with-secret and USER are for a connection of IPsec: say --for PROGRAM");
    ProfileOutput profile_output(invocation);
    if (const std::string problem = profile_output.problem(); !problem.empty())
        return complain(output, kUsage, problem);
    if (options.all != (invocation.arguments.size() == 1) || (options.all && options.out.empty()))
        return complain(output, kUsage, "either a PEER, or --all --out DIR");
    const std::string& id = invocation.arguments[0];
    const config::Loaded loaded = config::load(invocation.config_dir);
    if (options.all) return write_all(invocation, loaded, output);
    const std::string& peer = invocation.arguments[1];
    std::optional<SecretText> key;
    if (!options.private_key_file.empty()) {
        auto read = read_private_key(options.private_key_file, loaded, id, peer);
        if (!read) return complain(output, kFailed, read.error().what);
        key = std::move(*read);
    }
    const auto text =
        profile_text(loaded, id, peer, key ? std::string_view(key->text()) : std::string_view(clients::kNoPrivateKey));
    if (!text) return complain(output, kFailed, text.error().what + hint_of(loaded, id, peer));
    if (const Status written = profile_output.write(*text); !written)
        return complain(output, kFailed, written.error().what);
    profile_output.print(*text, output);
    return kDone;
}

}  // namespace warren::ctl
