// Secrets as stackd sends them.
#pragma once

#include <doctest/doctest.h>

#include <string_view>
#include <utility>

#include "auth/table/table.h"

namespace warren::test {

inline ipc::SecretPart piece(ipc::SecretFile file, std::string_view text, bool goes_on = false) {
    return {file, crypto::SecretBuffer(as_bytes(text)), goes_on};
}

inline auth::Secret secret_of(SecretKind kind, ipc::SecretFile file, std::string_view text) {
    auth::Secret out;
    out.kind = kind;
    out.files.push_back({file, crypto::SecretBuffer(as_bytes(text))});
    return out;
}

inline auth::Secret psk(std::string_view text) {
    return secret_of(SecretKind::kPsk, ipc::SecretFile::kKey, text);
}

}  // namespace warren::test
