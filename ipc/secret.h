// A secret of IPsec with its files, as stackd keeps it and authd holds it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/ipsec.h"
#include "crypto/secret_buffer.h"
#include "ipc/auth_messages.h"

namespace warren::ipc {

struct Secret {
    struct File {
        SecretFile what = SecretFile::kKey;
        crypto::SecretBuffer content;
    };
    SecretKind kind = SecretKind::kPsk;
    std::vector<File> files;
    bool crl_required = false;
    std::vector<std::string> realms;

    // The first file of that sort; empty: there is none.
    [[nodiscard]] Bytes find(SecretFile what) const {
        const auto found =
            std::find_if(files.begin(), files.end(), [what](const File& file) { return file.what == what; });
        return found == files.end() ? Bytes() : found->content.reveal();
    }
};

}  // namespace warren::ipc
