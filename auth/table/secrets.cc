#include "auth/table/secrets.h"

#include <algorithm>
#include <utility>

namespace warren::auth {

namespace {

std::size_t size_of(const Secret& secret) {
    std::size_t out = 0;
    for (const Secret::File& file : secret.files) out += file.content.size();
    return out;
}

}  // namespace

// --- one secret ----------------------------------------------------------------------------------

void Intake::begin(ipc::PutSecret put) {
    *this = {};
    id_ = put.id;
    secret_.kind = put.kind;
    secret_.crl_required = put.crl_required;
    secret_.realms = std::move(put.realms);
}

void Intake::add(ipc::SecretPart part) {
    is_too_large_ = is_too_large_ || !has_room_for(part);
    if (is_too_large_) return;
    bytes_ += part.bytes.size();
    if (pieces_.empty()) secret_.files.push_back({part.file, {}});
    pieces_.push_back(std::move(part.bytes));
    if (!part.goes_on) close_file();
}

bool Intake::has_room_for(const ipc::SecretPart& part) const {
    if (bytes_ + part.bytes.size() > kMostBytes) return false;
    if (!pieces_.empty()) return part.file == secret_.files.back().what && !part.bytes.empty();
    return secret_.files.size() < kMostFiles;
}

void Intake::close_file() {
    std::size_t size = 0;
    for (const crypto::SecretBuffer& piece : pieces_) size += piece.size();
    crypto::SecretBuffer whole(size);
    auto to = whole.writable().begin();
    for (const crypto::SecretBuffer& piece : pieces_) to = std::copy(piece.reveal().begin(), piece.reveal().end(), to);
    secret_.files.back().content = std::move(whole);
    pieces_.clear();
}

Result<std::pair<SecretId, Secret>> Intake::end() {
    Intake done = std::exchange(*this, {});
    if (done.id_ == kNoSecret || !done.pieces_.empty()) return fail(ErrorCode::kInvalid, "a secret is cut off");
    if (done.is_too_large_) return fail(ErrorCode::kInvalid, "a secret has more or larger files than there may be");
    return std::pair(done.id_, std::move(done.secret_));
}

// --- all -----------------------------------------------------------------------------------------

Status Secrets::put(SecretId id, Secret secret) {
    drop(id);
    const std::size_t size = size_of(secret);
    if (secrets_.size() >= kMost || bytes_ + size > kMostBytes)
        return fail(ErrorCode::kUnavailable, "there are more secrets than authd holds");
    bytes_ += size;
    secrets_.emplace(id, std::move(secret));
    return {};
}

void Secrets::drop(SecretId id) {
    const auto found = secrets_.find(id);
    if (found == secrets_.end()) return;
    bytes_ -= size_of(found->second);
    secrets_.erase(found);
}

const Secret* Secrets::find(SecretId id, SecretKind kind) const {
    const auto found = secrets_.find(id);
    return found != secrets_.end() && found->second.kind == kind ? &found->second : nullptr;
}

}  // namespace warren::auth
