// Any bytes as an IKE message: what is read stays inside of them, can be walked to its end and chosen from, and is
// written again as values that read the same.
#include <algorithm>
#include <variant>

#include "base/check.h"
#include "vpnd/ike/notify.h"
#include "vpnd/ike/proposal.h"
#include "vpnd/ike/reader.h"
#include "vpnd/ike/writer.h"

namespace {

using namespace warren;
using namespace warren::ike;

template <class... Visits>
struct Overloaded : Visits... {
    using Visits::operator()...;
};

std::vector<Proposal> proposals_of(const SaPayload& sa) {
    std::vector<Proposal> out;
    for (const ProposalView& view : sa.proposals) {
        out.push_back({.number = view.number,
                       .protocol = view.protocol,
                       .spi = {view.spi.begin(), view.spi.end()},
                       .transforms = {view.transforms.begin(), view.transforms.end()}});
        WARREN_CHECK(out.back().transforms.size() == view.transforms.size());
    }
    WARREN_CHECK(out.size() == sa.proposals.size());
    return out;
}

void choose(const SaPayload& sa) {
    for (const bool is_rekey : {false, true}) {
        const auto choice = choose_ike(sa, windows_ike_policy(), is_rekey);
        if (choice) WARREN_CHECK(choice->suite.prf != nullptr && !to_string(choice->suite).empty());
    }
    for (const Pfs pfs : {Pfs::kNone, Pfs::kOff, Pfs::kOptional, Pfs::kRequired}) {
        const auto choice = choose_child(sa, default_child_policy(), pfs, true);
        if (!choice) continue;
        WARREN_CHECK(choice->spi >= 256 && !to_string(choice->suite).empty());
        WARREN_CHECK((pfs != Pfs::kRequired || choice->suite.key_exchange != nullptr));
    }
    const auto offered = offer_ike(default_ike_policy());
    (void)accept_ike(sa, offered);
    (void)accept_child(sa, offer_child(default_child_policy(), Pfs::kOptional, 256));
}

void look_at(const NotifyPayload& notify) {
    (void)wanted_method(notify);
    (void)esp_spi_of(notify);
    (void)invalid_spi_of(notify);
    (void)cookie_of(notify);
    (void)nat_hash_of(notify);
    (void)hashes_of(notify);
    (void)additional_address_of(notify);
    (void)auth_lifetime_of(notify);
    (void)ppk_identity_of(notify);
}

// Writes a payload again; false when its bytes need not be the same (what we do not know in it is not written).
bool write(const Payload& payload, Chain& chain) {
    return std::visit(
        Overloaded{
            [](const std::monostate&) { return false; },
            [&](const SaPayload& sa) {
                choose(sa);
                chain.sa(proposals_of(sa));
                return false;
            },
            [&](const KePayload& ke) {
                chain.ke(ke.method, ke.public_value);
                return true;
            },
            [&](const NoncePayload& nonce) {
                chain.nonce(nonce.nonce);
                return true;
            },
            [&](const IdiPayload& id) {
                chain.id(PayloadType::kIdi, id.type, id.value);
                return true;
            },
            [&](const IdrPayload& id) {
                chain.id(PayloadType::kIdr, id.type, id.value);
                return true;
            },
            [&](const CertPayload& cert) {
                chain.cert(cert.encoding, cert.data);
                return true;
            },
            [&](const CertreqPayload& certreq) {
                chain.certreq(certreq.encoding, certreq.authorities);
                return true;
            },
            [&](const AuthPayload& auth) {
                chain.auth(auth.method, auth.data);
                return true;
            },
            [&](const NotifyPayload& notify) {
                look_at(notify);
                chain.notify({notify.type,
                              notify.protocol,
                              {notify.spi.begin(), notify.spi.end()},
                              {notify.data.begin(), notify.data.end()}});
                return true;
            },
            [&](const DeletePayload& deleted) {
                std::vector<std::uint32_t> spis;
                if (deleted.protocol != ProtocolId::kEsp) return false;
                for (std::size_t i = 0; i < deleted.count(); ++i) spis.push_back(deleted.esp_spi(i));
                chain.delete_esp(spis);
                return true;
            },
            [&](const VendorIdPayload& vendor) {
                chain.vendor_id(vendor.id);
                return true;
            },
            [&](const TsiPayload& ts) {
                const std::vector<TrafficSelector> selectors(ts.selectors.begin(), ts.selectors.end());
                WARREN_CHECK(selectors.size() == ts.selectors.size());
                chain.ts(PayloadType::kTsi, selectors);
                return !ts.has_unknown;
            },
            [&](const TsrPayload& ts) {
                chain.ts(PayloadType::kTsr, std::vector<TrafficSelector>(ts.selectors.begin(), ts.selectors.end()));
                return !ts.has_unknown;
            },
            [&](const CpPayload& cp) {
                chain.cp(cp.type, std::vector<ConfigAttribute>(cp.attributes.begin(), cp.attributes.end()));
                return true;
            },
            [&](const EapPayload& eap) {
                chain.eap(eap.message);
                return true;
            },
            [](const SkPayload&) { return false; },
            [](const SkfPayload& skf) {
                WARREN_CHECK(skf.number >= 1 && skf.number <= skf.total);
                return false;
            },
        },
        payload);
}

// What is written of a payload reads as that payload and is written the same again.
void check_round_trip(const Payload& payload) {
    Chain once;
    const bool is_same = write(payload, once);
    if (once.first() == PayloadType::kNone || !is_same) return;
    WARREN_CHECK(once.ok());
    const auto read = read_payloads(once.first(), once.bytes());
    WARREN_CHECK(read.has_value() && read->size() == 1 && read->begin()->index() == payload.index());
    Chain twice;
    (void)write(*read->begin(), twice);
    WARREN_CHECK(std::ranges::equal(once.bytes(), twice.bytes()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes datagram(data, size);
    const auto message = read_message(datagram);
    if (message) {
        WARREN_CHECK(message->header.length == size && message->payloads.size() <= kMostPayloads);
        for (const Payload& payload : message->payloads) check_round_trip(payload);
    } else {
        (void)notify_for(message.error());
        WARREN_CHECK(!text_of(message.error().misfit).empty());
    }
    // The same bytes as what an SK payload held, the first of them its type.
    if (size == 0) return 0;
    const auto inner = read_payloads(static_cast<PayloadType>(data[0]), datagram.subspan(1));
    if (!inner) return 0;
    for (const Payload& payload : *inner) check_round_trip(payload);
    return 0;
}
