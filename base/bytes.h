// Spans of bytes, and the only way untrusted bytes are parsed.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace warren {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

inline Bytes as_bytes(std::string_view text) {
    // char and uint8_t may alias any object, so this view is well defined.
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Fixed-width integers at an address without alignment. The caller has checked that sizeof(T) bytes are there.
template <std::unsigned_integral T>
[[nodiscard]] inline T load_le(const std::uint8_t* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;  // every supported machine is little-endian, asserted in bytes.cc
}
template <std::unsigned_integral T>
inline void store_le(std::uint8_t* to, T value) {
    std::memcpy(to, &value, sizeof value);
}
template <std::unsigned_integral T>
[[nodiscard]] inline T byte_swap(T value) {
    if constexpr (sizeof(T) == 1) return value;
    if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(value));
    if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(value));
    if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(value));
}
template <std::unsigned_integral T>
[[nodiscard]] inline T load_be(const std::uint8_t* from) {
    return byte_swap(load_le<T>(from));
}
template <std::unsigned_integral T>
inline void store_be(std::uint8_t* to, T value) {
    store_le(to, byte_swap(value));
}

// Reads forward through bytes. A read past the end yields zeros, makes ok() false, and every later read fails too,
// so a parser may read a whole structure and check once.
class ByteReader {
  public:
    explicit ByteReader(Bytes bytes) : rest_(bytes) {}

    template <std::unsigned_integral T>
    T le() {
        const Bytes got = take(sizeof(T));
        return got.empty() ? T{0} : load_le<T>(got.data());
    }
    template <std::unsigned_integral T>
    T be() {
        const Bytes got = take(sizeof(T));
        return got.empty() ? T{0} : load_be<T>(got.data());
    }
    std::uint8_t u8() { return le<std::uint8_t>(); }

    template <std::size_t N>
    std::array<std::uint8_t, N> array() {
        std::array<std::uint8_t, N> out{};
        const Bytes got = take(N);
        if (!got.empty()) std::memcpy(out.data(), got.data(), N);
        return out;
    }

    // The next n bytes, or an empty span (and ok() false) when fewer are left.
    Bytes take(std::size_t n) {
        if (n > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const Bytes out = rest_.first(n);
        rest_ = rest_.subspan(n);
        return out;
    }

    [[nodiscard]] Bytes rest() const { return rest_; }
    [[nodiscard]] bool ok() const { return ok_; }
    // Everything was read, and nothing was missing.
    [[nodiscard]] bool finished() const { return ok_ && rest_.empty(); }

  private:
    Bytes rest_;
    bool ok_ = true;
};

// Writes forward into a fixed space. A write past the end writes nothing and makes ok() false.
class ByteWriter {
  public:
    explicit ByteWriter(MutableBytes space) : space_(space) {}

    template <std::unsigned_integral T>
    void le(T value) {
        if (std::uint8_t* to = reserve(sizeof(T))) store_le(to, value);
    }
    template <std::unsigned_integral T>
    void be(T value) {
        if (std::uint8_t* to = reserve(sizeof(T))) store_be(to, value);
    }
    void u8(std::uint8_t value) { le(value); }
    void bytes(Bytes from) {
        if (std::uint8_t* to = reserve(from.size()); to != nullptr && !from.empty())
            std::memcpy(to, from.data(), from.size());
    }

    [[nodiscard]] std::size_t size() const { return used_; }
    [[nodiscard]] Bytes written() const { return Bytes(space_).first(used_); }
    [[nodiscard]] bool ok() const { return ok_; }

  private:
    std::uint8_t* reserve(std::size_t n) {
        if (!ok_ || n > space_.size() - used_) {
            ok_ = false;
            return nullptr;
        }
        std::uint8_t* at = space_.data() + used_;
        used_ += n;
        return at;
    }

    MutableBytes space_;
    std::size_t used_ = 0;
    bool ok_ = true;
};

}  // namespace warren
