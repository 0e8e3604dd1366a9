#include "vpnd/ike/states.h"

#include <array>
#include <variant>

namespace warren::ike {

namespace {

using enum PayloadType;
using enum Direction;
using State = IkeState;

template <typename... Types>
constexpr PayloadSet set(Types... types) {
    return (bit_of(types) | ...);
}
constexpr PayloadSet kNothing = 0;
constexpr PayloadSet kNotes = set(kNotify, kVendorId);
constexpr PayloadSet kSelectors = set(kTsi, kTsr);
constexpr PayloadSet kCertificates = set(kCert, kCertreq);
constexpr PayloadSet kIdentified = set(kIdi, kAuth, kSa) | kSelectors;

constexpr auto kInit = ExchangeType::kIkeSaInit;
constexpr auto kIkeAuth = ExchangeType::kIkeAuth;
constexpr auto kCreate = ExchangeType::kCreateChildSa;
constexpr auto kInform = ExchangeType::kInformational;
constexpr auto kInitiator = Roles::kInitiator;
constexpr auto kResponder = Roles::kResponder;
constexpr auto kBoth = Roles::kBoth;

constexpr std::array kRows = std::to_array<Row>({
    {State::kNone, kInit, kResponder, kRequest, set(kSa, kKe, kNonce), kNotes,  //
     Step::kAnswerInit, State::kHalfOpen, Deadline::kHalfOpen},
    {State::kInitSent, kInit, kInitiator, kResponse, set(kSa, kKe, kNonce), kNotes | kCertificates,  //
     Step::kTakeInit, State::kAuthSent, Deadline::kRequest},
    {State::kInitSent, kInit, kInitiator, kResponse, set(kNotify), set(kVendorId),  //
     Step::kTakeInitRefusal, State::kInitSent, Deadline::kRequest},

    {State::kHalfOpen, kIkeAuth, kResponder, kRequest, kIdentified, kNotes | kCertificates | set(kIdr, kCp),  //
     Step::kAnswerAuth, State::kEstablished, Deadline::kLifetime},
    {State::kHalfOpen, kIkeAuth, kResponder, kRequest, set(kIdi, kSa) | kSelectors,
     kNotes | kCertificates | set(kIdr, kCp),  //
     Step::kBeginEap, State::kEap, Deadline::kEap},
    {State::kEap, kIkeAuth, kResponder, kRequest, set(kEap), kNotes,  //
     Step::kRelayEap, State::kEap, Deadline::kEap},
    {State::kEap, kIkeAuth, kResponder, kRequest, set(kAuth), kNotes,  //
     Step::kAnswerEapAuth, State::kEstablished, Deadline::kLifetime},
    {State::kEap, kInform, kResponder, kRequest, kNothing, kNotes | set(kDelete),  //
     Step::kTakeEapEnd, State::kClosed, Deadline::kNone},
    {State::kAuthSent, kIkeAuth, kInitiator, kResponse, set(kIdr, kAuth),
     kNotes | kCertificates | kSelectors | set(kSa, kCp),  //
     Step::kTakeAuth, State::kEstablished, Deadline::kLifetime},
    {State::kAuthSent, kIkeAuth, kInitiator, kResponse, set(kNotify), set(kVendorId),  //
     Step::kTakeAuthRefusal, State::kClosed, Deadline::kNone},

    {State::kEstablished, kCreate, kBoth, kRequest, set(kSa, kNonce) | kSelectors, kNotes | set(kKe),  //
     Step::kAnswerChild, State::kEstablished, Deadline::kLifetime},
    {State::kEstablished, kCreate, kBoth, kRequest, set(kSa, kNonce, kKe), kNotes,  //
     Step::kAnswerIkeRekey, State::kRekeyed, Deadline::kReplaced},
    {State::kEstablished, kCreate, kBoth, kResponse, set(kSa, kNonce), kNotes | kSelectors | set(kKe),  //
     Step::kTakeCreated, State::kEstablished, Deadline::kLifetime},
    {State::kEstablished, kCreate, kBoth, kResponse, set(kNotify), set(kVendorId),  //
     Step::kTakeRefusal, State::kEstablished, Deadline::kLifetime},
    {State::kEstablished, kInform, kBoth, kRequest, kNothing, kNotes | set(kDelete, kCp),  //
     Step::kAnswerInformational, State::kEstablished, Deadline::kLifetime},
    {State::kEstablished, kInform, kBoth, kResponse, kNothing, kNotes | set(kDelete, kCp),  //
     Step::kTakeInformational, State::kEstablished, Deadline::kLifetime},

    {State::kRekeyed, kCreate, kBoth, kRequest, kNothing, kNothing,  //
     Step::kRefuseForNow, State::kRekeyed, Deadline::kReplaced},
    // Our own rekey of it crossed the peer's.
    {State::kRekeyed, kCreate, kBoth, kResponse, set(kSa, kNonce), kNotes | set(kKe),  //
     Step::kTakeCreated, State::kRekeyed, Deadline::kReplaced},
    {State::kRekeyed, kCreate, kBoth, kResponse, set(kNotify), set(kVendorId),  //
     Step::kTakeRefusal, State::kRekeyed, Deadline::kReplaced},
    {State::kRekeyed, kInform, kBoth, kRequest, kNothing, kNotes | set(kDelete),  //
     Step::kAnswerInformational, State::kRekeyed, Deadline::kReplaced},
    {State::kRekeyed, kInform, kBoth, kResponse, kNothing, kNotes | set(kDelete),  //
     Step::kTakeInformational, State::kRekeyed, Deadline::kReplaced},

    {State::kDeleting, kCreate, kBoth, kRequest, kNothing, kNothing,  //
     Step::kRefuseForNow, State::kDeleting, Deadline::kRequest},
    {State::kDeleting, kInform, kBoth, kRequest, kNothing, kNotes | set(kDelete),  //
     Step::kAnswerInformational, State::kDeleting, Deadline::kRequest},
    {State::kDeleting, kInform, kBoth, kResponse, kNothing, kNotes | set(kDelete),  //
     Step::kTakeInformational, State::kClosed, Deadline::kNone},
});

constexpr auto kA = Collision::kAnswer;
constexpr auto kC = Collision::kAnswerAndCompare;
constexpr auto kE = Collision::kAnswerEmpty;
constexpr auto kT = Collision::kRefuseForNow;
constexpr auto kV = Collision::kAnswerAndDrop;

// clang-format off
constexpr std::array<std::array<Collision, kPeerAsks>, kTasks> kCollisions{{
    //                 create rekey  rekey  delete delete rekey  delete
    //                 child  same   other  same   other  IKE    IKE
    /* kNone        */ {kA,   kA,   kA,   kA,   kA,   kA,   kA},
    /* kInit        */ {kT,   kT,   kT,   kA,   kA,   kT,   kV},
    /* kAuth        */ {kT,   kT,   kT,   kA,   kA,   kT,   kV},
    /* kCreateChild */ {kA,   kA,   kA,   kA,   kA,   kT,   kV},
    /* kRekeyChild  */ {kA,   kC,   kA,   kA,   kA,   kT,   kV},
    /* kDeleteChild */ {kA,   kT,   kA,   kE,   kA,   kT,   kV},
    /* kRekeyIke    */ {kT,   kT,   kT,   kA,   kA,   kC,   kV},
    /* kDeleteIke   */ {kT,   kT,   kT,   kA,   kA,   kT,   kV},
    /* kProbe       */ {kA,   kA,   kA,   kA,   kA,   kA,   kV},
    /* kTestPath    */ {kA,   kA,   kA,   kA,   kA,   kT,   kV},
}};
// clang-format on

PayloadType type_of(const Payload& payload) {
    struct Types {
        PayloadType operator()(const std::monostate&) const { return kNone; }
        PayloadType operator()(const SaPayload&) const { return kSa; }
        PayloadType operator()(const KePayload&) const { return kKe; }
        PayloadType operator()(const NoncePayload&) const { return kNonce; }
        PayloadType operator()(const IdiPayload&) const { return kIdi; }
        PayloadType operator()(const IdrPayload&) const { return kIdr; }
        PayloadType operator()(const CertPayload&) const { return kCert; }
        PayloadType operator()(const CertreqPayload&) const { return kCertreq; }
        PayloadType operator()(const AuthPayload&) const { return kAuth; }
        PayloadType operator()(const NotifyPayload&) const { return kNotify; }
        PayloadType operator()(const DeletePayload&) const { return kDelete; }
        PayloadType operator()(const VendorIdPayload&) const { return kVendorId; }
        PayloadType operator()(const TsiPayload&) const { return kTsi; }
        PayloadType operator()(const TsrPayload&) const { return kTsr; }
        PayloadType operator()(const CpPayload&) const { return kCp; }
        PayloadType operator()(const EapPayload&) const { return kEap; }
        PayloadType operator()(const SkPayload&) const { return kSk; }
        PayloadType operator()(const SkfPayload&) const { return kSkf; }
    };
    return std::visit(Types(), payload);
}

bool is_for(const Row& row, IkeState state, ExchangeType exchange, Role role, Direction direction) {
    const Roles other = role == Role::kInitiator ? Roles::kResponder : Roles::kInitiator;
    return row.state == state && row.exchange == exchange && row.direction == direction && row.roles != other;
}

}  // namespace

std::string_view name_of(IkeState state) {
    switch (state) {
        case IkeState::kNone: return "none";
        case IkeState::kInitSent: return "init_sent";
        case IkeState::kHalfOpen: return "half_open";
        case IkeState::kEap: return "eap";
        case IkeState::kAuthSent: return "auth_sent";
        case IkeState::kEstablished: return "established";
        case IkeState::kRekeyed: return "rekeyed";
        case IkeState::kDeleting: return "deleting";
        case IkeState::kClosed: return "closed";
    }
    return "";
}

std::string_view name_of(Task task) {
    switch (task) {
        case Task::kNone: return "nothing";
        case Task::kInit: return "IKE_SA_INIT";
        case Task::kAuth: return "IKE_AUTH";
        case Task::kCreateChild: return "CREATE_CHILD_SA";
        case Task::kRekeyChild: return "the rekey of a CHILD_SA";
        case Task::kDeleteChild: return "the deletion of a CHILD_SA";
        case Task::kRekeyIke: return "the rekey of the IKE_SA";
        case Task::kDeleteIke: return "the deletion of the IKE_SA";
        case Task::kProbe: return "dead peer detection";
        case Task::kTestPath: return "the test of a path";
    }
    return "";
}

PayloadSet set_of(const Payloads& payloads) {
    PayloadSet out = 0;
    for (const Payload& payload : payloads) {
        const PayloadType type = type_of(payload);
        if (type != kNone) out |= bit_of(type);
    }
    return out;
}

std::span<const Row> rows() {
    return kRows;
}

const Row* find_row(IkeState state, ExchangeType exchange, Role role, Direction direction, PayloadSet payloads) {
    for (const Row& row : kRows) {
        if (is_for(row, state, exchange, role, direction) && (payloads & row.required) == row.required) return &row;
    }
    return nullptr;
}

bool may_come(IkeState state, ExchangeType exchange, Role role, Direction direction) {
    for (const Row& row : kRows) {
        if (is_for(row, state, exchange, role, direction)) return true;
    }
    return false;
}

Collision collision_of(Task ours, PeerAsks theirs) {
    return kCollisions[static_cast<std::size_t>(ours)][static_cast<std::size_t>(theirs)];
}

}  // namespace warren::ike
