#include "fleet/rim/lane.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <utility>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/write_all.h"
#include "fleet/rim/stackd.h"

namespace warren::fleet {

namespace {

constexpr int kPatienceSeconds = 5;
constexpr int kBirdPatienceSeconds = 2;

Status write_file(const std::string& path, const std::string& text, mode_t mode) {
    const std::string beside = path + ".new";
    const UniqueFd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!file.valid()) return fail_errno("write " + beside, errno);
    WARREN_TRY(write_all(file.get(), text));
    if (::rename(beside.c_str(), path.c_str()) != 0) return fail_errno("write " + path, errno);
    return {};
}

// Until a line that begins with four digits and a space. Source: BIRD 2.0 User's Guide, "Remote control".
Result<std::string> read_reply(int socket) {
    std::string text;
    std::array<char, 4096> space{};
    while (true) {
        std::size_t begin = 0;
        for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
            const std::string line = text.substr(begin, end - begin);
            begin = end + 1;
            const bool is_last =
                line.size() >= 5 && line[4] == ' ' &&
                std::all_of(line.begin(), line.begin() + 4, [](char c) { return c >= '0' && c <= '9'; });
            if (is_last) return line;
        }
        const ssize_t size = ::read(socket, space.data(), space.size());
        if (size <= 0 || text.size() > 65536) return fail(ErrorCode::kUnavailable, "BIRD does not answer");
        text.append(space.data(), static_cast<std::size_t>(size));
    }
}

Status reconfigure_bird(const std::string& path) {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (!socket.valid() || path.size() >= sizeof address.sun_path) return fail(ErrorCode::kInvalid, "socket of BIRD");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const timeval patience{kBirdPatienceSeconds, 0};
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail_errno("connect to " + path, errno);
    auto greeting = read_reply(socket.get());
    if (!greeting) return tl::unexpected<Error>(greeting.error());
    constexpr std::string_view kOrder = "configure\n";
    if (::write(socket.get(), kOrder.data(), kOrder.size()) != static_cast<ssize_t>(kOrder.size()))
        return fail_errno("write to " + path, errno);
    auto reply = read_reply(socket.get());
    if (!reply) return tl::unexpected<Error>(reply.error());
    // 0003 done, 0004 in progress, 0018 nothing has changed
    if (reply->starts_with("0003") || reply->starts_with("0004") || reply->starts_with("0018")) return {};
    return fail(ErrorCode::kFailed, "BIRD: " + *reply);
}

}  // namespace

std::string bird_filters(const std::map<IpAddress, std::uint64_t>& epochs) {
    std::string out = "# fleetd writes this file. Without an epoch here an address is announced nowhere.\n";
    for (const Family family : {Family::kV4, Family::kV6}) {
        out += fmt::format("filter warren_{} {{\n", family == Family::kV4 ? "ipv4" : "ipv6");
        for (const auto& [address, epoch] : epochs) {
            if (address.family != family) continue;
            const std::uint64_t med = UINT32_MAX - std::min<std::uint64_t>(epoch, UINT32_MAX);
            out += fmt::format("  if net = {}/{} then {{ bgp_med = {}; accept; }}\n", to_string(address),
                               address.bits(), med);
        }
        out += "  reject;\n}\n";
    }
    return out;
}

// "group 7 12 192.0.2.7 2001:db8::7"
std::map<IpAddress, std::uint64_t> served_epochs(const std::vector<ipc::ControlText>& texts) {
    std::map<IpAddress, std::uint64_t> out;
    for (const ipc::ControlText& one : texts) {
        std::istringstream words(one.text);
        std::string word;
        unsigned group = 0;
        std::uint64_t epoch = 0;
        if (!(words >> word >> group >> epoch) || word != "group") continue;
        while (words >> word) {
            if (const auto address = parse_ip(word)) out[*address] = epoch;
        }
    }
    return out;
}

Lane::Lane(Options options)
    : options_(std::move(options)),
      changer_([this] {
          prepare_bird();
          run(changing_);
      }),
      renewer_([this] { run(renewing_); }) {}

Lane::~Lane() {
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
    }
    change_.notify_all();
    changer_.join();
    renewer_.join();
}

void Lane::push(Wish wish) {
    const auto is_older = [&wish](const Wish& other) { return other.group == wish.group && other.serves; };
    const std::lock_guard lock(mutex_);
    if (!wish.serves) {
        std::erase_if(changing_.waiting, is_older);
        std::erase_if(renewing_.waiting, is_older);
        open_.erase(wish.group);
    }
    const auto last = std::find_if(changing_.waiting.rbegin(), changing_.waiting.rend(),
                                   [&](const Wish& other) { return other.group == wish.group; });
    const bool has_turn = last != changing_.waiting.rend() || changing_.busy_with == wish.group;
    const auto open = open_.find(wish.group);
    const bool goes_on = wish.serves && !has_turn && !wish.seen && open != open_.end() &&
                         open->second == Open{wish.epoch, wish.addresses};
    if (goes_on) {
        std::erase_if(renewing_.waiting, is_older);
        renewing_.waiting.push_back(std::move(wish));
    } else if (last != changing_.waiting.rend() && last->serves && wish.serves) {
        if (!wish.seen) wish.seen = std::move(last->seen);
        *last = std::move(wish);
    } else {
        changing_.waiting.push_back(std::move(wish));
    }
    change_.notify_all();
}

// Nothing: it is over. What the other thread does for the same group ends first: a renewal that stackd gets after a
// stop would begin the group again.
std::optional<Lane::Wish> Lane::next(Side& side) {
    const Side& other = &side == &changing_ ? renewing_ : changing_;
    std::unique_lock lock(mutex_);
    const auto has_work = [&] {
        return is_over_ || (!side.waiting.empty() && other.busy_with != side.waiting.front().group);
    };
    // BIRD is told again what it has missed, as soon as it is there.
    while (&side == &changing_ && is_bird_behind_ && !change_.wait_for(lock, bird_pause_, has_work)) {
        lock.unlock();
        tell_bird();
        lock.lock();
    }
    change_.wait(lock, has_work);
    if (is_over_) return std::nullopt;
    Wish wish = std::move(side.waiting.front());
    side.waiting.pop_front();
    side.busy_with = wish.group;
    return wish;
}

void Lane::run(Side& side) {
    while (auto wish = next(side)) {
        carry_out(*wish, &side == &changing_);
        const std::lock_guard lock(mutex_);
        side.busy_with.reset();
        change_.notify_all();
    }
}

// BIRD does not start without the file that it includes.
void Lane::prepare_bird() const {
    const std::string include = options_.directory + "/bird.conf";
    if (options_.bird_socket.empty() || ::access(include.c_str(), F_OK) == 0) return;
    if (const Status written = write_file(include, bird_filters({}), 0644); !written)
        log(LogLevel::kError, "bird_not_configured", {{"reason", written.error().what}});
}

// What an earlier fleetd announced stays so while its groups follow one after the other.
void Lane::learn_epochs() {
    ipc::ControlRequest request;
    request.verb = ipc::ControlVerb::kGroupStatus;
    const auto reply = ask_stackd(options_.fleet_socket, request, kPatienceSeconds);
    if (!reply) return;
    knows_epochs_ = true;
    epochs_.merge(served_epochs(reply->texts));
}

// First the route, then the address: so the address is never announced with an older epoch. BIRD hears at once of all
// that wait to begin, so that a slow one is waited for once.
bool Lane::announce(const Wish& wish) {
    if (options_.bird_socket.empty()) return true;
    if (!knows_epochs_) learn_epochs();
    if (!knows_epochs_) return false;
    bool is_new = false;
    const auto note = [&](const Wish& one) {
        for (const IpAddress& address : one.addresses) {
            std::uint64_t& epoch = epochs_[address];
            is_new = is_new || epoch != one.epoch;
            epoch = one.epoch;
        }
    };
    note(wish);
    {
        const std::lock_guard lock(mutex_);
        for (const Wish& other : changing_.waiting) {
            if (other.serves && is_new) note(other);
        }
    }
    if (is_new) tell_bird();
    return true;
}

void Lane::tell_bird() {
    Status done = write_file(options_.directory + "/bird.conf", bird_filters(epochs_), 0644);
    if (done) done = reconfigure_bird(options_.bird_socket);
    const std::string problem = done ? "" : done.error().what;
    if (std::exchange(bird_problem_, problem) != problem) {
        if (done) {
            log(LogLevel::kInfo, "bird_configured");
        } else {
            log(LogLevel::kError, "bird_not_configured", {{"reason", problem}});
        }
    }
    is_bird_behind_ = !done;
    bird_pause_ = done ? kBirdPause : std::min(2 * bird_pause_, kMostBirdPause);  // one that hangs holds up what ends
}

void Lane::complain(GroupNumber group, const std::string& complaint) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(complaints_[group], complaint) != complaint && !complaint.empty())
        log(LogLevel::kError, "stackd_refused", {{"group", std::to_string(group)}, {"reason", complaint}});
}

void Lane::carry_out(const Wish& wish, bool may_begin) {
    ipc::ControlRequest request;
    request.group = wish.group;
    if (wish.serves) {
        if (wish.until <= read_instant()) return options_.served(wish.group, false);
        if (wish.seen) {  // also when there are none: what an earlier epoch left is not to be found
            const std::string file = options_.directory + "/seen-" + std::to_string(wish.group);
            if (const Status written = write_file(file, fmt::format("epoch {}\n{}", wish.epoch, *wish.seen), 0640);
                !written)
                log(LogLevel::kError, "endpoints_not_passed", {{"reason", written.error().what}});
        }
        if (may_begin && !announce(wish)) {
            complain(wish.group, "stackd does not say what is served");
            return options_.served(wish.group, false);
        }
        request.verb = ipc::ControlVerb::kGroupServe;
        request.epoch = wish.epoch;
        request.until = static_cast<std::uint64_t>(wish.until.nanoseconds);
        request.addresses = wish.addresses;
    } else {
        request.verb = ipc::ControlVerb::kGroupStop;
    }
    const auto reply = ask_stackd(options_.fleet_socket, request, kPatienceSeconds);
    const std::string complaint = !reply                    ? reply.error().what
                                  : reply->exit_status != 0 ? reply->summary
                                                            : std::string();
    complain(wish.group, complaint);
    if (!wish.serves) {
        if (complaint.empty()) options_.stopped(wish.group, wish.number);
        return;
    }
    if (complaint.empty()) {
        const std::lock_guard lock(mutex_);
        const bool ends = std::any_of(changing_.waiting.begin(), changing_.waiting.end(),
                                      [&](const Wish& other) { return other.group == wish.group; });
        if (!ends) open_[wish.group] = Open{wish.epoch, wish.addresses};
    }
    options_.served(wish.group, complaint.empty());
}

}  // namespace warren::fleet
