// What authd holds: secrets by their numbers, as stackd sends them, piece by piece.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "ipc/secret.h"

namespace warren::auth {

using ipc::Secret;

// Puts the pieces of one secret together.
class Intake {
  public:
    static constexpr std::size_t kMostFiles = 256;
    static constexpr std::size_t kMostBytes = 16 * 1024 * 1024;  // of one secret

    // What was not ended is forgotten.
    void begin(ipc::PutSecret put);
    void add(ipc::SecretPart part);
    // The whole secret and its number. kInvalid: it was never begun, was too large, or a file of it has no end.
    [[nodiscard]] Result<std::pair<SecretId, Secret>> end();

  private:
    [[nodiscard]] bool has_room_for(const ipc::SecretPart& part) const;
    void close_file();

    SecretId id_ = kNoSecret;
    Secret secret_;
    std::vector<crypto::SecretBuffer> pieces_;  // of the file that goes on
    std::size_t bytes_ = 0;
    bool is_too_large_ = false;
};

// One thread.
class Secrets {
  public:
    static constexpr std::size_t kMost = 200'000;
    static constexpr std::size_t kMostBytes = 128 * 1024 * 1024;  // of all

    // It takes the place of one with the same number. kUnavailable: there are too many; it is not held.
    [[nodiscard]] Status put(SecretId id, Secret secret);
    void drop(SecretId id);
    // Of that kind; null: there is none. Valid until it is dropped or put again.
    [[nodiscard]] const Secret* find(SecretId id, SecretKind kind) const;
    [[nodiscard]] std::size_t size() const { return secrets_.size(); }

  private:
    std::unordered_map<SecretId, Secret> secrets_;
    std::size_t bytes_ = 0;
};

}  // namespace warren::auth
