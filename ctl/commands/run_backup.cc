// backup, restore
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <ostream>
#include <system_error>

#include "base/clock.h"
#include "base/printable.h"
#include "base/utc_text.h"
#include "base/version.h"
#include "config/load.h"
#include "crypto/passphrase_box.h"
#include "ctl/commands/terminal.h"
#include "ctl/files/backup.h"
#include "ctl/files/config_files.h"
#include "ctl/files/customer_file.h"
#include "ctl/files/files.h"
#include "ctl/files/staged_tree.h"
#include "ctl/runners.h"
#include "history/write_back.h"

namespace warren::ctl {

namespace {

namespace fs = std::filesystem;

// A text that is wiped at the end.
class Wiped {
  public:
    explicit Wiped(std::string text) : text_(std::move(text)) {}
    ~Wiped() { crypto::wipe({reinterpret_cast<std::uint8_t*>(text_.data()), text_.size()}); }
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

// Without links: on the firmware image /etc/warren is one, and its own directory cannot be written.
Result<std::string> canonical(const std::string& directory) {
    std::error_code error;
    std::string out = fs::weakly_canonical(directory, error).string();
    if (error) return fail(ErrorCode::kFailed, directory + ": " + error.message());
    while (out.size() > 1 && out.ends_with('/')) out.pop_back();
    return out;
}

Machine machine_here() {
    Machine out;
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) out.name = name.data();
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return out;
    for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
        const std::string device = each->ifa_name;
        if (device == "lo") continue;
        auto& addresses = out.devices[device];
        if (each->ifa_addr == nullptr) continue;
        const int family = each->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        std::array<char, NI_MAXHOST> text{};
        const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        if (::getnameinfo(each->ifa_addr, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) continue;
        const std::string address = text.data();
        if (!address.starts_with("fe80:")) addresses.push_back(address);  // another one on every machine
    }
    ::freeifaddrs(all);
    return out;
}

// What is in the directory, and is not the configuration's.
void tell_others(const std::string& directory, Output& output) {
    std::error_code error;
    for (auto it = fs::directory_iterator(directory, error); !error && it != fs::directory_iterator();
         it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (!is_backup_root(name))
            output.err << fmt::format("vpnctl: {} is not the configuration's, and is not in the backup\n",
                                      printable(name));
    }
}

Wiped passphrase_from(std::string_view prompt, Output& output) {
    auto line = read_line(prompt, Echo::kHidden, output);
    return Wiped(line ? std::move(*line) : std::string());
}

// False: it was said why.
bool is_good(const Wiped& passphrase, Output& output) {
    if (const std::string problem = password_problem(passphrase.text()); !problem.empty()) {
        (void)complain(output, kUsage, problem);
        return false;
    }
    if (::isatty(STDIN_FILENO) == 0) return true;
    if (passphrase_from("the same again: ", output).text() == passphrase.text()) return true;
    (void)complain(output, kUsage, "these are two passphrases");
    return false;
}

std::string config_text_of(const Backup& backup) {
    std::string out;
    for (const BackupFile& file : backup.files) {
        const Bytes bytes = file.content.reveal();
        if (file.name.ends_with(".toml") && file.name != "users.toml")
            out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return out;
}

// What `restore --write` would do. How many lines.
std::size_t tell_changes(const Backup& backup, const std::vector<BackupFile>& present, Output& output) {
    std::size_t count = 0;
    const auto tell = [&](std::string_view what, const std::string& name) {
        output.out << fmt::format("{} {}\n", what, printable(name));
        ++count;
    };
    const auto find = [](const std::vector<BackupFile>& files, const std::string& name) {
        return std::find_if(files.begin(), files.end(), [&name](const BackupFile& file) { return file.name == name; });
    };
    for (const BackupFile& file : backup.files) {
        const auto here = find(present, file.name);
        if (here == present.end()) {
            tell("add    ", file.name);
        } else if (!(here->content == file.content)) {
            tell("change ", file.name);
        }
    }
    for (const BackupFile& file : present) {
        if (find(backup.files, file.name) == backup.files.end()) tell("remove ", file.name);
    }
    return count;
}

Result<Backup> open_backup(const std::string& path, Output& output) {
    std::error_code error;
    if (!fs::exists(path, error)) return fail(ErrorCode::kNotFound, "there is no file " + path);
    const auto box = read_text(path);
    if (!box) return tl::unexpected<Error>(box.error());
    const Wiped passphrase = passphrase_from("passphrase of the backup: ", output);
    const auto plain = crypto::open_with_passphrase(as_bytes(*box), passphrase.text());
    if (!plain) return with_context(path, plain.error());
    auto backup = decode_backup(plain->reveal());
    if (!backup) return with_context(path, backup.error());
    return backup;
}

// Errors of customers are told, and do not keep the others from being served.
bool check(const std::string& directory, Output& output) {
    const config::Loaded loaded = config::load(directory);
    for (const config::Diagnostic& one : loaded.diagnostics) output.err << config::format(one) << '\n';
    return loaded.appliance_valid;
}

}  // namespace

int run_backup(const Invocation& invocation, Output& output) {
    const std::string& path = invocation.arguments[0];
    Backup backup;
    backup.version = kVersion;
    backup.time = utc_text(read_wall_clock());
    backup.machine = machine_here();
    {
        const auto lock = lock_configuration(invocation.config_dir);
        if (!lock) return complain(output, kFailed, lock.error().what);
        auto files = read_config_files(invocation.config_dir);
        if (!files) return complain(output, kFailed, files.error().what);
        backup.files = std::move(*files);
    }
    tell_others(invocation.config_dir, output);
    const Wiped passphrase = passphrase_from("passphrase of the backup: ", output);
    if (!is_good(passphrase, output)) return kUsage;
    const crypto::SecretBuffer plain = encode(backup);
    crypto::SystemRandom random;
    const auto box = crypto::seal_with_passphrase(plain.reveal(), passphrase.text(), random);
    if (!box) return complain(output, kFailed, box.error().what);
    if (const Status written = create_file(path, {reinterpret_cast<const char*>(box->data()), box->size()}); !written)
        return complain(output, kFailed, written.error().what);
    output.out << fmt::format("{}: {} files; without its passphrase nobody can read it\n", path, backup.files.size());
    return kDone;
}

int run_restore(const Invocation& invocation, Output& output) {
    const auto backup = open_backup(invocation.arguments[0], output);
    if (!backup) return complain(output, kFailed, backup.error().what + "; nothing was written");
    output.out << fmt::format("backup of {} from {}, by Warren {}\n", printable(backup->machine.name),
                              printable(backup->time), printable(backup->version));
    for (const std::string& difference : differences(backup->machine, machine_here(), config_text_of(*backup)))
        output.out << fmt::format("note: {}\n", printable(difference));
    std::error_code error;
    const auto found = canonical(invocation.config_dir);
    if (!found) return complain(output, kFailed, found.error().what);
    const std::string& directory = *found;
    const bool is_there = fs::exists(directory, error);
    UniqueFd held;
    std::vector<BackupFile> present;
    if (is_there) {
        auto lock = lock_configuration(directory);
        if (!lock) return complain(output, kFailed, lock.error().what);
        held = std::move(*lock);
        auto files = read_config_files(directory);
        if (!files) return complain(output, kFailed, files.error().what);
        present = std::move(*files);
    }
    const std::size_t changes = tell_changes(*backup, present, output);
    if (changes == 0) {
        output.out << "the configuration is that of the backup\n";
        return kDone;
    }
    if (!invocation.change.write) {
        output.out << "nothing was written; --write puts the backup in the place of the configuration\n";
        return kAnswerIsNo;
    }
    StagedTree staged(directory, fmt::format("{}.{}", directory, history::kept_tag()));
    if (const Status written = staged.write(backup->files); !written)
        return complain(output, kFailed, written.error().what + "; nothing was changed");
    if (!check(staged.path(), output))
        return complain(output, kFailed, "the backup's warren.toml has errors here; nothing was changed");
    if (const Status placed = staged.take_place(); !placed)
        return complain(output, kFailed, placed.error().what + "; nothing was changed");
    if (staged.replaces()) output.out << fmt::format("the configuration of before is in {}\n", staged.path());
    output.out << "`vpnctl diff` shows what it changes, and `vpnctl apply` brings it into force\n";
    return kDone;
}

}  // namespace warren::ctl
