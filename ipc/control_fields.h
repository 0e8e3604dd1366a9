// The fields of a ControlText, which two protocols carry.
#pragma once

#include "ipc/codec.h"
#include "ipc/control_messages.h"

namespace warren::ipc {

template <>
struct LastOf<ControlText::Kind> {
    static constexpr auto value = ControlText::Kind::kIncomplete;
};

// Found by argument-dependent lookup from the codec.
inline void fields(auto& codec, Is<ControlText> auto& m) {
    codec(m.kind, m.customer, m.text);
}

}  // namespace warren::ipc
