// Secret bytes of any number, on the heap: what a file holds. The number is not secret.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "crypto/secret.h"

namespace warren::crypto {

// Moved, never copied, wiped at the end, compared in constant time, not printable. Empty by default and after it was
// moved from.
class SecretBuffer {
  public:
    SecretBuffer() = default;
    explicit SecretBuffer(Bytes bytes) : SecretBuffer(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), bytes_.get());
    }
    // `size` zeros, to be written.
    explicit SecretBuffer(std::size_t size) : bytes_(std::make_unique<std::uint8_t[]>(size)), size_(size) {}
    SecretBuffer(SecretBuffer&& other) noexcept
        : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
    SecretBuffer& operator=(SecretBuffer&& other) noexcept {
        if (this == &other) return *this;
        wipe(writable());
        bytes_ = std::move(other.bytes_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    SecretBuffer(const SecretBuffer&) = delete;
    SecretBuffer& operator=(const SecretBuffer&) = delete;
    ~SecretBuffer() { wipe(writable()); }

    // An explicit copy.
    [[nodiscard]] SecretBuffer clone() const { return SecretBuffer(reveal()); }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    // Use it only in the call into crypto.
    [[nodiscard]] Bytes reveal() const { return {bytes_.get(), size_}; }
    [[nodiscard]] MutableBytes writable() { return {bytes_.get(), size_}; }
    bool operator==(const SecretBuffer& other) const { return equal_constant_time(reveal(), other.reveal()); }

  private:
    std::unique_ptr<std::uint8_t[]> bytes_;
    std::size_t size_ = 0;
};

}  // namespace warren::crypto
