// setup: an appliance that has no configuration gets its first one
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "access/secrets.h"
#include "access/users.h"
#include "access/users_text.h"
#include "base/fd.h"
#include "base/printable.h"
#include "config/load.h"
#include "crypto/keys.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "ctl/commands/setup.h"
#include "ctl/commands/terminal.h"
#include "ctl/files/files.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

constexpr int kMostTries = 20;                   // per question, so that wrong piped input ends
constexpr const char* kImageMark = "/data/etc";  // only the firmware image has its data partition there
constexpr const char* kImageNetworkDirectory = "/etc/systemd/network";
constexpr std::string_view kUplinkFile = "/10-uplink.network";
constexpr std::string_view kOthersFile = "/70-others.network";  // before the image's own 80-uplink.network

struct Answers {
    ApplianceAnswers appliance;
    std::string operator_name;  // "": no status page, nobody to log in
    std::string password_hash;
    std::optional<UplinkAnswers> uplink;  // nothing: the network is not configured by us, or stays as it is
};

bool exists(const std::string& path) {
    struct stat found {};
    return ::lstat(path.c_str(), &found) == 0;
}

// The directory for the uplink's file; "" when we do not configure the network.
std::string network_directory(const Invocation& invocation) {
    if (!invocation.network_dir.empty()) return invocation.network_dir;
    return exists(kImageMark) ? kImageNetworkDirectory : "";
}

// Devices that have hardware, or a hypervisor, behind them; by name.
std::vector<std::string> ethernet_devices() {
    std::vector<std::string> out;
    const std::string directory = "/sys/class/net";
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), &::closedir);
    if (dir == nullptr) return out;
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string name = entry->d_name;
        const auto type = read_text(fmt::format("{}/{}/type", directory, name));
        if (type && *type == "1\n" && exists(fmt::format("{}/{}/device", directory, name))) out.push_back(name);
    }
    std::sort(out.begin(), out.end());
    return out;
}

using Problem = std::function<std::string(const std::string&)>;

// Asks until `problem` accepts the answer. An empty line means `standard`.
Result<std::string> ask(const std::string& question, const std::string& standard, const Problem& problem,
                        Output& output, Echo echo = Echo::kShown) {
    const std::string prompt = standard.empty() ? question + ": " : fmt::format("{} [{}]: ", question, standard);
    for (int i = 0; i < kMostTries; ++i) {
        auto answer = read_line(prompt, echo, output);
        if (!answer)
            return fail(ErrorCode::kInvalid, fmt::format("\"{}\" has no answer; nothing was written", question));
        if (answer->empty()) *answer = standard;
        const std::string wrong = problem(*answer);
        if (wrong.empty()) return *answer;
        output.err << fmt::format("{}: {}\n", question, printable(wrong));
    }
    return fail(ErrorCode::kInvalid,
                fmt::format("\"{}\" was answered wrongly {} times; nothing was written", question, kMostTries));
}

constexpr std::string_view kPort = ":51820";
constexpr std::string_view kPagePort = ":8443";

// Stores the answer in `place` and checks it together with all earlier answers.
Status ask_appliance(const std::string& question, ApplianceAnswers& answers, std::string& place,
                     const std::string& standard, Output& output) {
    const auto answer = ask(
        question, standard,
        [&](const std::string& text) {
            const bool may_be_none = &place == &answers.status_listen || &place == &answers.endpoint;
            place = text == "none" && may_be_none ? "" : text;
            std::string problem = appliance_problem(answers);
            // The checks' example of an address and port has WireGuard's.
            const bool is_page = &place == &answers.status_listen;
            for (auto at = problem.find(kPort); is_page && at != std::string::npos; at = problem.find(kPort))
                problem.replace(at, kPort.size(), kPagePort);
            return problem;
        },
        output);
    if (!answer) return tl::unexpected<Error>(answer.error());
    return {};
}

template <typename T>
Result<std::optional<T>> ask_optional(const std::string& question, const std::string& standard, const Problem& problem,
                                      std::optional<T> (*parse)(std::string_view), Output& output) {
    const auto answer = ask(
        question, standard, [&](const std::string& text) { return text == "none" ? std::string() : problem(text); },
        output);
    if (!answer) return tl::unexpected<Error>(answer.error());
    return *answer == "none" ? std::nullopt : parse(*answer);
}

Result<std::optional<UplinkAnswers>> ask_uplink(const std::string& directory, Output& output) {
    const bool is_there = exists(directory + std::string(kUplinkFile));
    const auto address = ask(
        "Uplink address (with its prefix length), or dhcp" + std::string(is_there ? ", or keep" : ""),
        is_there ? "keep" : "dhcp",
        [&](const std::string& text) {
            return text == "dhcp" || (is_there && text == "keep") ? std::string() : uplink_address_problem(text);
        },
        output);
    if (!address) return tl::unexpected<Error>(address.error());
    if (*address == "keep") return std::optional<UplinkAnswers>();
    const auto devices = ethernet_devices();
    const auto device = ask(
        "Uplink device", devices.empty() ? "eth0" : devices.front(),
        [&](const std::string& text) {
            if (devices.empty() || std::find(devices.begin(), devices.end(), text) != devices.end())
                return device_problem(text);
            return fmt::format("there is no such device; there are: {}", fmt::join(devices, ", "));
        },
        output);
    if (!device) return tl::unexpected<Error>(device.error());
    UplinkAnswers out{*device, *address == "dhcp" ? std::nullopt : parse_prefix(*address), {}, {}};
    if (out.address) {
        const Prefix uplink = *out.address;
        const auto gateway = ask_optional<IpAddress>(
            "Gateway, or none", "", [uplink](const std::string& text) { return gateway_problem(text, uplink); },
            parse_ip, output);
        if (!gateway) return tl::unexpected<Error>(gateway.error());
        out.gateway = *gateway;
    }
    const auto time_server =
        ask_optional<IpAddress>("Time server's address (NTP), or none", "none", time_server_problem, parse_ip, output);
    if (!time_server) return tl::unexpected<Error>(time_server.error());
    out.time_server = *time_server;
    return std::optional<UplinkAnswers>(out);
}

// The first user of the status page.
Status ask_operator(Answers& answers, Output& output) {
    const auto name = ask(
        "First operator of the status page", "admin",
        [](const std::string& text) {
            return access::is_user_name(text) ? ""
                                              : "a name is 1 to 64 letters, digits, dots, dashes, underscores, or @";
        },
        output);
    if (!name) return tl::unexpected<Error>(name.error());
    for (int i = 0; i < kMostTries; ++i) {
        const auto password = ask(
            "Password", "", [](const std::string& text) { return password_problem(text); }, output, Echo::kHidden);
        if (!password) return tl::unexpected<Error>(password.error());
        const auto again = read_line("Password again: ", Echo::kHidden, output);
        if (!again) return fail(ErrorCode::kInvalid, "\"Password again\" has no answer; nothing was written");
        if (*again != *password) {
            output.err << "Password: the two differ\n";
            continue;
        }
        const auto hash = access::hash_password(*password);
        if (!hash) return tl::unexpected<Error>(hash.error());
        answers.operator_name = *name;
        answers.password_hash = *hash;
        return {};
    }
    return fail(ErrorCode::kInvalid, "the two passwords differed every time; nothing was written");
}

Result<Answers> ask_all(const std::string& network, Output& output) {
    Answers out;
    WARREN_TRY(ask_appliance("Name of this appliance", out.appliance, out.appliance.name, "warren", output));
    WARREN_TRY(ask_appliance("WireGuard's UDP port", out.appliance, out.appliance.listen_port, "51820", output));
    if (!network.empty()) {
        auto uplink = ask_uplink(network, output);
        if (!uplink) return tl::unexpected<Error>(uplink.error());
        out.uplink = std::move(*uplink);
    }
    const bool has_address = out.uplink && out.uplink->address;
    WARREN_TRY(ask_appliance("Where clients reach it: a name or an address, or none", out.appliance,
                             out.appliance.endpoint, has_address ? to_string(out.uplink->address->address) : "none",
                             output));
    WARREN_TRY(ask_appliance("Status page: address and port, or none", out.appliance, out.appliance.status_listen,
                             network.empty() ? "127.0.0.1:8443" : "[::]:8443", output));
    if (!out.appliance.status_listen.empty()) WARREN_TRY(ask_operator(out, output));
    return out;
}

// An interrupted earlier setup may have made one, which is as good.
Status write_key(const std::string& path) {
    crypto::SystemRandom random;
    const auto text = crypto::to_base64(crypto::generate_private_key(random));
    crypto::Secret<45> line;
    std::copy(text.reveal().begin(), text.reveal().end(), line.writable().begin());
    line.writable().back() = '\n';
    const Status written = create_file(path, {reinterpret_cast<const char*>(line.reveal().data()), line.kSize});
    return !written && written.error().code == ErrorCode::kConflict ? Status() : written;
}

Status write_operator(const std::string& path, const Answers& answers) {
    const auto before = read_text(path);
    if (!before) return tl::unexpected<Error>(before.error());
    const auto without = access::without_user(*before, answers.operator_name);
    const access::User user{answers.operator_name, {access::Role::kOperator, {}}, answers.password_hash};
    const auto after = access::with_user(without ? *without : *before, user);
    if (!after) return tl::unexpected<Error>(after.error());
    return replace_file(path, *after);
}

// warren.toml is written last: without it the rest has no effect, and setup can be run again.
Status write_all(const std::string& directory, const std::string& network, const Answers& answers) {
    WARREN_TRY(ensure_directory(directory, 0755));
    const UniqueFd lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock.valid() || ::flock(lock.get(), LOCK_EX) != 0) return fail_errno("open " + directory, errno);
    WARREN_TRY(ensure_directory(directory + "/customers", 0755));
    WARREN_TRY(ensure_directory(directory + "/secrets", 0700));
    WARREN_TRY(write_key(directory + "/secrets/uplink"));
    if (!answers.operator_name.empty()) WARREN_TRY(write_operator(directory + "/users.toml", answers));
    if (answers.uplink) {
        WARREN_TRY(replace_file(network + std::string(kUplinkFile), uplink_text(*answers.uplink), 0644));
        WARREN_TRY(replace_file(network + std::string(kOthersFile), kOtherDevicesText, 0644));
    }
    return create_file(directory + "/warren.toml", appliance_text(answers.appliance), 0644);
}

int report(const Invocation& invocation, const std::string& network, const Answers& answers, Output& output) {
    const config::Loaded loaded = config::load(invocation.config_dir);
    const auto key = loaded.secrets.public_key({"uplink"});
    if (!loaded.appliance_valid || !key) {
        for (const config::Diagnostic& diagnostic : loaded.diagnostics)
            output.err << config::format(diagnostic) << '\n';
        return complain(output, kFailed, "written, but not valid");
    }
    const std::string toml = invocation.config_dir + "/warren.toml";
    if (invocation.json) {
        output.out << nlohmann::ordered_json{{"file", toml}, {"public_key", crypto::to_base64(*key)}}.dump(2) << '\n';
        return kDone;
    }
    output.out << fmt::format("\nWritten: {}\nThe appliance's public key, which every client needs:\n  {}\n", toml,
                              crypto::to_base64(*key));
    if (const auto& endpoint = loaded.appliance.public_endpoint)
        output.out << fmt::format("Where clients reach it:\n  {}\n", *endpoint);
    output.out << "\nNext:\n";
    output.out << (network.empty() ? "  systemctl restart warren\n"
                                   : "  systemctl restart systemd-networkd warren     # from now on as answered\n");
    if (!answers.appliance.status_listen.empty())
        output.out << "  vpnctl web fingerprint                        # the fingerprint that the browser must show\n";
    output.out << "  vpnctl customer add acme --address 10.0.0.1/24   # the first customer, with its stack's address\n";
    return kDone;
}

}  // namespace

int run_setup(const Invocation& invocation, Output& output) {
    if (const Status started = access::start_libsodium(); !started)
        return complain(output, kFailed, started.error().what);
    const std::string toml = invocation.config_dir + "/warren.toml";
    if (exists(toml))
        return complain(output, kFailed, toml + " exists; setup is for an appliance without a configuration");
    const std::string network = network_directory(invocation);
    const auto answers = ask_all(network, output);
    if (!answers) return complain(output, kFailed, answers.error().what);
    if (const Status written = write_all(invocation.config_dir, network, *answers); !written)
        return complain(output, kFailed, written.error().what);
    return report(invocation, network, *answers, output);
}

}  // namespace warren::ctl
