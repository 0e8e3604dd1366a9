#include "far_end.h"

#include "crypto/aead.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::io::test {

namespace {

enum class Way : std::uint8_t { kToUs, kFromUs };

crypto::AeadKey key_of(const SessionName& name, Way way) {
    crypto::AeadKey key;
    key.secret.writable()[0] = static_cast<std::uint8_t>(name.customer);
    key.secret.writable()[1] = static_cast<std::uint8_t>(name.worker);
    key.secret.writable()[2] = static_cast<std::uint8_t>(name.life);
    key.secret.writable()[3] = static_cast<std::uint8_t>(way);
    return key;
}

class WireguardFarEnd final : public FarEnd {
    using Form = dataplane::WireguardFraming;

  public:
    WireguardFarEnd() : aead_(std::move(*crypto::make_packet_aead(crypto::AeadBackend::kSodium))) {}

    [[nodiscard]] const dataplane::Framing& framing() const override { return dataplane::kWireguardFraming; }
    [[nodiscard]] dataplane::InstallSession session(const SessionName& name) const override {
        dataplane::InstallSession out;
        out.local_id = {id_of(name)};
        out.remote_id = remote_id_of(name);
        out.send_key = key_of(name, Way::kFromUs);
        out.receive_key = key_of(name, Way::kToUs);
        out.send_when = dataplane::SendWhen::kNow;
        return out;
    }
    [[nodiscard]] std::vector<std::uint8_t> seal(const SessionName& name, std::uint64_t number,
                                                 Bytes packet) const override {
        const std::size_t padded = Form::padded_size(packet.size(), 1420);
        std::vector<std::uint8_t> out(padded + framing().overhead);
        Form::write_header(out.data(), id_of(name), number);
        std::uint8_t* const text = out.data() + Form::kHeaderSize;
        std::copy(packet.begin(), packet.end(), text);
        const crypto::AeadKey key = key_of(name, Way::kToUs);
        crypto::AeadJob job{&key, number, text, static_cast<std::uint32_t>(padded), false};
        aead_->seal(std::span(&job, 1));
        return out;
    }
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> open(const SessionName& name, Bytes message) const override {
        const dataplane::MessageHead head = Form::parse(message);
        if (head.kind != dataplane::MessageKind::kData || head.session.value != remote_id_of(name)) return std::nullopt;
        std::vector<std::uint8_t> out(message.begin() + Form::kHeaderSize, message.end());
        const crypto::AeadKey key = key_of(name, Way::kFromUs);
        crypto::AeadJob job{&key, head.sequence, out.data(), static_cast<std::uint32_t>(out.size() - crypto::kTagSize),
                            false};
        aead_->open(std::span(&job, 1));
        if (!job.authentic) return std::nullopt;
        out.resize(out.size() - crypto::kTagSize);
        return out;
    }

  private:
    // The worker in the low bits, as the control worker chooses them.
    [[nodiscard]] static std::uint32_t id_of(const SessionName& name) {
        return (name.life + 1) << 16 | name.customer << SessionId::kWorkerBits | name.worker;
    }
    [[nodiscard]] static std::uint32_t remote_id_of(const SessionName& name) { return ~id_of(name); }

    std::unique_ptr<crypto::PacketAead> aead_;
};

}  // namespace

const FarEnd& wireguard_far_end() {
    static const WireguardFarEnd far_end;
    return far_end;
}

std::vector<const FarEnd*> far_ends() {
    return {&wireguard_far_end()};
}

}  // namespace warren::io::test
