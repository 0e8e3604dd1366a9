#include "ctl/commands/fleet_invite.h"

#include <arpa/inet.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <iostream>

#include "base/clock.h"
#include "base/directory_lock.h"
#include "base/ip.h"
#include "base/printable.h"
#include "crypto/authority.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "ctl/ask/doorkeeper.h"
#include "ctl/ask/fleet_client.h"
#include "ctl/commands/fleet_files.h"
#include "ctl/commands/fleet_guest.h"
#include "ctl/commands/fleet_host.h"
#include "ctl/commands/fleet_identity.h"
#include "ctl/commands/fleet_papers.h"
#include "ctl/files/files.h"

namespace warren::ctl {

namespace {

using std::chrono::seconds;

constexpr std::uint16_t kDoorPort = 2381;
constexpr Duration kTokenLifetime = std::chrono::hours(1);
constexpr int kLookMilliseconds = 1000;
constexpr int kKnockSeconds = 30;

volatile sig_atomic_t is_interrupted = 0;  // NOLINT: a signal handler has no other

int refuse(Output& output, const Error& error) {
    return complain(output, error.code == ErrorCode::kUnavailable ? kUnreachable : kFailed, error.what);
}

// "10m", "90s" or "1h", and at most an hour.
std::optional<Duration> lifetime_of(const std::string& text) {
    if (text.empty()) return kTokenLifetime;
    long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, number);
    if (error != std::errc() || end != text.data() + text.size() - 1 || number < 1 || number > 3600)
        return std::nullopt;
    const Duration out = text.back() == 's'   ? Duration(seconds(number))
                         : text.back() == 'm' ? Duration(std::chrono::minutes(number))
                         : text.back() == 'h' ? Duration(std::chrono::hours(number))
                                              : Duration();
    return out > Duration() && out <= kTokenLifetime ? std::optional(out) : std::nullopt;
}

// Where the new node asks.
std::optional<Endpoint> door_of(const Invocation& invocation, const FleetNode& node) {
    std::uint16_t port = kDoorPort;
    if (const std::string& text = invocation.fleet.port; !text.empty()) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
        if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
    }
    if (!invocation.fleet.at.empty()) {
        const auto address = parse_ip(invocation.fleet.at);
        return address && !address->is_unspecified() ? std::optional(Endpoint{*address, port}) : std::nullopt;
    }
    const auto etcd = parse_endpoint(node.etcd);
    const bool is_loopback =
        etcd && (etcd->address.is_v4() ? etcd->address.octets[0] == 127 : to_string(etcd->address) == "::1");
    return etcd && !is_loopback ? std::optional(Endpoint{etcd->address, port}) : std::nullopt;
}

// Why the name cannot be invited; "": it can.
Result<std::string> name_problem(const Invocation& invocation, const std::string& name) {
    const auto plan = fleet_nodes(invocation.run_dir);
    if (!plan) return tl::unexpected<Error>(plan.error());
    for (const FleetNodeState& node : *plan) {
        if (node.name == name && node.is_alive) return "the fleet has a node " + name + ", and it is alive";
    }
    return std::string();
}

// What can be known without a key. The door is opened with no more than this, so that its process, which begins as a
// copy of this one, has none.
struct Place {
    FleetNode node;
    Endpoint door;
};

Result<Place> find_place(const Invocation& invocation, const std::string& name) {
    auto node = read_fleet_node(invocation.config_dir);
    if (!node) return tl::unexpected<Error>(node.error());
    if (!is_node_name(name))
        return fail(ErrorCode::kInvalid, "accepted: a name of a-z, 0-9 and -, at most 63 characters");
    if (name == node->name) return fail(ErrorCode::kConflict, "this is the node " + name);
    if (node->authority.empty())
        return fail(ErrorCode::kInvalid,
                    "fleet.toml has no etcd_ca: a node is invited where etcd speaks TLS; see `vpnctl fleet authority`");
    const auto base = read_fleet_base(invocation.config_dir);
    if (!base) return tl::unexpected<Error>(base.error());
    if (!*base) return fail(ErrorCode::kConflict, "this node's configuration is not a fleet's: `vpnctl fleet init`");
    const auto door = door_of(invocation, *node);
    if (!door)
        return fail(ErrorCode::kInvalid,
                    "accepted: --at with an address of this node, and --port with a number of 1 to 65535");
    const auto problem = name_problem(invocation, name);
    if (!problem) return tl::unexpected<Error>(problem.error());
    if (!problem->empty()) return fail(ErrorCode::kConflict, *problem);
    return Place{std::move(*node), *door};
}

struct Signer {
    std::string authority;
    crypto::SecretBuffer key;
    std::string fingerprint;
};

Result<Signer> read_signer(const Invocation& invocation, const FleetNode& node) {
    auto authority = read_text(node.authority);
    if (!authority) return tl::unexpected<Error>(authority.error());
    const std::string path = invocation.fleet.authority_key.empty() ? fleet_paths(invocation.config_dir).authority_key
                                                                    : invocation.fleet.authority_key;
    auto key = read_key_file(path);
    if (!key)
        return with_context("the authority's key; it is where the fleet began, or --ca-key names it", key.error());
    if (!crypto::is_certificate_of(*authority, key->reveal()))
        return fail(ErrorCode::kInvalid, path + " is not the key of " + node.authority);
    const auto view = crypto::view_certificate(*authority);
    if (!view) return tl::unexpected<Error>(view.error());
    return Signer{std::move(*authority), std::move(*key), view->fingerprint.substr(0, kTokenFingerprint)};
}

// Until the new node is a member, or the time is over. True: it is.
Result<bool> wait_for_node(FleetHost& host, Doorkeeper& door, Instant until, const Invocation& invocation,
                           Output& output) {
    bool is_sealed = false;
    while (is_interrupted == 0 && read_instant() < until) {
        auto message = door.next(kLookMilliseconds);
        if (!message) return tl::unexpected<Error>(message.error());
        if (*message) WARREN_TRY(door.answer(host.answer(**message, output)));
        if (!host.has_admitted()) continue;
        if (!is_sealed) {
            is_sealed = seal_for_fleet(invocation, output) == kDone;
            output.out.flush();
        }
        if (host.try_to_finish() && is_sealed) return true;
    }
    return false;
}

// The address from which this machine would reach that one.
std::string own_address(const Endpoint& to) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (to.address.is_v4()) {
        auto* at = reinterpret_cast<sockaddr_in*>(&storage);
        at->sin_family = AF_INET;
        at->sin_port = htons(to.port);
        std::memcpy(&at->sin_addr, to.address.octets.data(), sizeof at->sin_addr);
        size = sizeof *at;
    } else {
        auto* at = reinterpret_cast<sockaddr_in6*>(&storage);
        at->sin6_family = AF_INET6;
        at->sin6_port = htons(to.port);
        std::memcpy(&at->sin6_addr, to.address.octets.data(), sizeof at->sin6_addr);
        size = sizeof *at;
    }
    const UniqueFd socket(::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid() || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) return "";
    size = sizeof storage;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "";
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = storage.ss_family == AF_INET
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr)
                            : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr);
    return ::inet_ntop(storage.ss_family, bytes, text.data(), text.size()) == nullptr ? "" : text.data();
}

Result<JoinReply> ask_host(const JoinToken& token, const JoinRequest& request) {
    crypto::SystemRandom random;
    const auto sealed =
        seal_join_message(token.secret, JoinMessage::kRequest, {}, format_join_request(request), random);
    Error last{ErrorCode::kUnavailable, ""};
    for (const Endpoint& address : token.addresses) {
        const auto answer = knock(address, sealed, kMostJoinMessage, kKnockSeconds);
        if (!answer) {
            last = answer.error();
            continue;
        }
        const auto text = open_join_message(token.secret, JoinMessage::kReply, sealed, *answer);
        if (!text)
            return fail(ErrorCode::kPermission, to_string(address) + ": who answers there did not make the token");
        return parse_join_reply(*text);
    }
    return fail(ErrorCode::kUnavailable,
                last.what + ": the token may have expired, or `vpnctl fleet invite` has ended");
}

Status write_all(const Invocation& invocation, const JoinToken& token, const JoinReply& reply,
                 const std::string& address) {
    const FleetPaths paths = fleet_paths(invocation.config_dir);
    // The weight and the zone of the node that invited are not this one's.
    const auto own = with_keys(reply.settings, {{"weight", ""},
                                                {"zone", ""},
                                                {"etcd_ca", paths.authority},
                                                {"etcd_certificate", paths.certificate},
                                                {"etcd_key", paths.key}});
    if (!own) return tl::unexpected<Error>(own.error());
    const auto settings = with_place(*own, invocation.fleet);
    if (!settings) return tl::unexpected<Error>(settings.error());
    WARREN_TRY(replace_file(paths.authority, reply.authority, 0644));
    WARREN_TRY(replace_file(paths.certificate, reply.fleetd, 0644));
    WARREN_TRY(replace_file(paths.etcd_certificate, reply.etcd, 0644));
    WARREN_TRY(replace_file(invocation.config_dir + "/fleet.nodes", reply.roster));
    if (!reply.cluster.empty())
        WARREN_TRY(replace_file(paths.etcd_settings,
                                etcd_settings(paths, {token.node, address, reply.member}, reply.cluster, false), 0644));
    return replace_file(invocation.config_dir + "/fleet.toml", *settings, 0644);  // the last: with it this is a node
}

}  // namespace

int invite_node(const Invocation& invocation, const std::string& name, Output& output) {
    const auto lifetime = lifetime_of(invocation.change.expires);
    if (!lifetime) return complain(output, kUsage, "fleet invite --expires: accepted: such as 90s, 10m, at most 1h");
    auto place = find_place(invocation, name);
    if (!place) return refuse(output, place.error());
    auto door = Doorkeeper::open(place->door, kFleetUser, kMostJoinMessage);
    if (!door) return refuse(output, door.error());
    auto signer = read_signer(invocation, place->node);
    if (!signer) return refuse(output, signer.error());
    JoinToken token{name, {place->door}, signer->fingerprint, crypto::SecretBuffer(kJoinSecret)};
    crypto::SystemRandom random;
    random.fill(token.secret.writable());
    struct sigaction action {};
    action.sa_handler = [](int) { is_interrupted = 1; };
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
    const Instant until = read_instant() + *lifetime;
    const auto end = std::chrono::system_clock::now() + *lifetime;
    output.out << format_join_token(token) << std::endl;
    output.err << fmt::format(
                      "vpnctl: on {}: vpnctl fleet join TOKEN, or - to be asked for it. The token is good once, until "
                      "{:%H:%M} UTC; Ctrl-C takes it back",
                      name, fmt::gmtime(std::chrono::system_clock::to_time_t(end)))
               << std::endl;
    FleetHost guest(invocation, std::move(place->node), std::move(signer->authority), std::move(signer->key), name,
                    std::move(token.secret));
    const auto joined = wait_for_node(guest, *door, until, invocation, output);
    if (joined && *joined) {
        output.out << fmt::format("{} is a node of the fleet\n", name);
        return kDone;
    }
    guest.withdraw(output);
    if (!joined) return refuse(output, joined.error());
    return complain(output, kFailed,
                    guest.has_admitted() ? name + " has its certificates, but its etcd did not come up; invite it again"
                    : guest.was_used()   ? name + " came and could not be let in; invite it again"
                    : is_interrupted != 0 ? "the invitation is taken back"
                                          : "the token has expired, and nobody came");
}

int join_with_token(const Invocation& invocation, const std::string& text, Output& output) {
    std::string word = text;
    // What stands on a command line, every user of the machine can read.
    if (text == "-" && !std::getline(std::cin, word))
        return complain(output, kUsage, "fleet join -: there is no token");
    const auto token = parse_join_token(word.substr(0, word.find_last_not_of(" \t\r") + 1));
    if (!token) return refuse(output, token.error());
    const auto base = read_fleet_base(invocation.config_dir);
    if (!base) return refuse(output, base.error());
    const auto known = read_fleet_node(invocation.config_dir, false);
    if (*base || (known && known->name != token->node))
        return complain(output, kFailed,
                        "this machine is a node of a fleet already" + (known ? ": " + printable(known->name) : ""));
    const FleetPaths paths = fleet_paths(invocation.config_dir);
    if (const Status made = ensure_directory(paths.directory, 0755); !made) return refuse(output, made.error());
    const auto lock = try_lock_directory(paths.directory);
    if (!lock)
        return refuse(output, with_context("another vpnctl works with " + paths.directory, lock.error()).value());
    for (const auto& [path, user] : {std::pair(paths.key, kFleetUser), std::pair(paths.etcd_key, kEtcdUser)}) {
        if (const std::string missing = missing_owner(path, user); !missing.empty())
            output.err << "vpnctl: " << missing << std::endl;
    }
    const auto fleetd = own_key(paths.key, kFleetUser);
    if (!fleetd) return refuse(output, fleetd.error());
    const auto etcd = own_key(paths.etcd_key, kEtcdUser);
    if (!etcd) return refuse(output, etcd.error());
    const auto own = own_fleet_key(invocation.config_dir);
    if (!own) return refuse(output, own.error());
    const auto fleetd_request = crypto::request_certificate(fleetd->reveal(), token->node);
    const auto etcd_request = crypto::request_certificate(etcd->reveal(), token->node);
    if (!fleetd_request) return refuse(output, fleetd_request.error());
    if (!etcd_request) return refuse(output, etcd_request.error());
    const std::string address =
        invocation.fleet.at.empty() ? own_address(token->addresses.front()) : invocation.fleet.at;
    if (!parse_ip(address)) return complain(output, kUsage, "fleet join: accepted: --at with this node's address");
    const JoinRequest request{token->node, address, crypto::public_key_of(*own), *fleetd_request, *etcd_request};
    auto answer = ask_host(*token, request);
    if (!answer) return refuse(output, answer.error());
    const auto reply = check_join_reply(*token, std::move(*answer), fleetd->reveal(), etcd->reveal(), request.reader);
    if (!reply) return refuse(output, reply.error());
    if (const Status written = write_all(invocation, *token, *reply, address); !written)
        return refuse(output, written.error());
    output.out << fmt::format(
        "{} has its certificates; the key of none has left it.\nnext: systemctl restart {}warren warren-fleet "
        "warren-fleet-follow; then vpnctl fleet join\n",
        token->node, reply->cluster.empty() ? "" : "etcd ");
    return kDone;
}

}  // namespace warren::ctl
