#include "alerts/rim/certificates.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace warren::alerts {

namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

struct Free {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(BIGNUM* number) const { BN_free(number); }
    void operator()(char* text) const { OPENSSL_free(text); }
};

using Certificate = std::unique_ptr<X509, Free>;

// Nothing: it is none.
Certificate parse(std::string_view pem) {
    const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (bio == nullptr) return nullptr;
    Certificate out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    return out;
}

// Zero: it is no time.
WallTime end_of(const X509& certificate) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &parts) != 1) return {};
    return wall_time_of(std::int64_t{::timegm(&parts)});
}

// "/O=Example/CN=Old CA", of ASCII, cut.
std::string subject_of(const X509& certificate) {
    std::array<char, 100> out{};
    (void)X509_NAME_oneline(X509_get_subject_name(&certificate), out.data(), static_cast<int>(out.size()));
    return out.data();
}

// "5A1F", in hexadecimal. "": it has none that can be told.
std::string serial_of(const X509& certificate) {
    const std::unique_ptr<BIGNUM, Free> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(&certificate), nullptr));
    const std::unique_ptr<char, Free> text(number == nullptr ? nullptr : BN_bn2hex(number.get()));
    return text == nullptr ? "" : text.get();
}

Result<std::string> read_file(int fd, std::size_t most) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return fail_errno("fstat", errno);
    const auto size = static_cast<std::size_t>(about.st_size);
    if (!S_ISREG(about.st_mode) || size > most) return fail(ErrorCode::kInvalid, "it is no such file");
    std::string text(size, '\0');
    for (std::size_t have = 0; have < size;) {
        const ssize_t count = ::pread(fd, text.data() + have, size - have, static_cast<off_t>(have));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return fail_errno("read", errno);
        have += static_cast<std::size_t>(count);
    }
    return text;
}

}  // namespace

WallTime wall_time_of(std::int64_t seconds) {
    constexpr std::int64_t kMost = INT64_MAX / 1'000'000'000;
    return {std::clamp(seconds, -kMost, kMost) * 1'000'000'000};
}

Result<std::vector<Facts::Certificate>> read_certificates(int fd, std::size_t most) {
    const auto content = read_file(fd, most);
    if (!content) return tl::unexpected<Error>(content.error());
    std::vector<Facts::Certificate> out;
    std::string_view file;  // its line, of the one before
    std::set<std::string_view> seen;
    std::set<std::string> names;  // of that file
    std::string_view rest = *content;
    while (!rest.empty()) {
        const auto begin = rest.find(kBegin);
        const std::string_view head = rest.substr(0, std::min(begin, rest.find('\n')));
        const auto space = head.find(' ');
        if (begin == std::string_view::npos || space == std::string_view::npos) break;
        const auto end = rest.find(kEnd, begin);
        if (end == std::string_view::npos) break;
        const Certificate certificate = parse(rest.substr(begin, end + kEnd.size() - begin));
        const WallTime at = certificate == nullptr ? WallTime{} : end_of(*certificate);
        // One file is there for each connection that names it.
        if (at.nanoseconds != 0 && seen.insert(rest.substr(0, end + kEnd.size())).second) {
            const bool is_first = std::exchange(file, head) != head;
            const std::string owner(head.substr(0, space));
            std::string name(head.substr(space + 1));
            if (is_first) names.clear();
            if (!is_first) name += " (" + subject_of(*certificate) + ")";
            // A bundle may have the former and the next certificate of one CA.
            if (!names.insert(name).second) name += " serial " + serial_of(*certificate);
            out.push_back({owner == "-" ? "" : owner, std::move(name), at});
        }
        rest.remove_prefix(end + kEnd.size());
        rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of("\r\n")));
    }
    return out;
}

}  // namespace warren::alerts
