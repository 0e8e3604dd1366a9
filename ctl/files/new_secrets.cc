#include "ctl/files/new_secrets.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "config/parse.h"
#include "crypto/secret.h"
#include "ctl/files/files.h"

namespace warren::ctl {

namespace {

constexpr int kMostTries = 100;

std::string file_name(std::string_view name) {
    std::string out(name);
    std::replace_if(
        out.begin(), out.end(),
        [](char c) {
            const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            return !is_plain && c != '.' && c != '-' && c != '_';
        },
        '_');
    return out;
}

}  // namespace

NewSecrets::~NewSecrets() {
    for (const std::string& path : made_) (void)::unlink(path.c_str());
}

Result<std::string> NewSecrets::add(const std::string& customer, std::string_view name, std::string_view suffix,
                                    std::string_view secret) {
    WARREN_TRY(ensure_directory(directory_, 0700));
    WARREN_TRY(ensure_directory(fmt::format("{}/{}", directory_, customer), 0700));
    std::string line;
    line.reserve(secret.size() + 1);
    line += secret;
    line += '\n';
    Result<std::string> out = fail(ErrorCode::kConflict, fmt::format("secrets/{}/{} is there already", customer, name));
    for (int i = 1; i <= kMostTries; ++i) {
        const std::string number = i == 1 ? "" : fmt::format("-{}", i);
        const std::string ref = fmt::format("{}/{}{}{}", customer, file_name(name), number, suffix);
        if (!config::is_secret_name(ref)) {
            out = fail(ErrorCode::kInvalid, fmt::format("{} is no name of a secret", ref));
            break;
        }
        const std::string path = fmt::format("{}/{}", directory_, ref);
        const Status written = create_file(path, line);
        if (!written && written.error().code == ErrorCode::kConflict) continue;
        if (written) {
            made_.push_back(path);
            out = ref;
        } else {
            out = tl::unexpected<Error>(written.error());
        }
        break;
    }
    crypto::wipe({reinterpret_cast<std::uint8_t*>(line.data()), line.size()});
    return out;
}

}  // namespace warren::ctl
