#include "alerts/rim/state_file.h"

#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "alerts/model/kept.h"
#include "base/bytes.h"
#include "crypto/sha.h"

namespace warren::alerts {

namespace {

constexpr std::size_t kPlaces = 2;
constexpr std::size_t kHeader = 64;  // magic, number, size, digest
constexpr std::size_t kPlace = kHeader + kMostKept;
constexpr std::uint64_t kMagic = 0x31'74'72'65'6c'61'6e'72;  // "rnalert1"

using Digest = std::array<std::uint8_t, 32>;

Digest digest_of(std::uint64_t number, std::string_view text) {
    std::array<std::uint8_t, 8> first{};
    store_le(first.data(), number);
    Digest out{};
    crypto::digest(crypto::Sha::kSha256, {Bytes(first), as_bytes(text)}, out);
    return out;
}

Status transfer(std::size_t size, std::size_t at, auto call) {
    for (std::size_t done = 0; done < size;) {
        const ssize_t count = call(done, size - done, static_cast<off_t>(at + done));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail_errno("state file", errno);
        if (count == 0) return fail(ErrorCode::kInvalid, "the state file is too short");
        done += static_cast<std::size_t>(count);
    }
    return {};
}

Status read_at(int fd, MutableBytes to, std::size_t at) {
    return transfer(to.size(), at, [&](std::size_t done, std::size_t rest, off_t from) {
        return ::pread(fd, to.data() + done, rest, from);
    });
}

Status write_at(int fd, Bytes bytes, std::size_t at) {
    return transfer(bytes.size(), at, [&](std::size_t done, std::size_t rest, off_t to) {
        return ::pwrite(fd, bytes.data() + done, rest, to);
    });
}

// Nothing: that place was never written, or not whole.
std::pair<std::uint64_t, std::string> read_place(int fd, std::size_t place) {
    std::array<std::uint8_t, kHeader> header{};
    if (!read_at(fd, header, place * kPlace)) return {};
    ByteReader reader{Bytes(header)};
    const auto magic = reader.le<std::uint64_t>();
    const auto number = reader.le<std::uint64_t>();
    const auto size = reader.le<std::uint64_t>();
    const auto digest = reader.array<32>();
    if (magic != kMagic || number == 0 || size > kMostKept) return {};
    std::string text(size, '\0');
    if (!read_at(fd, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, place * kPlace + kHeader)) return {};
    if (digest_of(number, text) != digest) return {};
    return {number, std::move(text)};
}

}  // namespace

Result<std::string> StateFile::open(UniqueFd file) {
    // It is another opening of the file each time, so an alertd that still ends holds its lock.
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return fail_errno("another alertd has the state file", errno);
    file_ = std::move(file);
    number_ = 0;
    std::string latest;
    for (std::size_t place = 0; place < kPlaces; ++place) {
        auto [number, text] = read_place(file_.get(), place);
        if (number <= number_) continue;
        number_ = number;
        latest = std::move(text);
    }
    return latest;
}

Status StateFile::save(std::string_view text) {
    if (!file_.valid()) return {};
    if (text.size() > kMostKept) return fail(ErrorCode::kInvalid, "there is too much to keep");
    const std::uint64_t number = number_ + 1;
    std::array<std::uint8_t, kHeader> header{};
    store_le(header.data(), kMagic);
    store_le(header.data() + 8, number);
    store_le(header.data() + 16, std::uint64_t{text.size()});
    const Digest digest = digest_of(number, text);
    std::copy(digest.begin(), digest.end(), header.begin() + 24);
    // The other place stays as it is until this one is whole.
    const std::size_t at = number % kPlaces * kPlace;
    WARREN_TRY(write_at(file_.get(), as_bytes(text), at + kHeader));
    WARREN_TRY(write_at(file_.get(), header, at));
    if (::fdatasync(file_.get()) != 0) return fail_errno("sync the state file", errno);
    number_ = number;
    return {};
}

}  // namespace warren::alerts
