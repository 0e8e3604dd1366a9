// The server's side of EAP-TLS with TLS 1.2 (RFC 5216) and 1.3 (RFC 9190): the frame around TLS (conformance KA9).
#pragma once

#include <string>
#include <vector>

#include "auth/eap/method.h"
#include "auth/eap/tls_session.h"

namespace warren::eap {

inline constexpr std::size_t kTlsFragment = 1100;         // bytes of TLS in one request: it fits into 1280 without IP's
inline constexpr std::size_t kMostTlsFlight = 48 * 1024;  // of the client's, before it is looked at

class Tls final : public Method {
  public:
    // `server` must outlive it.
    Tls(const TlsServer& server, CertificateCheck check);

    [[nodiscard]] Type type() const override { return Type::kTls; }
    [[nodiscard]] Turn begin() override;
    [[nodiscard]] Turn take(Instant now, Bytes data) override;

  private:
    enum class State : std::uint8_t { kHandshake, kFinished, kAlert };

    [[nodiscard]] Turn take_fragment(Bytes data);
    [[nodiscard]] Turn run();
    [[nodiscard]] Turn next_fragment();
    [[nodiscard]] Turn finish();
    [[nodiscard]] Turn failed() const;

    TlsSession session_;
    State state_ = State::kHandshake;
    std::vector<std::uint8_t> flight_;  // the client's, as far as it is there
    std::size_t flight_size_ = 0;       // that it said; 0: it did not
    std::vector<std::uint8_t> output_;
    std::size_t sent_ = 0;  // of output_
};

}  // namespace warren::eap
