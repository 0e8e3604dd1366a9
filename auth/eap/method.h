// One way to show who one is inside of EAP, as its server sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "auth/eap/ms_chap.h"
#include "base/bytes.h"
#include "base/eap.h"
#include "base/time.h"

namespace warren::eap {

// What a method wants next.
struct Turn {
    enum class Kind : std::uint8_t { kRequest, kDone, kFailed };
    Kind kind = Kind::kFailed;
    std::vector<std::uint8_t> data;  // kRequest: behind the type
    Msk msk;                         // kDone, like the next
    std::string identity;            // whom the method has shown it to be
    Reason reason = Reason::kNone;   // kFailed; kRequest: what was wrong, which the peer may correct
    std::string detail;              // kFailed: more about it, or ""

    [[nodiscard]] static Turn request(std::vector<std::uint8_t> data) {
        return {Kind::kRequest, std::move(data), {}, {}, Reason::kNone, {}};
    }
    [[nodiscard]] static Turn failed(Reason reason, std::string detail = {}) {
        return {Kind::kFailed, {}, {}, {}, reason, std::move(detail)};
    }
};

// Bytes in, bytes out. It never succeeds twice: after kDone or kFailed it is not asked again.
class Method {
  public:
    virtual ~Method() = default;
    [[nodiscard]] virtual Type type() const = 0;
    // The first request.
    [[nodiscard]] virtual Turn begin() = 0;
    // The response to the last request: what is behind its type.
    [[nodiscard]] virtual Turn take(Instant now, Bytes data) = 0;
};

}  // namespace warren::eap
