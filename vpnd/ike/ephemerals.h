// Ephemeral keys that were made beforehand, so that a first message is answered at once (conformance KD1).
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "crypto/key_exchange.h"
#include "vpnd/ike/limits.h"

namespace warren::ike {

// kEphemeralsKept of each method that was asked for; each is used once. The engine has them made. One thread.
class Ephemerals {
  public:
    // Nothing: there is none now.
    [[nodiscard]] std::optional<crypto::EphemeralKey> take(crypto::KeyExchangeMethod method) {
        Kind& kind = kinds_[method];
        if (kind.keys.empty()) return std::nullopt;
        std::optional<crypto::EphemeralKey> out(std::move(kind.keys.back()));
        kind.keys.pop_back();
        return out;
    }
    // Whether another one is to be made; then it counts as being made.
    [[nodiscard]] bool wants(crypto::KeyExchangeMethod method) {
        Kind& kind = kinds_[method];
        if (kind.keys.size() + kind.in_work >= kEphemeralsKept) return false;
        ++kind.in_work;
        return true;
    }
    // One that wants() counted is made, or is not.
    void put(crypto::EphemeralKey key) {
        Kind& kind = kinds_[key.method()];
        if (kind.in_work > 0) --kind.in_work;
        if (kind.keys.size() < kEphemeralsKept) kind.keys.push_back(std::move(key));
    }
    void failed(crypto::KeyExchangeMethod method) {
        Kind& kind = kinds_[method];
        if (kind.in_work > 0) --kind.in_work;
    }
    [[nodiscard]] std::size_t size(crypto::KeyExchangeMethod method) { return kinds_[method].keys.size(); }

  private:
    struct Kind {
        std::vector<crypto::EphemeralKey> keys;
        std::size_t in_work = 0;
    };
    std::map<crypto::KeyExchangeMethod, Kind> kinds_;
};

}  // namespace warren::ike
