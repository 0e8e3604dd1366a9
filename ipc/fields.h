// What messages list their fields with, each once and beside its struct: the codec (ipc/codec.h), and whatever else
// must not forget a field, walk the same list. Knows no key, so that snapshots may include it.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "base/ip.h"
#include "base/log_level.h"

namespace warren::ipc {

// `Candidate` is T or const T: `fields(auto& codec, Is<T> auto& m)` serves readers and writers. Found by
// argument-dependent lookup.
template <typename Candidate, typename T>
concept Is = std::same_as<std::remove_const_t<Candidate>, T>;

template <typename T>
concept Enumeration = std::is_enum_v<T>;

// The last enumerator of a sent enumeration, specialised beside it.
template <Enumeration E>
struct LastOf;

template <>
struct LastOf<Family> {
    static constexpr Family value = Family::kV6;
};
template <>
struct LastOf<LogLevel> {
    static constexpr auto value = LogLevel::kError;
};

}  // namespace warren::ipc
