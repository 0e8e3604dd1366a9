#include "loop_rig.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/socket_address.h"
#include "stack.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::io::test {

namespace {

constexpr Instant kStart{1'000'000'000'000};
constexpr std::size_t kMessage = dataplane::kWireguardFraming.overhead;  // a keepalive

// Of the rig that runs; one at a time.
Instant now = kStart;
Duration cost_of_look{};

Instant look() {
    now = now + cost_of_look;
    return now;
}

std::uint32_t index_of(std::uint32_t customer, std::uint32_t life) {
    return ((life + 1) << 16 | customer << SessionId::kWorkerBits) | LoopRig::kWorker;
}

crypto::AeadKey key_of(std::uint32_t customer) {
    crypto::AeadKey key;
    key.secret.writable()[0] = static_cast<std::uint8_t>(customer);
    return key;
}

}  // namespace

// The real one, but that it takes as long as the test says.
class LoopRig::CostlyAead : public crypto::PacketAead {
  public:
    explicit CostlyAead(LoopRig& rig)
        : rig_(rig), real_(std::move(*crypto::make_packet_aead(crypto::AeadBackend::kSodium))) {}
    void seal(std::span<crypto::AeadJob> jobs) override { real_->seal(jobs); }
    void open(std::span<crypto::AeadJob> jobs) override {
        real_->open(jobs);
        for (const crypto::AeadJob& job : jobs) {
            const std::uint32_t customer = job.key->secret.reveal()[0];
            now = now + rig_.customers_[customer].cost;
            rig_.opened_.push_back({customer, job.iv, now});
            ++rig_.opened_count_;
        }
    }

  private:
    LoopRig& rig_;
    std::unique_ptr<crypto::PacketAead> real_;
};

LoopRig::LoopRig()
    : mailbox_(std::make_unique<Mailbox>(std::move(*Doorbell::make_fd()), std::move(*Doorbell::make_fd()))),
      exchange_(std::move(*TransferExchange::make(2))),
      other_(*exchange_, 0),
      sealer_(std::move(*crypto::make_packet_aead(crypto::AeadBackend::kSodium))),
      sender_(bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0})) {
    now = kStart;
    cost_of_look = {};
    auto loop =
        PacketLoop::make(std::make_unique<CostlyAead>(*this), *mailbox_, TransferPort(*exchange_, kWorker), look);
    WARREN_CHECK(loop.has_value());
    loop_ = std::move(*loop);
    UniqueFd socket = bound_socket(SOCK_DGRAM, {IpAddress::v4(127, 0, 0, 1), 0, 0});
    ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    uplink_ = socket.duplicate();
    mailbox_->post(AddListener{{0}, std::move(socket), {}, &dataplane::kWireguardFraming});
    round();  // the socket is made ready before anything comes
}

LoopRig::~LoopRig() = default;

void LoopRig::set_cost(std::uint32_t customer, Duration cost) {
    if (customer >= customers_.size()) customers_.resize(customer + std::size_t{1});
    customers_[customer].cost = cost;
}

void LoopRig::set_cost_of_look(Duration cost) {
    cost_of_look = cost;
}

void LoopRig::put(std::uint32_t customer, bool has_session) {
    if (customer >= customers_.size()) customers_.resize(customer + std::size_t{1});
    auto view = std::make_unique<dataplane::CustomerView>();
    view->index = {customer};
    view->life = ++customers_[customer].life;
    view->peers = {{customer}};
    mailbox_->post(SwapCustomer{std::move(view), UniqueFd()});
    customers_[customer].next_counter = 0;
    if (has_session) install(customer);
}

void LoopRig::install(std::uint32_t customer) {
    dataplane::InstallSession install;
    install.local_id = {index_of(customer, customers_[customer].life)};
    install.peer = {customer};
    install.listener = {0};
    install.send_key = key_of(customer);
    install.receive_key = key_of(customer);
    install.created = kStart;
    mailbox_->post(dataplane::Command(std::move(install)));
}

void LoopRig::drop(std::uint32_t customer) {
    mailbox_->post(DropCustomer{{customer}});
}

std::vector<std::uint8_t> LoopRig::messages(std::uint32_t customer, std::size_t count, bool forged) {
    Customer& his = customers_[customer];
    const crypto::AeadKey key = key_of(customer);
    std::vector<std::uint8_t> out(count * kMessage);
    for (std::size_t i = 0; i < count; ++i) {
        std::uint8_t* const at = out.data() + i * kMessage;
        dataplane::WireguardFraming::write_header(at, index_of(customer, his.life), his.next_counter);
        crypto::AeadJob job{&key, his.next_counter++, at + dataplane::WireguardFraming::kHeaderSize, 0, false};
        sealer_->seal(std::span(&job, 1));
        if (forged) at[kMessage - 1] ^= 1;
    }
    return out;
}

void LoopRig::give(std::vector<std::uint8_t> bytes) {
    dataplane::Transfer packet;
    packet.worker = kWorker;
    packet.train.listener = {0};
    packet.train.from = bound_to(sender_.get());
    packet.train.to = {IpAddress::v4(127, 0, 0, 1), 0};
    packet.train.segment_size = kMessage;
    packet.train.bytes = bytes;
    WARREN_CHECK(other_.give(packet));
    other_.wake();
}

void LoopRig::transfer(std::uint32_t customer, std::size_t count) {
    give(messages(customer, count, false));
}

void LoopRig::transfer_forged(std::uint32_t customer, std::size_t count) {
    give(messages(customer, count, true));
}

// One train, so that it comes as a whole.
void LoopRig::send(std::uint32_t customer, std::size_t count) {
    std::vector<std::uint8_t> bytes = messages(customer, count, false);
    const int segment = kMessage;
    WARREN_CHECK(::setsockopt(sender_.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0);
    sockaddr_storage address{};
    const socklen_t size = fill_address(bound_to(uplink_.get()), address);
    const ssize_t sent =
        ::sendto(sender_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address), size);
    WARREN_CHECK(sent == static_cast<ssize_t>(bytes.size()));
    pollfd waiting{uplink_.get(), POLLIN, 0};
    WARREN_CHECK(::poll(&waiting, 1, 5'000) == 1);
}

void LoopRig::round() {
    mailbox_->post(Barrier{});
    loop_->round();
    std::vector<WorkerEvent> events;
    mailbox_->take_events(events);
}

void LoopRig::rounds_until(const std::function<bool()>& done) {
    for (int i = 0; i < 10'000 && !done(); ++i) round();
}

std::uint64_t LoopRig::drops(DropReason reason) {
    auto report = std::make_unique<CustomerReport>();
    report->drops.resize(kDataPlaneReasonCount);
    mailbox_->post(FillReport{std::move(report)});
    loop_->round();
    std::vector<WorkerEvent> events;
    mailbox_->take_events(events);
    for (const WorkerEvent& event : events) {
        if (const auto* const filled = std::get_if<ReportFilled>(&event))
            return filled->report->drops[static_cast<std::size_t>(reason)];
    }
    WARREN_CHECK(false);
    return 0;
}

}  // namespace warren::io::test
