// stackd: makes the customers' stacks, opens sockets and tunnels, and keeps vpnd running.
#include <grp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "base/version.h"
#include "ipc/start.h"
#include "stacks/children/vpnd_process.h"
#include "stacks/host/run_dir.h"
#include "stacks/host/sandbox.h"
#include "stacks/host/signals.h"
#include "stacks/kernel/linux_kernel.h"
#include "stacks/services/launched.h"
#include "stacks/supervisor.h"
#include "stacks/teardown.h"

namespace {

namespace options = boost::program_options;
using warren::LogLevel;
using warren::Status;

// The users that statusd, authd and alertd run as, if they exist; else vpnd's.
constexpr const char* kWebUser = "warren-web";
constexpr const char* kAuthUser = "warren-auth";
constexpr const char* kAlertUser = "warren-alert";

enum ExitStatus { kDone = 0, kInvalidConfiguration = 1, kUsage = 2, kFailed = 4 };

// Before a service manager starts us again: with the same configuration, and with what may end by itself, such as a
// missing device or a port in use.
constexpr int kConfigurationPause = 10'000;  // milliseconds
constexpr int kPause = 2'000;

struct Arguments {
    std::string config;
    std::string run_dir;
    std::string state_dir;  // "" = none
    std::string user;
    std::string libexec;   // where vpnd, authd and statusd are; "" = beside stackd
    std::string launcher;  // directory of the launcher's sockets; "" = stackd starts them itself
    std::string fleet_group;
    std::string fleet_dir;
};

// One directory must have one name in every run, whatever the current directory or a trailing slash.
std::string absolute(const std::string& path) {
    const std::filesystem::path normal = std::filesystem::absolute(path).lexically_normal();
    return normal.has_filename() ? normal.string() : normal.parent_path().string();
}

int refuse(const warren::Error& error) {
    warren::log(LogLevel::kError, "start_failed", {{"reason", error.what}});
    return kFailed;
}

// The program `name`, which runs as `user`: its path, or its launcher.
warren::Result<warren::stacks::Program> find_program(const Arguments& arguments, const std::string& name,
                                                     const warren::stacks::ServiceUser& user) {
    if (!arguments.launcher.empty())
        return warren::stacks::Program{"", user, arguments.launcher + "/" + name + ".sock"};
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    const std::string path =
        arguments.libexec.empty() ? (self.parent_path() / name).string() : arguments.libexec + "/" + name;
    if (::access(path.c_str(), X_OK) != 0)
        return warren::fail(warren::ErrorCode::kNotFound,
                            "no program " + path + "; name with --libexec the directory that contains " + name + " is");
    return warren::stacks::Program{path, user, ""};
}

// A service manager starts us again at once, and nothing has changed: without a pause that fills the log. A signal ends
// the pause, because then something may have changed; a stop ends us well. The exit status.
int pause_before_restart(const warren::stacks::Signals& signals, int status) {
    if (status == kDone || std::getenv("NOTIFY_SOCKET") == nullptr) return status;
    const int pause = status == kInvalidConfiguration ? kConfigurationPause : kPause;
    warren::log(LogLevel::kInfo, "restart_delayed", {{"seconds", std::to_string(pause / 1000)}});
    pollfd waiting{signals.fd(), POLLIN, 0};
    (void)::poll(&waiting, 1, pause);
    return warren::stacks::Signals::stop_waits() ? kDone : status;
}

// We give sockets to the group, which only a member of it may without CAP_CHOWN. A service manager makes us one; by
// hand we do, and what is missing is told when a socket is given.
void join_group(gid_t group) {
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
    const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    groups.resize(static_cast<std::size_t>(std::max(count, 0)));
    if (std::find(groups.begin(), groups.end(), group) != groups.end()) return;
    groups.push_back(group);
    (void)::setgroups(groups.size(), groups.data());
}

// Nothing: this node belongs to no fleet, or nobody could ask for anything.
std::optional<warren::stacks::FleetKeeper::Options> fleet_of(const Arguments& arguments) {
    if (::access((arguments.config + "/fleet.toml").c_str(), F_OK) != 0) return std::nullopt;
    const auto group = warren::stacks::find_group(arguments.fleet_group);
    if (!group) {
        warren::log(LogLevel::kError, "fleet_not_served", {{"reason", group.error().what}});
        return std::nullopt;
    }
    join_group(*group);
    return warren::stacks::FleetKeeper::Options{arguments.run_dir, *group, arguments.fleet_dir,
                                                arguments.config + "/fleet.toml"};
}

int take_down(const Arguments& arguments) {
    const auto run_dir = warren::stacks::RunDir::claim(arguments.run_dir);
    if (!run_dir) return refuse(run_dir.error());
    const auto kernel = warren::stacks::LinuxKernel::open();
    if (!kernel) return refuse(kernel.error());
    const auto user = warren::stacks::find_user(arguments.user);  // it may be gone already
    const auto gone = warren::stacks::take_down(*run_dir, **kernel, user ? std::optional(user->uid) : std::nullopt);
    if (!gone) return refuse(gone.error());
    warren::log(LogLevel::kInfo, "stacks_removed", {{"stacks", std::to_string(*gone)}});
    return kDone;
}

int serve(const Arguments& arguments, bool with_web, const warren::stacks::Signals& signals) {
    auto kernel = warren::stacks::LinuxKernel::open();
    if (!kernel) return refuse(kernel.error());
    auto user = warren::stacks::find_user(arguments.user);
    if (!user) return refuse(user.error());
    auto vpnd = find_program(arguments, "vpnd", *user);
    if (!vpnd) return refuse(vpnd.error());
    std::optional<warren::stacks::WebKeeper::Options> web;
    if (with_web) {
        // A missing status page must not stop the tunnels.
        const auto web_user = warren::stacks::find_user(kWebUser);
        auto statusd = find_program(arguments, "statusd", web_user ? *web_user : *user);
        if (!statusd) warren::log(LogLevel::kError, "statusd_not_found", {{"reason", statusd.error().what}});
        if (statusd)
            web = {std::move(*statusd),
                   arguments.config,
                   arguments.run_dir + "/snapshot.sock",
                   arguments.run_dir + "/statusd.pid",
                   arguments.run_dir + "/status.sock",
                   arguments.state_dir,
                   [] { return warren::stacks::Signals::stop_waits(); }};
    }
    // Nor must a missing authd: WireGuard does not need it.
    std::optional<warren::stacks::AuthKeeper::Options> auth;
    const auto auth_user = warren::stacks::find_user(kAuthUser);
    auto authd = find_program(arguments, "authd", auth_user ? *auth_user : *user);
    if (!authd) warren::log(LogLevel::kError, "authd_not_found", {{"reason", authd.error().what}});
    if (authd) auth = {std::move(*authd), [] { return warren::stacks::Signals::stop_waits(); }};
    // Nor must a missing alertd.
    std::optional<warren::stacks::AlertKeeper::Options> alerts;
    const auto alert_user = warren::stacks::find_user(kAlertUser);
    auto alertd = find_program(arguments, "alertd", alert_user ? *alert_user : *user);
    if (!alertd) warren::log(LogLevel::kError, "alertd_not_found", {{"reason", alertd.error().what}});
    if (alertd)
        alerts = {std::move(*alertd),
                  arguments.run_dir + "/snapshot.sock",
                  arguments.run_dir + "/alert.sock",
                  arguments.run_dir + "/alertd.pid",
                  arguments.state_dir,
                  [] { return warren::stacks::Signals::stop_waits(); }};
    auto fleet = fleet_of(arguments);
    const auto run_dir = warren::stacks::RunDir::claim(arguments.run_dir);
    if (!run_dir) return refuse(run_dir.error());
    auto left = warren::stacks::VpndProcess::find_left(run_dir->path(), user->uid);
    warren::stacks::raise_limits();
    if (const Status dropped = warren::stacks::drop_capabilities(arguments.launcher.empty()); !dropped)
        return refuse(dropped.error());
    return warren::stacks::Supervisor(*run_dir, **kernel, signals,
                                      {arguments.config, std::move(*vpnd), std::move(web), std::move(auth),
                                       std::move(left), arguments.state_dir, std::move(fleet), std::move(alerts),
                                       arguments.launcher.empty() ? "" : arguments.launcher + "/service.sock"})
        .run();
}

// "--accepted FD" alone: systemd started us for a service of a customer.
std::optional<int> keep_service(int argc, char** argv) {
    if (argc != 3 || std::string_view(argv[1]) != "--accepted") return std::nullopt;
    auto channel = warren::ipc::channel_of({argv[1], argv[2]});
    if (!channel) return refuse(channel.error());
    return warren::stacks::keep_launched(std::move(*channel));
}

}  // namespace

int main(int argc, char** argv) {
    warren::open_standard_streams();
    ::umask(::umask(077) | 022);  // nobody else writes to our files, whatever the caller's mask is
    warren::set_log_program("stackd");
    if (const auto status = keep_service(argc, argv)) return *status;
    options::options_description description(
        "stackd makes the customers' stacks and keeps vpnd running. The uplink is the network namespace\n"
        "it is started in. Options");
    const auto text = [](const char* value) {
        return options::value<std::string>()->default_value(value)->value_name("X");
    };
    description.add_options()("config", text("/etc/warren"), "directory of the configuration")(
        "run-dir", text("/run/warren"), "directory for the sockets and the lock of this instance")(
        "state-dir", text(""),
        "directory for what a reboot must not lose: where peers are, the last good configuration (empty: it is lost)")(
        "user", text("warren"), "unprivileged user that vpnd runs as")(
        "libexec", text(""), "directory of vpnd, authd, statusd and alertd (empty: beside stackd)")(
        "launcher", text(""),
        "directory of vpnd.sock, authd.sock, statusd.sock and alertd.sock, whose listener "
        "starts them (empty: stackd starts them itself)")("fleet-group", text("warren-fleet"),
                                                          "with CONFIG/fleet.toml: the group that fleetd runs in")(
        "fleet-dir", text("/var/lib/warren-fleet"), "directory in which fleetd says where other nodes saw peers")(
        "log-level", text("info"), "how much stackd, vpnd, authd, statusd and alertd log: debug, info, warn or error")(
        "no-web", "do not start the status page")("down", "remove all stacks of this run-dir, and exit")(
        "version", "print the version")("help", "print this");
    options::variables_map chosen;
    try {
        options::store(options::command_line_parser(argc, argv).options(description).positional({}).run(), chosen);
        options::notify(chosen);
    } catch (const options::error& error) {
        std::cerr << "stackd: " << error.what() << "; see stackd --help\n";
        return kUsage;
    }
    if (chosen.count("help") != 0) {
        std::cout << description;
        return kDone;
    }
    if (chosen.count("version") != 0) {
        std::cout << "stackd " << warren::kVersion << "\n";
        return kDone;
    }
    const auto chosen_text = [&chosen](const char* name) { return chosen[name].as<std::string>(); };
    const std::string state_dir = chosen_text("state-dir");
    Arguments arguments{absolute(chosen_text("config")),
                        absolute(chosen_text("run-dir")),
                        state_dir.empty() ? "" : absolute(state_dir),
                        chosen_text("user"),
                        chosen_text("libexec"),
                        chosen_text("launcher"),
                        chosen_text("fleet-group"),
                        chosen_text("fleet-dir")};
    const auto log_level = warren::parse_log_level(chosen_text("log-level"));
    if (!log_level) {
        std::cerr << "stackd: unknown log level \"" << chosen_text("log-level")
                  << "\"; accepted: " << warren::kLogLevelsAccepted << "\n";
        return kUsage;
    }
    warren::set_log_level(*log_level);
    if (chosen.count("down") != 0) return take_down(arguments);
    const auto signals = warren::stacks::Signals::open();
    if (!signals) return refuse(signals.error());
    return pause_before_restart(*signals, serve(arguments, chosen.count("no-web") == 0, *signals));
}
