#include "history/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/bytes.h"
#include "config/customer_id.h"
#include "config/named_secrets.h"
#include "crypto/hmac_sha.h"
#include "crypto/random.h"
#include "crypto/sha.h"
#include "history/unconfirmed.h"

namespace warren::history {

namespace {

constexpr const char* kList = "list";
constexpr const char* kTexts = "texts";
constexpr const char* kKey = "key";
constexpr std::size_t kSyncedOneByOne = 16;  // of more texts, all of the file system is synced at once

std::string path_of(const std::string& hash) {
    return fmt::format("{}/{}", kTexts, hash);
}

std::string hex_of(Bytes bytes) {
    std::string out;
    for (const std::uint8_t byte : bytes) {
        out += "0123456789abcdef"[byte >> 4U];
        out += "0123456789abcdef"[byte & 15U];
    }
    return out;
}

// Calls `take(name, text)` for each file that has one.
template <typename Take>
void each_text(const config::Generation& generation, Take take) {
    take(std::string("warren.toml"), generation.text);
    for (const auto& accepted : generation.customers)
        take(config::customer_file(accepted->customer.id), accepted->text);
}

void add_secrets(const std::vector<config::NamedSecret>& names, const config::Secrets& secrets, crypto::HmacSha& mac,
                 Manifest& out) {
    for (const config::NamedSecret& name : names) {
        const bool is_certificate = name.form == config::FileForm::kCertificate;
        Bytes held;
        if (name.form == config::FileForm::kKey) {
            if (const auto* key = secrets.find(name.ref)) held = key->reveal();
        } else if (const auto* content = secrets.content(name.ref, name.form)) {
            held = content->reveal();
        }
        std::array<std::uint8_t, 32> hash{};
        mac.compute({as_bytes(name.ref.name), held}, hash);
        out[fmt::format("{}/{}", is_certificate ? "certs" : "secrets", name.ref.name)] = {hex_of(hash), 0};
    }
}

}  // namespace

std::string hash_of(std::string_view text) {
    std::array<std::uint8_t, 32> out{};
    crypto::digest(crypto::Sha::kSha256, {as_bytes(text)}, out);
    return hex_of(out);
}

std::string directory_of(const std::string& state_dir) {
    return state_dir + "/history";
}

Manifest manifest_of(const config::Generation& generation, const crypto::Secret<32>& key) {
    Manifest out;
    each_text(generation, [&out](const std::string& name, const std::string& text) {
        out[name] = {hash_of(text), text.size()};
    });
    crypto::HmacSha mac(crypto::Sha::kSha256, key.reveal());
    add_secrets(config::secrets_of(generation.appliance), generation.secrets, mac, out);
    for (const auto& accepted : generation.customers)
        add_secrets(config::secrets_of(accepted->customer), accepted->secrets, mac, out);
    return out;
}

Result<Revisions> Store::revisions() const {
    const auto text = disk_.read(kList);
    if (!text && text.error().code == ErrorCode::kNotFound) return Revisions();
    if (!text) return tl::unexpected<Error>(text.error());
    auto out = decode(*text);
    if (!out) return with_context("the list of revisions", out.error());
    return out;
}

Result<Revisions> Store::revisions_or_new() {
    auto out = revisions();
    if (out || out.error().code != ErrorCode::kInvalid) return out;
    Revisions fresh;
    const auto damaged = disk_.read(kList);
    fresh.used = std::max(damaged ? last_in_damaged(*damaged) : kNoRevision, pinned());
    WARREN_TRY(disk_.rename(kList, std::string(kList) + ".damaged"));
    return fresh;
}

std::uint64_t Store::pinned() const {
    const auto text = disk_.read(kUnconfirmedFile);
    const auto waiting = text ? decode_unconfirmed(*text) : Result<Unconfirmed>(tl::unexpected<Error>(text.error()));
    return waiting ? waiting->base : kNoRevision;
}

Status Store::check(std::uint64_t number) const {
    const auto list = revisions();
    if (!list) return tl::unexpected<Error>(list.error());
    const auto texts = texts_at(*list, number);
    return texts ? Status() : Status(tl::unexpected<Error>(texts.error()));
}

Result<crypto::Secret<32>> Store::key() {
    const auto present = disk_.read(kKey);
    if (!present && present.error().code != ErrorCode::kNotFound) return tl::unexpected<Error>(present.error());
    crypto::Secret<32> out;
    if (present && present->size() == crypto::Secret<32>::kSize) {
        const Bytes bytes = as_bytes(*present);
        std::copy(bytes.begin(), bytes.end(), out.writable().begin());
        return out;
    }
    crypto::SystemRandom().fill(out.writable());
    const auto bytes = out.reveal();
    WARREN_TRY(put(kKey, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    return out;
}

Result<std::uint64_t> Store::record(const config::Generation& generation, WallTime time, const Origin& origin,
                                    const std::vector<Detail>& details, const Limits& limits) {
    WARREN_TRY(disk_.make_directory(""));
    WARREN_TRY(disk_.make_directory(kTexts));
    const auto before = revisions_or_new();
    if (!before) return tl::unexpected<Error>(before.error());
    const auto secret_key = key();
    if (!secret_key) return tl::unexpected<Error>(secret_key.error());
    const Manifest now = manifest_of(generation, *secret_key);
    Revisions next = *before;
    if (!append(next, now, time, origin, details, limits, pinned())) return before->last();
    auto needed = texts_of(*before);
    Status done = add_texts(generation, *before, now);
    if (done) {
        done = put(kList, encode(next));
        if (done) needed.clear();
        needed.merge(texts_of(next));  // after an error it is not sure which list there is
    }
    sweep(needed);
    if (!done) return tl::unexpected<Error>(done.error());
    return next.last();
}

// Those that the list before does not need: what else has such a name may be torn.
Status Store::add_texts(const config::Generation& generation, const Revisions& before, const Manifest& now) {
    const auto present = texts_of(before);
    std::set<std::string> added;
    Status done;
    each_text(generation, [&](const std::string& name, const std::string& text) {
        const std::string& hash = now.find(name)->second.hash;
        if (done && !present.contains(hash) && added.insert(hash).second) done = disk_.write(path_of(hash), text);
    });
    if (!done || added.empty()) return done;
    if (added.size() > kSyncedOneByOne) return disk_.sync_all();
    for (const std::string& hash : added) WARREN_TRY(disk_.sync_file(path_of(hash)));
    return disk_.sync_directory(kTexts);
}

// What no list needs, also from one that could not be written. Nothing is lost when it stays until the next time.
void Store::sweep(const std::map<std::string, std::uint64_t>& needed) {
    const auto names = disk_.list(kTexts);
    if (!names) return;
    for (const std::string& name : *names) {
        if (!needed.contains(name)) (void)disk_.remove(path_of(name));
    }
}

Result<std::string> Store::text(const Content& content) const {
    auto out = disk_.read(path_of(content.hash));
    if (!out) return out;
    if (hash_of(*out) != content.hash) return fail(ErrorCode::kInvalid, path_of(content.hash) + " is damaged");
    return out;
}

Result<config::Texts> Store::texts_at(const Revisions& revisions, std::uint64_t number) const {
    const auto manifest = manifest_at(revisions, number);
    if (!manifest) return fail(ErrorCode::kNotFound, fmt::format("there is no revision {}", number));
    config::Texts out;
    for (const auto& [name, content] : *manifest) {
        if (!has_text(name)) continue;
        auto found = text(content);
        if (!found) return with_context(fmt::format("revision {}", number), found.error());
        const std::string id = customer_of(name);
        if (id.empty()) {
            out.appliance = std::move(*found);
        } else {
            out.customers.emplace(id, std::move(*found));
        }
    }
    return out;
}

Status Store::put(const std::string& name, std::string_view content) {
    const std::string fresh = name + ".new";
    Status done = disk_.write(fresh, content);
    if (done) done = disk_.sync_file(fresh);
    if (done) done = disk_.rename(fresh, name);
    if (!done) {
        (void)disk_.remove(fresh);
        return done;
    }
    return disk_.sync_directory("");
}

Status Store::remove(const std::string& name) {
    WARREN_TRY(disk_.remove(name));
    return disk_.sync_directory("");
}

}  // namespace warren::history
