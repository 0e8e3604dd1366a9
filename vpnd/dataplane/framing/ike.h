// IKE on port 500 (RFC 7296 §2): nothing but control messages.
#pragma once

#include "vpnd/dataplane/framing/framing.h"

namespace warren::dataplane {

struct IkeFraming {
    static constexpr std::size_t kHeaderSize = 28;  // RFC 7296 §3.1

    [[nodiscard]] static MessageHead parse(Bytes message) {
        return {.kind = message.size() >= kHeaderSize ? MessageKind::kControl : MessageKind::kMalformed};
    }

    static constexpr Framing make() {
        Framing out{.name = "ike", .steering = {.has_data = false}};
        out.identify = [](Bytes train, std::size_t stride, std::span<MessageHead> heads) {
            for (std::size_t i = 0; i < heads.size(); ++i)
                heads[i] = parse(train.subspan(i * stride, std::min(stride, train.size() - i * stride)));
        };
        out.form_of = [](InstallSession&) -> const Framing* { return nullptr; };  // it has no sessions
        return out;
    }
};

inline constexpr Framing kIkeFraming = IkeFraming::make();

}  // namespace warren::dataplane
