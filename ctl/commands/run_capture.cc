// capture
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <ostream>

#include "base/printable.h"
#include "base/version.h"
#include "ctl/ask/capture_client.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/commands/complaints.h"
#include "ctl/commands/request.h"
#include "ctl/runners.h"
#include "ctl/show/pcapng.h"

namespace warren::ctl {

namespace {

constexpr int kLastRecord = 2'000;  // milliseconds

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

// Where the file goes; "-" and "" are standard output.
Result<UniqueFd> open_output(const std::string& path) {
    if (!path.empty() && path != "-") {
        UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!file.valid()) return fail_errno(path, errno);
        return file;
    }
    if (path.empty() && ::isatty(STDOUT_FILENO) != 0)
        return fail(ErrorCode::kInvalid,
                    "a capture is no text for a terminal: use -w FILE, or | wireshark -k -i -, or | tcpdump -r -");
    UniqueFd out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!out.valid()) return fail_errno("standard output", errno);
    return out;
}

// False: nobody reads it any more, or the disk is full.
bool write_all(int fd, const std::vector<std::uint8_t>& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t wrote = ::write(fd, bytes.data() + done, bytes.size() - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        done += static_cast<std::size_t>(wrote);
    }
    return true;
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
    Session(CaptureClient& client, const CaptureFilter* filter, CaptureParts parts, int out, std::uint64_t most)
        : client_(client), filter_(filter), writer_(parts), parts_(parts), out_(out), most_(most) {}

    // Until somebody ends it.
    Tally run(const UniqueFd& signals) {
        while (!is_over_) {
            std::array<pollfd, 3> ready{{{client_.fd(), POLLIN, 0}, {signals.get(), POLLIN, 0}, {out_, 0, 0}}};
            if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) break;
            if (ready[1].revents != 0 || (ready[2].revents & (POLLERR | POLLNVAL)) != 0) break;
            drain();
        }
        if (tally_.over.empty()) finish();
        return tally_;
    }

  private:
    void drain() {
        while (!is_over_) {
            const auto record = client_.next();
            if (!record) {
                is_over_ = true;
                tally_.over = record.error().what;
                return;
            }
            if (!*record) return;
            take(**record);
        }
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
        is_over_ = !write_all(out_, blocks) || (++tally_.written == most_);
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
        const bool has_enough = tally_.written == most_;
        is_over_ = has_enough;
        if (!is_over_) drain();
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
    int out_;
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
    const auto out = open_output(options.write);
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
    if (!write_all(out->get(), PcapngWriter::begin(customer, std::string("vpnctl ") + std::string(kVersion))))
        return complain(output, kFailed, "the file cannot be written");
    const Tally tally = Session(*client, used, parts, out->get(), *most).run(*signals);
    output.err << fmt::format("{} packet{} captured, {} lost because they came faster than they were read\n",
                              tally.written, tally.written == 1 ? "" : "s", tally.lost);
    if (tally.over.empty()) return kDone;
    return complain(output, kFailed, tally.over);
}

}  // namespace warren::ctl
