// support-bundle: collects what is needed to diagnose a problem without access to the machine
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "access/users.h"
#include "base/kernel_names.h"
#include "config/customer_id.h"
#include "config/parse.h"
#include "ctl/ask/netns.h"
#include "ctl/ask/program.h"
#include "ctl/files/files.h"
#include "ctl/files/redact.h"
#include "ctl/files/tar.h"
#include "ctl/runners.h"
#include "ctl/show/routes.h"
#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostText = 32 * 1024 * 1024;  // of one file
constexpr std::size_t kMostStacks = 64;              // searched
constexpr std::uintmax_t kMostSecret = 1024 * 1024;  // no key and no certificate is larger
constexpr ProgramLimits kPacking{std::chrono::seconds(120), 512 * 1024 * 1024};

struct Question {
    std::string file;
    std::vector<std::string> command;
};

// Of the machine.
std::vector<Question> questions() {
    return {
        {"kernel/uname.txt", {"uname", "-a"}},
        {"kernel/uptime.txt", {"uptime"}},
        {"kernel/sysctl.txt",
         {"sysctl", "net.core", "net.ipv4.ip_forward", "fs.mount-max", "fs.nr_open", "user.max_net_namespaces"}},
        {"kernel/processes.txt", {"ps", "-eo", "pid,ppid,user:16,rss,pcpu,stat,start,comm"}},
        {"kernel/disks.txt", {"df", "-h"}},
        {"kernel/dmesg.txt", {"dmesg"}},
        {"uplink/addresses.txt", {"ip", "-s", "address"}},
        {"uplink/routes.txt", {"ip", "route", "show", "table", "all"}},
        {"uplink/routes6.txt", {"ip", "-6", "route", "show", "table", "all"}},
        {"uplink/nftables.txt", {"nft", "list", "ruleset"}},
        {"uplink/sockets.txt", {"ss", "-lntup"}},
        {"journal/warren.txt",
         {"journalctl", "--no-pager", "-o", "short-iso", "-n", "5000", "-u", "warren", "-u", "warren-vpnd@*", "-u",
          "warren-authd@*", "-u", "warren-statusd@*"}},
        {"journal/boot.txt", {"journalctl", "--no-pager", "-o", "short-iso", "-n", "3000", "-b", "-p", "warning"}},
        {"journal/clock.txt", {"timedatectl", "--no-pager", "show"}},
    };
}

constexpr std::array<const char*, 7> kKernelFiles{"/proc/cpuinfo",     "/proc/meminfo",     "/proc/loadavg",
                                                  "/proc/net/snmp",    "/proc/net/netstat", "/proc/net/softnet_stat",
                                                  "/proc/pressure/cpu"};

// What goes into the archive. Everything passes through redact().
class Bundle {
  public:
    explicit Bundle(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {}

    void add(const std::string& name, std::string text) {
        if (text.size() > kMostText) {
            text.resize(kMostText);
            text += "\n(cut)\n";
        }
        files_.push_back({"warren-support/" + name, redact(text, secrets_)});
    }
    void add_config(const std::string& name, const std::string& text) { add(name, redact_config(text, secrets_)); }
    // Adds the program's output, or why there is none.
    void add_output(const Question& question) {
        const auto ran = run_program(question.command);
        std::string text = ran ? ran->output : ran.error().what + '\n';
        if (ran && ran->was_cut) text += "\n(cut)\n";
        if (ran && ran->exit_status != 0) text += fmt::format("(exit status {})\n", ran->exit_status);
        add(question.file, std::move(text));
    }
    [[nodiscard]] const std::vector<TarFile>& files() const { return files_; }

  private:
    std::vector<std::string> secrets_;
    std::vector<TarFile> files_;
};

// The names of the files in a directory and below, relative to it, in order. Symbolic links are not followed.
Result<std::vector<std::string>> files_below(const std::string& directory) {
    std::vector<std::string> out;
    std::error_code error;
    if (!fs::exists(directory, error)) return out;
    for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
        if (at->is_regular_file(error) && !at->is_symlink(error))
            out.push_back(at->path().lexically_relative(directory).string());
    }
    if (error) return fail_errno("read " + directory, error.value());
    std::sort(out.begin(), out.end());
    return out;
}

// Every secret that must not be in the bundle. Fails rather than miss one.
Result<std::vector<std::string>> known_secrets(const std::string& config, const std::vector<std::string>& files) {
    std::vector<std::string> out;
    for (const std::string& name : files) {
        std::error_code error;
        if (fs::file_size(config + "/secrets/" + name, error) > kMostSecret) continue;
        const auto text = read_text(config + "/secrets/" + name);
        if (!text) return tl::unexpected<Error>(text.error());
        for (std::string& piece : secret_pieces(*text)) out.push_back(std::move(piece));
    }
    const auto text = read_text(config + "/users.toml");
    if (!text) return tl::unexpected<Error>(text.error());
    const auto users = access::parse_users(*text);
    if (!users) return out;
    for (const access::User& user : users->users) out.push_back(user.password);
    for (const access::Token& token : users->tokens) out.push_back(token.sha256);
    return out;
}

// Names and roles, nothing else of users.toml.
std::string users_text(const std::string& config) {
    const auto text = read_text(config + "/users.toml");
    const auto users = text ? access::parse_users(*text) : Result<access::Users>(tl::unexpected<Error>(text.error()));
    if (!users)
        return users.error().code == ErrorCode::kInvalid ? "users.toml cannot be parsed\n" : users.error().what + '\n';
    std::string out;
    for (const auto& user : users->users)
        out +=
            fmt::format("user {} {} {}\n", user.name, name_of(user.grant.role), fmt::join(user.grant.customers, ","));
    for (const auto& token : users->tokens)
        out += fmt::format("token {} {} {}\n", token.name, name_of(token.grant.role),
                           fmt::join(token.grant.customers, ","));
    return out;
}

// The names and permissions of the secrets, not their contents.
std::string secrets_text(const std::string& config, const std::vector<std::string>& files) {
    std::string out;
    for (const std::string& name : files) {
        struct stat found {};
        if (::lstat((config + "/secrets/" + name).c_str(), &found) == 0)
            out += fmt::format("{:04o} {}:{} {}\n", found.st_mode & 07777U, found.st_uid, found.st_gid, name);
    }
    return out;
}

// The ids of the customers that have a file.
std::vector<std::string> customers_in(const std::vector<std::string>& files) {
    std::vector<std::string> out;
    for (const std::string& name : files) {
        if (std::string id = config::customer_of_file("customers/" + name); !id.empty()) out.push_back(std::move(id));
    }
    return out;
}

void add_stacks(const std::vector<std::string>& customers, Bundle& bundle) {
    std::size_t seen = 0;
    for (const std::string& id : customers) {
        if (!open_stack(id)) continue;
        if (++seen > kMostStacks) continue;
        const auto routes = routes_of(id);
        bundle.add(fmt::format("stacks/{}/routes.txt", id), routes ? routes_text(*routes) : routes.error().what + '\n');
        const std::string name = kNamespacePrefix + id;
        bundle.add_output({fmt::format("stacks/{}/addresses.txt", id), {"ip", "-n", name, "-s", "address"}});
        const std::string path = fmt::format("--net={}/{}", kNamespaceDirectory, name);
        bundle.add_output({fmt::format("stacks/{}/nftables.txt", id), {"nsenter", path, "nft", "list", "ruleset"}});
    }
    bundle.add("stacks/README.txt", fmt::format("{} customers have a file, {} of them a stack; the first {} are here\n",
                                                customers.size(), seen, std::min(seen, kMostStacks)));
}

// What other commands of vpnctl print.
void add_answers(const Invocation& invocation, Bundle& bundle) {
    const auto answer = [&](const std::string& file, std::vector<std::string> arguments) {
        std::ostringstream out;
        std::ostringstream err;
        Output both{out, err};
        arguments.insert(arguments.begin(), {"--run-dir", invocation.run_dir, "--config", invocation.config_dir});
        (void)run(arguments, both);
        bundle.add(file, out.str() + err.str());
    };
    answer("versions.txt", {"--version"});
    answer("check.txt", {"check"});
    for (const char* command : {"status", "ipsec", "counters", "drops"})
        answer(fmt::format("{}.json", command), {"--json", command});
    answer("ipsec-why.json", {"--json", "ipsec", "--why"});
    answer("status.txt", {"status"});
    answer("diff.txt", {"diff"});
}

Result<Bundle> collect(const Invocation& invocation) {
    const std::string& config = invocation.config_dir;
    const auto secret_files = files_below(config + "/secrets");
    if (!secret_files) return tl::unexpected<Error>(secret_files.error());
    auto secrets = known_secrets(config, *secret_files);
    if (!secrets) return tl::unexpected<Error>(secrets.error());
    const auto customer_files = files_below(config + "/customers");
    if (!customer_files) return tl::unexpected<Error>(customer_files.error());

    Bundle bundle(std::move(*secrets));
    add_answers(invocation, bundle);
    bundle.add("os-release.txt", read_text("/etc/os-release").value_or(""));
    bundle.add_config("config/warren.toml", read_text(config + "/warren.toml").value_or(""));
    for (const std::string& name : *customer_files)
        bundle.add_config("config/customers/" + name, read_text(config + "/customers/" + name).value_or(""));
    bundle.add("config/users.txt", users_text(config));
    bundle.add("config/secrets.txt", secrets_text(config, *secret_files));
    add_stacks(customers_in(*customer_files), bundle);
    for (const char* path : kKernelFiles)
        bundle.add("kernel/" + fs::path(path).filename().string() + ".txt", read_text(path).value_or(""));
    for (const Question& question : questions()) bundle.add_output(question);
    return bundle;
}

Result<std::string> pack(const Bundle& bundle) {
    auto ran = run_program({"gzip", "-6n"}, tar_of(bundle.files(), std::time(nullptr)), kPacking);
    if (!ran) return tl::unexpected<Error>(ran.error());
    if (ran->exit_status != 0 || ran->was_cut)
        return fail(ErrorCode::kFailed, fmt::format("gzip failed with status {}", ran->exit_status));
    return std::move(ran->output);
}

}  // namespace

int run_support_bundle(const Invocation& invocation, Output& output) {
    const std::string& path = invocation.arguments[0];
    const auto bundle = collect(invocation);
    if (!bundle) return complain(output, kFailed, bundle.error().what);
    const auto packed = pack(*bundle);
    if (!packed) return complain(output, kFailed, packed.error().what);
    if (const Status written = create_file(path, *packed); !written)
        return complain(output, kFailed, written.error().what);
    if (invocation.json) {
        output.out << nlohmann::ordered_json{{"file", path},
                                             {"files", bundle->files().size()},
                                             {"bytes", packed->size()}}
                          .dump(2)
                   << '\n';
        return kDone;
    }
    output.out << fmt::format(
        "{}: {} files, {}; without keys, passwords and tokens, but with addresses and names of customers\n", path,
        bundle->files().size(), bytes_text(packed->size()));
    return kDone;
}

}  // namespace warren::ctl
