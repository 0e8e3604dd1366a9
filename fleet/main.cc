// fleetd: this node's part in a fleet of several (docs/fleet.md). Started by the service manager as its own user.
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <grp.h>
#include <boost/program_options.hpp>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "base/fd.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/version.h"
#include "fleet/daemon.h"
#include "fleet/sandbox.h"
#include "fleet/settings.h"

namespace {

namespace options = boost::program_options;
using namespace warren;

constexpr int kUsage = 2;
constexpr int kFailed = 4;

int refuse(const Error& error) {
    log(LogLevel::kError, "start_failed", {{"reason", error.what}});
    return kFailed;
}

// Nothing is done as root: the service manager starts us as our user, and --user does the same by hand.
Status become(const std::string& name) {
    if (name.empty()) {
        if (::geteuid() == 0) return fail(ErrorCode::kPermission, "fleetd must not run as root; use --user");
        return {};
    }
    const passwd* entry = ::getpwnam(name.c_str());
    if (entry == nullptr || entry->pw_uid == 0)
        return fail(ErrorCode::kNotFound, "there is no user " + name + " for fleetd, or it is root");
    const gid_t group = entry->pw_gid;
    const uid_t user = entry->pw_uid;
    if (::setgroups(1, &group) != 0 || ::setresgid(group, group, group) != 0 || ::setresuid(user, user, user) != 0)
        return fail_errno("become " + name, errno);
    return {};
}

Result<fleet::Settings> read_settings(const std::string& path) {
    std::ifstream file(path);
    if (!file) return fail_errno("read " + path, errno);
    std::ostringstream text;
    text << file.rdbuf();
    return fleet::parse_settings(path, text.str());
}

// Another one after each start of the machine, and on each machine. Source: random(4).
std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    set_log_program("fleetd");
    ::umask(022);
    ::signal(SIGPIPE, SIG_IGN);
    const auto text = [](const char* value) {
        return options::value<std::string>()->default_value(value)->value_name("X");
    };
    options::options_description description("fleetd takes and gives this node's groups of a fleet. Options");
    description.add_options()("config", text("/etc/warren/fleet.toml"), "its configuration")(
        "run-dir", text("/run/warren"), "directory of stackd's and vpnd's sockets")(
        "state-dir", text("/var/lib/warren-fleet"), "directory for the file that BIRD includes, and for stackd")(
        "socket", text("/run/warren-fleet/fleetd.sock"), "where vpnctl asks")(
        "user", text(""), "user to become, when started by root")("log-level", text("info"),
                                                                  "how much fleetd logs: debug, info, warn or error")(
        "check", "check the configuration and exit")("version", "print the version")("help", "print this");
    options::variables_map chosen;
    try {
        options::store(options::command_line_parser(argc, argv).options(description).positional({}).run(), chosen);
        options::notify(chosen);
    } catch (const options::error& error) {
        std::cerr << "fleetd: " << error.what() << "; see fleetd --help\n";
        return kUsage;
    }
    if (chosen.count("help") != 0) {
        std::cout << description;
        return 0;
    }
    if (chosen.count("version") != 0) {
        std::cout << "fleetd " << kVersion << "\n";
        return 0;
    }
    const auto chosen_text = [&chosen](const char* name) { return chosen[name].as<std::string>(); };
    const auto log_level = parse_log_level(chosen_text("log-level"));
    if (!log_level) {
        std::cerr << "fleetd: unknown log level; accepted: " << kLogLevelsAccepted << "\n";
        return kUsage;
    }
    set_log_level(*log_level);
    auto settings = read_settings(chosen_text("config"));
    if (!settings) {
        std::cerr << settings.error().what << "\n";
        return 1;
    }
    if (chosen.count("check") != 0) return 0;
    settings->instance = boot_id();
    if (const Status user = become(chosen_text("user")); !user) return refuse(user.error());
    if (const Status dropped = drop_privileges(); !dropped) return refuse(dropped.error());
    const std::string socket = chosen_text("socket");
    const std::string socket_directory = socket.substr(0, socket.find_last_of('/'));
    if (const Status confined = fleet::confine_files(chosen_text("state-dir"), socket_directory, settings->tls);
        !confined)
        return refuse(confined.error());
    fleet::Daemon daemon({std::move(*settings), chosen_text("run-dir"), chosen_text("state-dir"), socket,
                          socket_directory + "/config.sock"});
    const Status served = daemon.run(fleet::confine_system_calls);
    return served ? 0 : refuse(served.error());
}
