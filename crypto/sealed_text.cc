#include "crypto/sealed_text.h"

#include <sodium.h>

#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "crypto/sodium_ready.h"
#include "crypto/x25519.h"

namespace warren::crypto {

namespace {

constexpr std::string_view kForm = "warren-sealed 1";
constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
constexpr std::size_t kKeySize = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kNonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kWrappedSize = kKeySize + crypto_box_SEALBYTES;
constexpr std::size_t kMostText = 4 * 1024 * 1024;

std::string encode(Bytes bytes) {
    std::string out(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
    (void)::sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), kVariant);
    out.pop_back();  // the null
    return out;
}

std::optional<std::vector<std::uint8_t>> decode(std::string_view text) {
    std::vector<std::uint8_t> out(text.size() / 4 * 3 + 3);
    std::size_t size = 0;
    const char* end = nullptr;
    if (::sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end, kVariant) != 0 ||
        end != text.data() + text.size())
        return std::nullopt;
    out.resize(size);
    return out;
}

std::string associated(std::string_view name, std::uint64_t revision) {
    return std::string(kForm) + "\n" + std::string(name) + "\n" + std::to_string(revision);
}

// "WORD REST"; nothing: another word.
std::optional<std::string_view> rest_of(std::string_view line, std::string_view word) {
    if (!line.starts_with(word) || line.size() <= word.size() || line[word.size()] != ' ') return std::nullopt;
    return line.substr(word.size() + 1);
}

struct Parsed {
    std::uint64_t revision = 0;
    std::vector<std::uint8_t> nonce;
    std::vector<std::uint8_t> box;
    std::map<std::string, std::vector<std::uint8_t>, std::less<>> wrapped;
};

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

std::optional<Parsed> parse(std::string_view text) {
    Parsed out;
    if (text.size() > kMostText || take_line(text) != kForm) return std::nullopt;
    const auto revision = rest_of(take_line(text), "revision");
    const auto nonce = rest_of(take_line(text), "nonce");
    const auto box = rest_of(take_line(text), "box");
    if (!revision || !nonce || !box) return std::nullopt;
    const auto [end, error] = std::from_chars(revision->data(), revision->data() + revision->size(), out.revision);
    auto nonce_bytes = decode(*nonce);
    auto box_bytes = decode(*box);
    if (error != std::errc() || end != revision->data() + revision->size() || !nonce_bytes || !box_bytes ||
        nonce_bytes->size() != kNonceSize || box_bytes->size() < kTagSize)
        return std::nullopt;
    out.nonce = std::move(*nonce_bytes);
    out.box = std::move(*box_bytes);
    while (!text.empty()) {
        const auto node = rest_of(take_line(text), "node");
        const std::size_t space = node ? node->find(' ') : std::string_view::npos;
        auto wrapped = space == std::string_view::npos ? std::nullopt : decode(node->substr(space + 1));
        if (!wrapped || wrapped->size() != kWrappedSize || out.wrapped.size() == kMostReaders) return std::nullopt;
        out.wrapped[std::string(node->substr(0, space))] = std::move(*wrapped);
    }
    return out;
}

}  // namespace

Result<std::string> seal_text(Bytes plain, std::string_view name, std::uint64_t revision, const Readers& readers) {
    ensure_sodium_ready();
    if (readers.empty() || readers.size() > kMostReaders)
        return fail(ErrorCode::kInvalid, "a secret is sealed to 1 to 64 nodes");
    Secret<kKeySize> key;
    ::randombytes_buf(key.writable().data(), kKeySize);
    std::array<std::uint8_t, kNonceSize> nonce{};
    ::randombytes_buf(nonce.data(), nonce.size());
    const std::string bound = associated(name, revision);
    std::vector<std::uint8_t> box(plain.size() + kTagSize);
    unsigned long long size = 0;
    ::crypto_aead_xchacha20poly1305_ietf_encrypt(box.data(), &size, plain.data(), plain.size(), as_bytes(bound).data(),
                                                 bound.size(), nullptr, nonce.data(), key.reveal().data());
    std::string out = std::string(kForm) + "\nrevision " + std::to_string(revision) + "\nnonce " + encode(nonce) +
                      "\nbox " + encode(box) + "\n";
    for (const auto& [reader, public_key] : readers) {
        std::array<std::uint8_t, kWrappedSize> wrapped{};
        if (::crypto_box_seal(wrapped.data(), key.reveal().data(), kKeySize, public_key.bytes.data()) != 0)
            return fail(ErrorCode::kInvalid, "the public key of " + reader + " is none");
        out += "node " + reader + " " + encode(wrapped) + "\n";
    }
    return out;
}

Result<OpenedText> open_text(std::string_view text, std::string_view name, const std::string& reader,
                             const PrivateKey& key) {
    ensure_sodium_ready();
    const auto parsed = parse(text);
    if (!parsed) return fail(ErrorCode::kInvalid, "it is not in the form of a sealed secret");
    const auto wrapped = parsed->wrapped.find(reader);
    if (wrapped == parsed->wrapped.end()) return fail(ErrorCode::kPermission, "it is not sealed to this node");
    const PublicKey public_key = public_key_of(key);
    Secret<kKeySize> opened;
    if (::crypto_box_seal_open(opened.writable().data(), wrapped->second.data(), wrapped->second.size(),
                               public_key.bytes.data(), key.secret.reveal().data()) != 0)
        return fail(ErrorCode::kPermission, "it is sealed to another key than this node's");
    OpenedText out{SecretBuffer(parsed->box.size() - kTagSize), parsed->revision};
    const std::string bound = associated(name, parsed->revision);
    if (::crypto_aead_xchacha20poly1305_ietf_decrypt(out.plain.writable().data(), nullptr, nullptr, parsed->box.data(),
                                                     parsed->box.size(), as_bytes(bound).data(), bound.size(),
                                                     parsed->nonce.data(), opened.reveal().data()) != 0)
        return fail(ErrorCode::kPermission, "it was changed since it was sealed, or belongs to another name");
    return out;
}

}  // namespace warren::crypto
