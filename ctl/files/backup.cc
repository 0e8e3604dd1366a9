#include "ctl/files/backup.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace warren::ctl {

namespace {

constexpr std::string_view kForm = "warren-backup 1";

std::string_view text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Up to the end of the line, which is taken too.
std::optional<std::string_view> take_line(std::string_view& left) {
    const auto end = left.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view out = left.substr(0, end);
    left.remove_prefix(end + 1);
    return out;
}

std::string_view take_word(std::string_view& line) {
    const auto space = line.find(' ');
    const std::string_view out = line.substr(0, space);
    line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
    return out;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text, int base = 10) {
    Number out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

// "file MODE SIZE NAME\n", the content, "\n".
bool take_file(std::string_view line, std::string_view& left, Backup& out) {
    const auto mode = number_of<std::uint32_t>(take_word(line), 8);
    const auto size = number_of<std::size_t>(take_word(line));
    if (!mode || *mode > 0777 || !size || *size >= left.size() || left[*size] != '\n' || !is_backup_name(line))
        return false;
    if (!out.files.empty() && out.files.back().name >= line) return false;
    out.files.push_back({std::string(line), *mode, crypto::SecretBuffer(as_bytes(left.substr(0, *size)))});
    left.remove_prefix(*size + 1);
    return true;
}

bool take(std::string_view& left, Backup& out) {
    const auto line = take_line(left);
    if (!line) return false;
    std::string_view rest = *line;
    const std::string_view what = take_word(rest);
    if (what == "version") {
        out.version = rest;
    } else if (what == "time") {
        out.time = rest;
    } else if (what == "machine") {
        out.machine.name = rest;
    } else if (what == "device") {
        auto& addresses = out.machine.devices[std::string(take_word(rest))];
        while (!rest.empty()) addresses.emplace_back(take_word(rest));
    } else {
        return what == "file" && take_file(rest, left, out);
    }
    return true;
}

std::string line_of(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

}  // namespace

bool is_backup_name(std::string_view name) {
    constexpr std::array<std::string_view, 2> kFiles{"warren.toml", "users.toml"};
    constexpr std::array<std::string_view, 3> kDirectories{"customers/", "secrets/", "certs/"};
    if (name.find('\n') != std::string_view::npos || name.find('\0') != std::string_view::npos) return false;
    if (std::find(kFiles.begin(), kFiles.end(), name) != kFiles.end()) return true;
    const bool is_below = std::any_of(kDirectories.begin(), kDirectories.end(),
                                      [name](std::string_view directory) { return name.starts_with(directory); });
    if (!is_below) return false;
    while (true) {
        const auto slash = name.find('/');
        const std::string_view part = name.substr(0, slash);
        if (part.empty() || part == "." || part == "..") return false;
        if (slash == std::string_view::npos) return true;
        name.remove_prefix(slash + 1);
    }
}

crypto::SecretBuffer encode(const Backup& backup) {
    std::string head = fmt::format("{}\nversion {}\ntime {}\nmachine {}\n", kForm, line_of(backup.version),
                                   line_of(backup.time), line_of(backup.machine.name));
    for (const auto& [device, addresses] : backup.machine.devices)
        head += fmt::format("device {} {}\n", device, fmt::join(addresses, " "));
    const auto line = [](const BackupFile& file) {
        return fmt::format("file {:o} {} {}\n", file.mode, file.content.size(), file.name);
    };
    std::size_t size = head.size();
    for (const BackupFile& file : backup.files) size += line(file).size() + file.content.size() + 1;
    crypto::SecretBuffer out(size);
    auto at = out.writable().begin();
    const auto put = [&at](Bytes bytes) { at = std::copy(bytes.begin(), bytes.end(), at); };
    put(as_bytes(head));
    for (const BackupFile& file : backup.files) {
        put(as_bytes(line(file)));
        put(file.content.reveal());
        put(as_bytes("\n"));
    }
    return out;
}

Result<Backup> decode_backup(Bytes text) {
    std::string_view left = text_of(text);
    if (take_line(left) != kForm) return fail(ErrorCode::kInvalid, "the backup has another form");
    Backup out;
    while (!left.empty()) {
        if (!take(left, out)) return fail(ErrorCode::kInvalid, "the backup has another form");
    }
    return out;
}

std::vector<std::string> differences(const Machine& backup, const Machine& here, std::string_view text) {
    std::vector<std::string> out;
    if (backup.name != here.name)
        out.push_back(fmt::format("the backup is of the machine {}, and this one is {}", backup.name, here.name));
    std::vector<std::string> present;
    for (const auto& [device, addresses] : here.devices)
        present.insert(present.end(), addresses.begin(), addresses.end());
    for (const auto& [device, addresses] : backup.devices) {
        const bool is_named = text.find('"' + device + '"') != std::string_view::npos;
        if (is_named && !here.devices.contains(device))
            out.push_back(fmt::format("there is no device {} here, and the configuration names it", device));
        for (const std::string& address : addresses) {
            if (std::find(present.begin(), present.end(), address) == present.end())
                out.push_back(fmt::format("{} ({} there) is no address of this machine", address, device));
        }
    }
    return out;
}

}  // namespace warren::ctl
