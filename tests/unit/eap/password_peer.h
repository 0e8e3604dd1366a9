// The other side of EAP-MSCHAPv2, with a password.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "auth/eap/ms_chap.h"
#include "base/eap.h"

namespace warren::eap::testing {

class PasswordPeer {
  public:
    PasswordPeer(const crypto::LegacyDigest& legacy, std::string name, std::string_view password)
        : legacy_(legacy), name_(std::move(name)), hash_(*nt_hash_of(legacy, password)) {}

    // What is behind the type of a response to the challenge that `data` brings (behind the type of a request).
    [[nodiscard]] std::vector<std::uint8_t> respond(Bytes data) {
        ByteReader reader(data.subspan(5));
        exchange_.authenticator = reader.array<16>();
        id_ = data[1];
        return response();
    }
    // To "E=691 R=1 C=...": with another password.
    [[nodiscard]] std::vector<std::uint8_t> try_again(Bytes data, std::string_view password) {
        const std::string text(data.begin() + 4, data.end());
        const auto at = text.find("C=") + 2;
        for (std::size_t i = 0; i < 16; ++i)
            exchange_.authenticator[i] = static_cast<std::uint8_t>(std::stoul(text.substr(at + 2 * i, 2), nullptr, 16));
        id_ = static_cast<std::uint8_t>(data[1] + 1);
        hash_ = *nt_hash_of(legacy_, password);
        return response();
    }
    // Whether "S=..." shows that the server knows the password.
    [[nodiscard]] bool is_proof(Bytes data) const {
        const auto proof = authenticator_response(legacy_, hash_, response_, exchange());
        const std::string text(data.begin() + 4, data.end());
        return text.starts_with("S=" + std::string(proof.begin(), proof.end()));
    }
    [[nodiscard]] Msk msk() const { return ms_chap_msk(legacy_, hash_, response_); }

  private:
    [[nodiscard]] Exchange exchange() const {
        Exchange out = exchange_;
        out.name = std::string_view(name_).substr(name_.find('\\') + 1);
        return out;
    }
    [[nodiscard]] std::vector<std::uint8_t> response() {
        exchange_.peer.fill(0x5a);
        response_ = nt_response(legacy_, hash_, exchange());
        std::vector<std::uint8_t> out(4 + 1 + 49 + name_.size());
        ByteWriter writer(out);
        writer.u8(2);
        writer.u8(id_);
        writer.be(static_cast<std::uint16_t>(out.size()));
        writer.u8(49);
        writer.bytes(exchange_.peer);
        writer.bytes(std::array<std::uint8_t, 8>{});
        writer.bytes(response_);
        writer.u8(0);
        writer.bytes(as_bytes(name_));
        return out;
    }

    const crypto::LegacyDigest& legacy_;
    std::string name_;
    NtHash hash_;
    Exchange exchange_;
    NtResponse response_{};
    std::uint8_t id_ = 0;
};

}  // namespace warren::eap::testing
