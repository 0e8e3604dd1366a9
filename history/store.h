// STATE_DIR/history: the list of revisions, and each text once, under its hash. The rim of this room: it reads and
// writes, and what it writes is decided by history/revisions.
//
//   list         the revisions (history/revisions.h); a power cut leaves the one before or this one, whole
//   texts/HASH   a text; there before a list that needs it
//   key          of the HMAC of secrets: their hashes say that one changed, and are of no use to find out what it is
//   lock         whoever writes has it
//   unconfirmed  a configuration that waits for a confirmation (history/unconfirmed.h)
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "config/generation.h"
#include "config/texts.h"
#include "crypto/secret.h"
#include "history/disk.h"
#include "history/revisions.h"

namespace warren::history {

// SHA-256 in hexadecimal.
[[nodiscard]] std::string hash_of(std::string_view text);
// Of the texts in force and of the secrets and certificates that they name. Pure.
[[nodiscard]] Manifest manifest_of(const config::Generation& generation, const crypto::Secret<32>& key);

// "STATE_DIR/history"
[[nodiscard]] std::string directory_of(const std::string& state_dir);

// One thread, one process at a time writes: it has the lock (lock_store()).
class Store {
  public:
    // Must outlive it.
    explicit Store(Disk& disk) : disk_(disk) {}

    // An absent list has no revisions. kInvalid: it is damaged.
    [[nodiscard]] Result<Revisions> revisions() const;
    // Adds `generation` unless it is the last one. The number of the last one. On an error the list is as before. What
    // comes back unless somebody confirms stays, however old it is. A damaged list is set aside as "list.damaged", and
    // another begins with the next number.
    [[nodiscard]] Result<std::uint64_t> record(const config::Generation& generation, WallTime time,
                                               const Origin& origin, const std::vector<Detail>& details,
                                               const Limits& limits = {});
    // kNotFound: there is no such revision; kInvalid: a text is damaged.
    [[nodiscard]] Result<config::Texts> texts_at(const Revisions& revisions, std::uint64_t number) const;
    [[nodiscard]] Result<std::string> text(const Content& content) const;
    // Every text of a revision is there and whole.
    [[nodiscard]] Status check(std::uint64_t number) const;

    // A small file beside the list: whole, or as it was.
    [[nodiscard]] Status put(const std::string& name, std::string_view content);
    [[nodiscard]] Status remove(const std::string& name);

  private:
    [[nodiscard]] Result<crypto::Secret<32>> key();
    // The base of what waits for a confirmation.
    [[nodiscard]] std::uint64_t pinned() const;
    [[nodiscard]] Result<Revisions> revisions_or_new();
    [[nodiscard]] Status add_texts(const config::Generation& generation, const Revisions& before, const Manifest& now);
    // Removes the texts with other hashes.
    void sweep(const std::map<std::string, std::uint64_t>& needed);

    Disk& disk_;
};

}  // namespace warren::history
