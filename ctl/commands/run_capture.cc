// capture
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <ostream>

#include "base/printable.h"
#include "base/version.h"
#include "ctl/ask/capture_client.h"
#include "ctl/ask/capture_output.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/commands/complaints.h"
#include "ctl/commands/request.h"
#include "ctl/runners.h"
#include "ctl/show/pcapng.h"

namespace warren::ctl {

namespace {

constexpr int kLastRecord = 2'000;    // milliseconds
constexpr std::size_t kAtOnce = 256;  // records, between two looks at the signals

// What the words after the customer say.
struct Wish {
    std::string peer;
    std::string filter;
};

bool has_peer(const CustomerStatus& customer, const std::string& name) {
    for (const ipc::PeerSnapshot& peer : customer.peers)
        if (peer.settings.name == name) return true;
    for (const ConnectionStatus& connection : customer.connections)
        if (connection.connection.settings.name == name) return true;
    return false;
}

// The first word is a peer's name if there is such a peer; the rest is the filter.
Result<Wish> wish_of(const Invocation& invocation) {
    const auto& words = invocation.arguments;
    Wish out;
    if (words.size() < 2) return out;
    const auto snapshot = fetch_snapshot(invocation.run_dir, {words[0], true});
    if (!snapshot) return tl::unexpected<Error>(snapshot.error());
    if (snapshot->customers.size() != 1) return fail(ErrorCode::kNotFound, "no such customer");
    std::size_t next = 1;
    if (has_peer(snapshot->customers[0], words[1])) out.peer = words[next++];
    for (; next < words.size(); ++next) out.filter += (out.filter.empty() ? "" : " ") + words[next];
    return out;
}

// Signals that end it, instead of ending us; SIGPIPE is the reader's end.
Result<UniqueFd> watch_signals() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, signal);
    UniqueFd out(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!out.valid()) return fail_errno("signalfd", errno);
    sigaddset(&wanted, SIGPIPE);
    (void)::sigprocmask(SIG_BLOCK, &wanted, nullptr);
    return out;
}

struct Tally {
    std::uint64_t written = 0;
    std::uint64_t lost = 0;
    std::string over;  // why it ended, when it was not we who ended it
};

class Session {
  public:
    Session(CaptureClient& client, const CaptureFilter* filter, CaptureParts parts, CaptureOutput& out,
            std::uint64_t most)
        : client_(client), filter_(filter), writer_(parts), parts_(parts), out_(out), most_(most) {}

    // Until somebody ends it.
    Tally run(const UniqueFd& signals) {
        while (!is_over_ && !out_.is_end_asked()) {
            std::array<pollfd, 3> ready{{{client_.fd(), POLLIN, 0}, {signals.get(), POLLIN, 0}, {out_.fd(), 0, 0}}};
            if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) break;
            if ((ready[2].revents & (POLLERR | POLLNVAL)) != 0) break;
            (void)drain();
        }
        if (tally_.over.empty()) finish();
        if (const Status failure = out_.failure(); !failure) tally_.over = failure.error().what;
        return tally_;
    }

  private:
    // Some of what waits: whoever asks for the end must be heard although it comes faster than we write. False: nothing
    // waits any more.
    bool drain() {
        for (std::size_t i = 0; i < kAtOnce && !is_over_; ++i) {
            const auto record = client_.next();
            if (!record) {
                is_over_ = true;
                tally_.over = record.error().what;
                return false;
            }
            if (!*record) return false;
            take(**record);
        }
        return !is_over_;
    }

    void take(const ipc::CaptureRecord& record) {
        tally_.lost = record.lost;
        if (record.kind != ipc::CaptureKind::kPacket) {
            is_over_ = true;
            tally_.over = "the capture was ended: " + std::string(record.note);
            return;
        }
        if (!is_wanted(record)) return;
        const std::vector<std::uint8_t> blocks = writer_.packets_of(record);
        if (blocks.empty()) return;
        is_over_ = !out_.write(blocks) || (++tally_.written == most_);
    }

    // The filter is about the packets inside, and where these are not wanted about the datagrams.
    [[nodiscard]] bool is_wanted(const ipc::CaptureRecord& record) const {
        if (filter_ == nullptr) return true;
        if (parts_ == CaptureParts::kOuter) return !record.outer.empty() && filter_->matches(outer_packet_of(record));
        return !record.inner.empty() && filter_->matches(record.inner);
    }

    // What waits is still written, and vpnd says how many were lost.
    void finish() {
        client_.leave_out_packets();
        const bool has_enough = most_ != 0 && tally_.written == most_;
        is_over_ = has_enough || out_.is_over();
        while (drain()) continue;
        client_.hang_up();
        for (;;) {
            pollfd waiting{client_.fd(), POLLIN, 0};
            if (::poll(&waiting, 1, kLastRecord) != 1) return;
            const auto record = client_.next();
            if (!record) return;
            if (!*record || (*record)->kind == ipc::CaptureKind::kPacket) continue;
            tally_.lost = (*record)->lost;
            tally_.over.clear();
            return;
        }
    }

    CaptureClient& client_;
    const CaptureFilter* filter_;
    PcapngWriter writer_;
    CaptureParts parts_;
    CaptureOutput& out_;
    std::uint64_t most_;  // 0: no bound
    bool is_over_ = false;
    Tally tally_;
};

// Nothing: it is not a number above 0.
std::optional<std::uint64_t> count_of(const std::string& text) {
    std::uint64_t out = 0;
    if (text.empty()) return out;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size() || out == 0) return std::nullopt;
    return out;
}

}  // namespace

int run_capture(const Invocation& invocation, Output& output) {
    const CaptureOptions& options = invocation.capture;
    const std::string& customer = invocation.arguments[0];
    const int named = (options.inner ? 1 : 0) + (options.outer ? 1 : 0) + (options.both ? 1 : 0);
    if (named > 1) return complain(output, kUsage, "use one of --inner, --outer and --both");
    const auto most = count_of(options.count);
    if (!most) return complain(output, kUsage, fmt::format("-c \"{}\" is no number of packets", options.count));
    const auto wish = wish_of(invocation);
    if (!wish) return complain_of(wish.error(), customer, output);
    std::optional<CaptureFilter> filter;
    if (!wish->filter.empty()) {
        auto compiled = CaptureFilter::compile(wish->filter);
        if (!compiled) return complain(output, kUsage, compiled.error().what);
        filter.emplace(std::move(*compiled));
    }
    auto out = CaptureOutput::open(options.write);
    if (!out) return complain(output, out.error().code == ErrorCode::kInvalid ? kUsage : kFailed, out.error().what);
    const auto signals = watch_signals();
    if (!signals) return complain(output, kFailed, signals.error().what);

    ipc::ControlRequest request{ipc::ControlVerb::kCapture, std::nullopt, customer, wish->peer};
    request.comment = wish->filter.substr(0, ipc::kMaxComment);
    request.claimed_user = claimed_user();
    const CaptureParts parts = options.inner   ? CaptureParts::kInner
                               : options.outer ? CaptureParts::kOuter
                                               : CaptureParts::kBoth;
    const CaptureFilter* const used = filter ? &*filter : nullptr;
    auto client = CaptureClient::start(invocation.run_dir, request, parts == CaptureParts::kOuter ? nullptr : used);
    if (!client) return complain_of(client.error(), customer, output);
    if (const Status begun = out->begin(); !begun) return complain(output, kFailed, begun.error().what);
    out->watch(signals->get());
    if (!out->write(PcapngWriter::begin(customer, std::string("vpnctl ") + std::string(kVersion)))) {
        const Status failure = out->failure();
        return complain(output, kFailed, failure ? "nobody reads the capture" : failure.error().what);
    }
    const Tally tally = Session(*client, used, parts, *out, *most).run(*signals);
    output.err << fmt::format("{} packet{} captured, {} lost because they came faster than they were read\n",
                              tally.written, tally.written == 1 ? "" : "s", tally.lost);
    if (tally.over.empty()) return kDone;
    return complain(output, kFailed, tally.over);
}

}  // namespace warren::ctl
