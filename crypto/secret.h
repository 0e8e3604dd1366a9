// Secret bytes: moved, never copied, wiped at the end, compared in constant time, not printable.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace warren::crypto {

// Overwrites memory; the compiler may not leave it out.
void wipe(MutableBytes memory);
// Compares in time that depends on the length only. False when the lengths differ.
[[nodiscard]] bool equal_constant_time(Bytes a, Bytes b);

// N secret bytes. All zero by default and after it was moved from.
template <std::size_t N>
class Secret {
  public:
    static constexpr std::size_t kSize = N;

    Secret() = default;
    explicit Secret(std::span<const std::uint8_t, N> bytes) { std::memcpy(bytes_.data(), bytes.data(), N); }
    Secret(Secret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            bytes_ = other.bytes_;
            wipe(other.bytes_);
        }
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { wipe(bytes_); }

    // An explicit copy.
    [[nodiscard]] Secret clone() const { return Secret(std::span<const std::uint8_t, N>(bytes_)); }
    // Use it only in the call into crypto.
    [[nodiscard]] std::span<const std::uint8_t, N> reveal() const { return bytes_; }
    [[nodiscard]] std::span<std::uint8_t, N> writable() { return bytes_; }
    [[nodiscard]] bool equals(const Secret& other) const { return equal_constant_time(bytes_, other.bytes_); }
    bool operator==(const Secret& other) const { return equals(other); }
    [[nodiscard]] bool is_zero() const { return equal_constant_time(bytes_, std::array<std::uint8_t, N>{}); }

  private:
    std::array<std::uint8_t, N> bytes_{};
};

}  // namespace warren::crypto
