#include "far_end.h"

#include "tests/toy/framing.h"
#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::io::test {

namespace {

enum class Way : std::uint8_t { kToUs, kFromUs };

// By the framing's own table, so that a row of far_ends() is all that another framing needs.
class TableFarEnd final : public FarEnd {
  public:
    // `port`: what tells the messages of its listener apart, where sessions have other forms.
    TableFarEnd(const dataplane::Framing& framing, crypto::AeadSuite suite, const dataplane::Framing& port)
        : port_(port),
          framing_(framing),
          suite_(suite),
          aead_(std::move(*crypto::make_packet_aead(crypto::AeadBackends(crypto::AeadBackend::kSodium)))) {}

    TableFarEnd(const dataplane::Framing& framing, crypto::AeadSuite suite) : TableFarEnd(framing, suite, framing) {}

    [[nodiscard]] const dataplane::Framing& framing() const override { return port_; }

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
        const dataplane::Session session = far_session(name);
        const std::size_t padded = framing_.padded_size(packet.size(), kMtu);
        std::vector<std::uint8_t> out(padded + framing_.overhead);
        std::uint8_t* const text = out.data() + framing_.header_size;
        std::copy(packet.begin(), packet.end(), text);
        framing_.pad(text, packet.size(), padded);
        crypto::AeadJob job;
        const std::uint64_t counter = framing_.is_plain ? number : number + 1;  // ESP begins with 1
        framing_.begin_seal({out, out.size(), &session, counter}, std::span(&job, 1));
        job.key = &session.send_key;
        aead_->seal(std::span(&job, 1));
        return out;
    }

    [[nodiscard]] std::optional<std::vector<std::uint8_t>> open(const SessionName& name, Bytes message) const override {
        dataplane::MessageHead head;
        framing_.identify(message, message.size(), std::span(&head, 1));
        if (head.kind != dataplane::MessageKind::kData || head.session.value != remote_id_of(name)) return std::nullopt;
        const dataplane::Session session = far_session(name);
        std::vector<std::uint8_t> copy(message.begin(), message.end());
        const MutableBytes text = MutableBytes(copy).subspan(framing_.header_size, message.size() - framing_.overhead);
        crypto::AeadJob job{&session.receive_key, head.sequence, text.data(), static_cast<std::uint32_t>(text.size())};
        if (!framing_.is_plain)
            framing_.begin_open(session, *framing_.counter_of(session, head.sequence, message.size()), message, job);
        aead_->open(std::span(&job, 1));
        if (!job.authentic) return std::nullopt;
        const auto packet = framing_.is_plain ? dataplane::Checked<MutableBytes>(text) : framing_.trim(text);
        if (!packet) return std::nullopt;
        return std::vector<std::uint8_t>(packet->begin(), packet->end());
    }

  private:
    static constexpr std::size_t kMtu = 1420;

    // The worker in the low bits, as the control worker chooses them.
    [[nodiscard]] static std::uint32_t id_of(const SessionName& name) {
        return (name.life + 1) << 16 | name.customer << SessionId::kWorkerBits | name.worker;
    }
    [[nodiscard]] static std::uint32_t remote_id_of(const SessionName& name) { return ~id_of(name); }

    [[nodiscard]] crypto::AeadKey key_of(const SessionName& name, Way way) const {
        crypto::AeadKey key;
        key.suite = suite_;
        key.secret.writable()[0] = static_cast<std::uint8_t>(name.customer);
        key.secret.writable()[1] = static_cast<std::uint8_t>(name.worker);
        key.secret.writable()[2] = static_cast<std::uint8_t>(name.life);
        key.secret.writable()[3] = static_cast<std::uint8_t>(way);
        if (is_cbc(suite_)) key.integrity = std::make_unique<crypto::Secret<64>>();
        aead_->prepare(key);
        return key;
    }

    [[nodiscard]] dataplane::Session far_session(const SessionName& name) const {
        dataplane::InstallSession mirrored = session(name);
        std::swap(mirrored.send_key, mirrored.receive_key);
        mirrored.remote_id = std::exchange(mirrored.local_id.value, mirrored.remote_id);
        return {std::move(mirrored), framing_};
    }

    const dataplane::Framing& port_;
    const dataplane::Framing& framing_;
    crypto::AeadSuite suite_;
    std::unique_ptr<crypto::PacketAead> aead_;
};

}  // namespace

const FarEnd& wireguard_far_end() {
    static const TableFarEnd far_end(dataplane::kWireguardFraming, crypto::AeadSuite::kChacha20Poly1305);
    return far_end;
}

std::vector<const FarEnd*> far_ends() {
    static const TableFarEnd toy(toy::kToyFraming, crypto::AeadSuite::kAes128Gcm);
    static const TableFarEnd esp(dataplane::kEspFraming, crypto::AeadSuite::kAes256Gcm);
    static const TableFarEnd cbc(dataplane::kEspCbcFraming<32>, crypto::AeadSuite::kAes256CbcSha512,
                                 dataplane::kEspFraming);
    return {&wireguard_far_end(), &toy, &esp, &cbc};
}

}  // namespace warren::io::test
