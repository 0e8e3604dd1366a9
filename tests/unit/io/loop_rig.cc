#include "loop_rig.h"

#include "base/check.h"

namespace warren::io::test {

namespace {

constexpr Instant kStart{1'000'000'000'000};
constexpr std::size_t kHeader = 20;        // IPv4
constexpr std::uint8_t kExperiment = 253;  // protocol, RFC 3692: nothing joins or sums these
constexpr std::uint16_t kUplinkPort = 51820;
const IpAddress kUplink = IpAddress::v4(198, 51, 100, 1);

// Of the rig that runs.
Instant time_now = kStart;
Duration cost_of_look{};

Instant look() {
    time_now = time_now + cost_of_look;
    return time_now;
}

std::uint8_t low(std::uint32_t number) {
    return static_cast<std::uint8_t>(number);
}

IpAddress stack_of(std::uint32_t customer) {
    return IpAddress::v4(10, low(customer), 255, 1);
}
IpAddress inside_peer(std::uint32_t customer, std::uint32_t owner) {
    return IpAddress::v4(10, low(customer), low(owner), 2);
}
Endpoint outside_peer(std::uint32_t customer, std::uint32_t owner) {
    return {IpAddress::v4(192, 0, 2, low(customer)), static_cast<std::uint16_t>(1'000 + owner), 0};
}

std::vector<std::uint8_t> packet(const IpAddress& from, const IpAddress& to, std::uint64_t number,
                                 std::size_t payload) {
    std::vector<std::uint8_t> out(kHeader + payload);
    out[0] = 0x45;
    store_be(out.data() + 2, static_cast<std::uint16_t>(out.size()));
    out[8] = 64;
    out[9] = kExperiment;
    std::copy_n(from.octets.begin(), 4, out.begin() + 12);
    std::copy_n(to.octets.begin(), 4, out.begin() + 16);
    store_le(out.data() + kHeader, number);
    return out;
}

std::uint64_t number_in(Bytes packet) {
    WARREN_CHECK(packet.size() >= kHeader + sizeof(std::uint64_t));
    return load_le<std::uint64_t>(packet.data() + kHeader);
}

}  // namespace

// The real one, but that it takes as long as the test says.
class LoopRig::CostlyAead final : public crypto::PacketAead {
  public:
    explicit CostlyAead(LoopRig& rig)
        : rig_(rig), real_(std::move(*crypto::make_packet_aead(crypto::AeadBackends(crypto::AeadBackend::kSodium)))) {}
    [[nodiscard]] bool has(crypto::AeadSuite suite) const override { return real_->has(suite); }
    void prepare(crypto::AeadKey& key) override { real_->prepare(key); }
    void seal(std::span<crypto::AeadJob> jobs) override {
        real_->seal(jobs);
        for (const crypto::AeadJob& job : jobs) note(job, true);
    }
    void open(std::span<crypto::AeadJob> jobs) override {
        real_->open(jobs);
        for (const crypto::AeadJob& job : jobs) note(job, false);
    }

  private:
    void note(const crypto::AeadJob& job, bool outbound) {
        const std::uint32_t customer = job.key->secret.reveal()[0];
        time_now = time_now + rig_.customers_[customer].cost;
        if (rig_.records_) rig_.served_.push_back({customer, outbound, time_now});
    }

    LoopRig& rig_;
    std::unique_ptr<crypto::PacketAead> real_;
};

LoopRig::Worker::Worker() : mailbox(std::move(*Doorbell::make_fd()), std::move(*Doorbell::make_fd())) {}

LoopRig::LoopRig(std::uint32_t workers, const FarEnd& far_end) : far_end_(far_end) {
    time_now = kStart;
    cost_of_look = {};
    if (workers > 1) exchange_ = std::move(*TransferExchange::make(workers));
    for (std::uint32_t i = 0; i < workers; ++i) {
        Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
        auto readiness = std::make_unique<MemoryReadiness>();
        worker.readiness = readiness.get();
        worker.uplink = std::make_unique<MemoryUplink>(*readiness);
        const TransferPort port = exchange_ == nullptr ? TransferPort() : TransferPort(*exchange_, i);
        auto loop =
            PacketLoop::make(std::make_unique<CostlyAead>(*this), worker.mailbox, port, std::move(readiness), look);
        WARREN_CHECK(loop.has_value());
        worker.loop = std::move(*loop);
        worker.mailbox.post(AddListener{{0}, worker.uplink->open(), nullptr, &far_end_.framing()});
    }
    run();
}

LoopRig::~LoopRig() = default;

void LoopRig::set_cost(std::uint32_t customer, Duration cost) {
    at(customer).cost = cost;
}

void LoopRig::set_cost_of_look(Duration cost) {
    cost_of_look = cost;
}

void LoopRig::advance(Duration time) {
    time_now = time_now + time;
}

Instant LoopRig::now() const {
    return time_now;
}

LoopRig::Customer& LoopRig::at(std::uint32_t customer) {
    if (customer >= customers_.size()) customers_.resize(customer + std::size_t{1});
    return customers_[customer];
}

std::unique_ptr<dataplane::CustomerView> LoopRig::view_of(std::uint32_t customer, std::uint32_t share,
                                                          std::uint32_t worker) {
    std::vector<Lpm<PeerIndex>::Entry> prefixes;
    for (std::uint32_t owner = 0; owner < count(); ++owner)
        prefixes.push_back({Prefix{inside_peer(customer, owner), 32}, peer_of(customer, owner)});
    auto view = std::make_unique<dataplane::CustomerView>();
    view->index = {customer};
    view->id = "customer-" + std::to_string(customer);
    view->life = at(customer).life;
    view->share = share;
    view->groups = groups_;
    view->rate_up = view->rate_down = rate_;
    view->emulate_down = down_;
    view->park_after = park_after_;
    view->addresses = {Prefix{stack_of(customer), 16}};
    view->peers = {peer_of(customer, worker)};
    view->allowed_ips = Lpm<PeerIndex>(prefixes);
    for (std::uint32_t owner = 0; owner < count(); ++owner) {
        if (owner != worker) view->elsewhere[peer_of(customer, owner)] = owner;
    }
    return view;
}

std::unique_ptr<Tun> LoopRig::new_tun(std::uint32_t customer, Worker& worker) {
    if (worker.tuns[customer] != nullptr) worker.old_tuns.push_back(std::move(worker.tuns[customer]));
    worker.tuns[customer] = std::make_unique<MemoryTun>(*worker.readiness);
    worker.tuns[customer]->joining = joining_;
    return worker.tuns[customer]->open();
}

void LoopRig::put(std::uint32_t customer, std::uint32_t share, bool has_session) {
    Customer& put = at(customer);
    ++put.life;
    put.next_in.assign(count(), 0);
    put.next_out.assign(count(), 0);
    for (std::uint32_t i = 0; i < count(); ++i) {
        Worker& worker = *workers_[i];
        if (customer >= worker.tuns.size()) worker.tuns.resize(customer + std::size_t{1});
        worker.mailbox.post(SwapCustomer{view_of(customer, share, i), has_tun_ ? new_tun(customer, worker) : nullptr});
        worker.mailbox.post(
            dataplane::Command(dataplane::SetEndpoint{peer_of(customer, i), outside_peer(customer, i), {kUplink, 0}}));
    }
    for (std::uint32_t i = 0; exchange_ != nullptr && i < count(); ++i)
        exchange_->directory().add(far_end_.session(session(customer, i)).local_id);
    if (has_session) install(customer);
}

void LoopRig::give_tun(std::uint32_t customer) {
    Worker& worker = *workers_[0];
    worker.mailbox.post(SwapCustomer{view_of(customer, 1, 0), new_tun(customer, worker)});
}

void LoopRig::close_tun(std::uint32_t customer) {
    workers_[0]->mailbox.post(CloseTun{{customer}});
}

void LoopRig::install(std::uint32_t customer) {
    for (std::uint32_t i = 0; i < count(); ++i) {
        dataplane::InstallSession install = far_end_.session(session(customer, i));
        install.peer = peer_of(customer, i);
        install.listener = {0};
        install.created = time_now;
        workers_[i]->mailbox.post(dataplane::Command(std::move(install)));
    }
}

void LoopRig::drop(std::uint32_t customer) {
    for (const auto& worker : workers_) worker->mailbox.post(DropCustomer{{customer}});
}

void LoopRig::tap(std::uint32_t customer, std::shared_ptr<TapSink> sink, std::optional<std::uint32_t> owner) {
    for (const auto& worker : workers_) {
        auto tap = std::make_unique<Tap>();
        tap->customer = {customer};
        if (owner) tap->only = {peer_of(customer, *owner)};
        for (std::uint32_t i = 0; i < count(); ++i) tap->names[peer_of(customer, i)] = "peer-" + std::to_string(i);
        tap->ports[{0}] = 51'820;
        tap->sink = sink;
        worker->mailbox.post(SetTap{std::move(tap)});
    }
}

void LoopRig::untap() {
    for (const auto& worker : workers_) worker->mailbox.post(SetTap{});
}

std::vector<std::uint8_t> LoopRig::packet_in(std::uint32_t customer, std::uint32_t owner, std::uint64_t number) {
    return packet(inside_peer(customer, owner), stack_of(customer), number, kLeastPayload);
}

std::vector<std::uint8_t> LoopRig::packet_out(std::uint32_t customer, std::uint32_t owner, std::uint64_t number,
                                              std::size_t payload) {
    return packet(stack_of(customer), inside_peer(customer, owner), number, payload);
}

void LoopRig::receive(std::uint32_t customer, std::size_t count, Path path, bool is_forged) {
    MemoryUplink::Arrival arrival;
    arrival.from = outside_peer(customer, path.owner);
    arrival.to = {kUplink, 0};
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t number = customers_[customer].next_in[path.owner]++;
        auto message = far_end_.seal(session(customer, path.owner), number, packet_in(customer, path.owner, number));
        if (is_forged) message.back() ^= 1;
        arrival.segment_size = message.size();
        arrival.bytes.insert(arrival.bytes.end(), message.begin(), message.end());
    }
    uplink(path.arrival).arriving.push_back(std::move(arrival));
}

void LoopRig::receive(std::uint32_t customer, const std::vector<std::vector<std::uint8_t>>& packets) {
    MemoryUplink::Arrival arrival;
    arrival.from = outside_peer(customer, 0);
    arrival.to = {kUplink, 0};
    for (const auto& packet : packets) {
        const auto message = far_end_.seal(session(customer, 0), customers_[customer].next_in[0]++, packet);
        arrival.segment_size = message.size();
        arrival.bytes.insert(arrival.bytes.end(), message.begin(), message.end());
    }
    uplink(0).arriving.push_back(std::move(arrival));
}

void LoopRig::transmit(std::uint32_t customer, std::size_t count, Path path, std::size_t payload) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto packet = packet_out(customer, path.owner, customers_[customer].next_out[path.owner]++, payload);
        MemoryTun::Packet read(dataplane::kOffloadHeaderSize);
        read.insert(read.end(), packet.begin(), packet.end());
        tun(customer, path.arrival).from_stack.push_back(std::move(read));
    }
}

MemoryTun& LoopRig::tun(std::uint32_t customer, std::uint32_t worker) {
    return *workers_[worker]->tuns[customer];
}

void LoopRig::round(std::uint32_t worker) {
    Worker& its = *workers_[worker];
    its.loop->round();
    its.mailbox.take_events(its.events);
}

void LoopRig::round_alone() {
    records_ = false;
    workers_[0]->loop->round();
    records_ = true;
}

void LoopRig::rounds_until(const std::function<bool()>& done) {
    for (int i = 0; i < 10'000 && !done(); ++i) {
        for (std::uint32_t worker = 0; worker < count(); ++worker) round(worker);
    }
}

void LoopRig::run() {
    for (int i = 0; i < 10'000; ++i) {
        bool all_slept = true;
        for (std::uint32_t worker = 0; worker < count(); ++worker) {
            round(worker);
            all_slept = all_slept && readiness(worker).slept();
        }
        if (all_slept) return;
    }
    WARREN_CHECK(false);  // a loop that never rests
}

std::size_t LoopRig::served(std::uint32_t customer) const {
    return static_cast<std::size_t>(
        std::count_if(served_.begin(), served_.end(), [&](const Served& one) { return one.customer == customer; }));
}

std::vector<std::uint64_t> LoopRig::delivered(std::uint32_t customer, std::uint32_t owner) {
    std::vector<std::uint64_t> out;
    for (const MemoryTun::Packet& packet : tun(customer, owner).to_stack) out.push_back(number_in(packet));
    return out;
}

std::vector<std::uint64_t> LoopRig::sent(std::uint32_t customer, std::uint32_t owner) {
    std::vector<std::uint64_t> out;
    for (const MemoryUplink::Sent& train : uplink(owner).sent) {
        if (train.customer != CustomerIndex{customer}) continue;
        for (const MemoryUplink::Datagram& datagram : train.datagrams) {
            const auto packet = far_end_.open(session(customer, owner), datagram);
            if (packet.has_value() && !packet->empty()) out.push_back(number_in(*packet));
        }
    }
    return out;
}

std::unique_ptr<CustomerReport> LoopRig::report(CustomerIndex customer, std::uint32_t worker) {
    Worker& its = *workers_[worker];
    auto report = std::make_unique<CustomerReport>();
    report->customer = customer;
    report->drops.resize(kDataPlaneReasonCount);
    its.mailbox.post(FillReport{std::move(report)});
    round(worker);
    for (WorkerEvent& event : its.events) {
        auto* const filled = std::get_if<ReportFilled>(&event);
        if (filled != nullptr && filled->report != nullptr) return std::move(filled->report);
    }
    WARREN_CHECK(false);
    return nullptr;
}

std::uint64_t LoopRig::drops(DropReason reason, std::optional<std::uint32_t> customer, std::uint32_t worker) {
    const CustomerIndex index = customer ? CustomerIndex{*customer} : CustomerIndex{};
    return report(index, worker)->drops[static_cast<std::size_t>(reason)];
}

TransferCounters LoopRig::transfers(std::uint32_t worker) {
    return report({}, worker)->transfers;
}

std::vector<WorkerEvent> LoopRig::take_events(std::uint32_t worker) {
    return std::exchange(workers_[worker]->events, {});
}

}  // namespace warren::io::test
