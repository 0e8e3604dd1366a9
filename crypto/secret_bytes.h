// Secret bytes whose number an algorithm decides; that number is not secret.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/secret.h"

namespace warren::crypto {

// 0 to N secret bytes, in place: moved, never copied, wiped at the end, compared in constant time, not printable. Empty
// by default and after it was moved from.
template <std::size_t N>
class SecretBytes {
  public:
    static constexpr std::size_t kCapacity = N;

    SecretBytes() = default;
    // bytes.size() <= N
    explicit SecretBytes(Bytes bytes) : SecretBytes(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), bytes_.begin());
    }
    // `size` zeros, to be written. size <= N
    explicit SecretBytes(std::size_t size) : size_(size) { WARREN_CHECK(size <= N); }
    SecretBytes(SecretBytes&& other) noexcept : bytes_(other.bytes_), size_(other.size_) { other.clear(); }
    SecretBytes& operator=(SecretBytes&& other) noexcept {
        if (this != &other) {
            bytes_ = other.bytes_;
            size_ = other.size_;
            other.clear();
        }
        return *this;
    }
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes() { wipe(bytes_); }

    // An explicit copy.
    [[nodiscard]] SecretBytes clone() const { return SecretBytes(reveal()); }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    // Use it only in the call into crypto.
    [[nodiscard]] Bytes reveal() const { return Bytes(bytes_).first(size_); }
    [[nodiscard]] MutableBytes writable() { return MutableBytes(bytes_).first(size_); }
    bool operator==(const SecretBytes& other) const { return equal_constant_time(reveal(), other.reveal()); }
    void clear() {
        wipe(bytes_);
        size_ = 0;
    }

  private:
    std::array<std::uint8_t, N> bytes_{};
    std::size_t size_ = 0;
};

}  // namespace warren::crypto
