#include "alerts/rim/deliver.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "alerts/model/formats.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/version.h"
#include "crypto/secret.h"

namespace warren::alerts {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostAnswer = 200;                // bytes of a receiver's words
constexpr std::size_t kMostRead = 64U << 10U;           // nor more of them is read
constexpr Duration kGoodbye = std::chrono::seconds(3);  // for a syslog server to close its end
constexpr int kSmtps = 465;
// The resolver's own, 5 s and twice, are a minute with three name servers that are gone.
constexpr const char* kResolverOptions = "timeout:2 attempts:1";
// One recipient that is refused does not keep the mail from the others. Its name until libcurl 8.2 had a letter more.
#if LIBCURL_VERSION_NUM >= 0x080200
constexpr CURLoption kOthersGetIt = CURLOPT_MAIL_RCPT_ALLOWFAILS;
#else
constexpr CURLoption kOthersGetIt = CURLOPT_MAIL_RCPT_ALLLOWFAILS;
#endif

struct FreeCurl {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Curl = std::unique_ptr<CURL, FreeCurl>;
using List = std::unique_ptr<curl_slist, FreeList>;

void append(List& list, const std::string& text) {
    if (curl_slist* longer = curl_slist_append(list.get(), text.c_str()); longer != nullptr) {
        (void)list.release();
        list.reset(longer);
    }
}

std::string one_line(std::string_view text) {
    std::string out = harmless(text.substr(0, kMostAnswer));
    const auto end = out.find_last_not_of(' ');
    return end == std::string::npos ? std::string() : out.substr(0, end + 1);
}

Answer failed(std::string_view why) {
    return {Delivery::kFailed, one_line(why)};
}

// --- names ---------------------------------------------------------------------------------------

struct HostPort {
    std::string host;  // without brackets
    std::string port;
};

HostPort split(const std::string& text) {
    const auto colon = text.rfind(':');
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    return {host, colon == std::string::npos ? "" : text.substr(colon + 1)};
}

struct FreeAddresses {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// On this thread: libcurl would make one for each name, and none may be made any more. `problem` says why not.
Addresses resolve(const HostPort& where, int type, std::string& problem) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = type;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(where.host.c_str(), where.port.c_str(), &hints, &found);
    if (code != 0) problem = fmt::format("{}: {}", where.host, ::gai_strerror(code));
    return Addresses(code == 0 ? found : nullptr);
}

std::string numeric(const sockaddr* address, socklen_t size) {
    std::array<char, 64> host{};
    if (::getnameinfo(address, size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) return {};
    return host.data();
}

// --- libcurl -------------------------------------------------------------------------------------

// What a receiver says.
struct Words {
    std::string text;  // the first kMostAnswer bytes
    std::size_t total = 0;
};
// Ends the transfer once there is too much.
std::size_t keep_answer(char* data, std::size_t size, std::size_t count, void* to) {
    auto& words = *static_cast<Words*>(to);
    words.text.append(data, std::min(size * count, kMostAnswer - std::min(kMostAnswer, words.text.size())));
    words.total += size * count;
    return words.total > kMostRead ? 0 : size * count;
}

struct Reading {
    std::string_view rest;
};
std::size_t give_text(char* to, std::size_t size, std::size_t count, void* from) {
    auto& reading = *static_cast<Reading*>(from);
    const std::size_t length = std::min(size * count, reading.rest.size());
    std::copy_n(reading.rest.begin(), length, to);
    reading.rest.remove_prefix(length);
    return length;
}

std::int64_t now_in_milliseconds() {
    return read_instant_awake().nanoseconds / 1'000'000;
}

std::int64_t end_of(Duration patience) {
    return now_in_milliseconds() + std::chrono::duration_cast<milliseconds>(patience).count();
}

// What every transfer has: no signal, no proxy of the environment, no way past the scheme that was configured.
Curl new_transfer(const std::string& url, const char* protocols, std::array<char, CURL_ERROR_SIZE>& error) {
    Curl curl(curl_easy_init());
    if (curl == nullptr) return curl;
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
    curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, error.data());
    curl_easy_setopt(curl.get(), CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    return curl;
}

bool is_numeric(const std::string& host) {
    std::array<std::uint8_t, sizeof(in6_addr)> address{};
    return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

bool limit_time(CURL* curl, const HostPort& where, std::int64_t until, std::string& problem) {
    const std::int64_t left = until - now_in_milliseconds();
    if (left <= 0) problem = fmt::format("{}: no time was left after its name was resolved", where.host);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left, 1)));
    return left > 0;
}

// Gives libcurl the addresses of the host, and what they leave of the time. False: `problem` says why not.
bool give_addresses(CURL* curl, const HostPort& where, std::int64_t until, List& kept, std::string& problem) {
    if (is_numeric(where.host)) return limit_time(curl, where, until, problem);
    const Addresses found = resolve(where, SOCK_STREAM, problem);
    if (found == nullptr) return false;
    std::string list;
    for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
        const std::string address = numeric(at->ai_addr, at->ai_addrlen);
        if (address.empty() || address.find('%') != std::string::npos) continue;
        list += (list.empty() ? "" : ",") + (at->ai_family == AF_INET6 ? "[" + address + "]" : address);
    }
    append(kept, fmt::format("{}:{}:{}", where.host, where.port, list));
    curl_easy_setopt(curl, CURLOPT_RESOLVE, kept.get());
    return limit_time(curl, where, until, problem);
}

std::string reason_of(CURLcode code, const std::array<char, CURL_ERROR_SIZE>& error) {
    return error[0] != '\0' ? error.data() : curl_easy_strerror(code);
}

// Of the URL: its host, and the port that it or its scheme has.
std::optional<HostPort> place_in(const std::string& url) {
    const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
    if (parsed == nullptr || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
        return std::nullopt;
    const auto part = [&parsed](CURLUPart which) {
        char* text = nullptr;
        if (curl_url_get(parsed.get(), which, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return std::string();
        std::string out(text);
        curl_free(text);
        return out;
    };
    std::string host = part(CURLUPART_HOST);
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    return HostPort{host, part(CURLUPART_PORT)};
}

Answer post(const ipc::AlertSettings& settings, const Outbox::Batch& batch, Duration patience) {
    const std::int64_t until = end_of(patience);
    std::array<char, CURL_ERROR_SIZE> error{};
    const Curl curl = new_transfer(settings.webhook_url, "http,https", error);
    const auto where = place_in(settings.webhook_url);
    if (curl == nullptr || !where) return failed("the URL cannot be used");
    List addresses;
    std::string problem;
    if (!give_addresses(curl.get(), *where, until, addresses, problem)) return failed(problem);
    const std::string body = webhook_body(settings.appliance, batch);
    List headers;
    append(headers, "Content-Type: application/json");
    append(headers, "Expect:");
    if (!settings.webhook_key.empty())
        append(headers, "Warren-Signature: " + signature(settings.webhook_key.reveal(),
                                                         read_wall_clock().nanoseconds / 1'000'000'000, body));
    Words answer;
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, fmt::format("warren/{}", kVersion).c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &keep_answer);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
    const CURLcode code = curl_easy_perform(curl.get());
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    // One that answered has decided, also when the rest of its words never ends.
    if (code != CURLE_OK && status < 200) return failed(reason_of(code, error));
    return {verdict_of_http(status), one_line(fmt::format("HTTP {} {}", status, answer.text))};
}

Answer mail(const ipc::AlertSettings& settings, const Outbox::Batch& batch, Duration patience) {
    const std::int64_t until = end_of(patience);
    const HostPort where = split(settings.mail_relay);
    const bool is_smtps = where.port == std::to_string(kSmtps);
    const std::string host = where.host.find(':') == std::string::npos ? where.host : "[" + where.host + "]";
    std::array<char, CURL_ERROR_SIZE> error{};
    const Curl curl =
        new_transfer(fmt::format("{}://{}:{}/{}", is_smtps ? "smtps" : "smtp", host, where.port, settings.appliance),
                     "smtp,smtps", error);
    if (curl == nullptr) return failed("libcurl cannot begin");
    List addresses;
    std::string problem;
    if (!give_addresses(curl.get(), where, until, addresses, problem)) return failed(problem);
    // A password is not shown to whoever answers there.
    const bool must_be_tls = settings.mail_requires_tls || !settings.mail_password.empty();
    curl_easy_setopt(curl.get(), CURLOPT_USE_SSL, static_cast<long>(must_be_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, must_be_tls ? 1L : 0L);
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, must_be_tls ? 2L : 0L);
    if (!settings.mail_user.empty()) {
        std::string password(settings.mail_password.size(), '\0');
        std::copy(settings.mail_password.reveal().begin(), settings.mail_password.reveal().end(), password.begin());
        curl_easy_setopt(curl.get(), CURLOPT_USERNAME, settings.mail_user.c_str());
        curl_easy_setopt(curl.get(), CURLOPT_PASSWORD, password.c_str());
        crypto::wipe({reinterpret_cast<std::uint8_t*>(password.data()), password.size()});
    }
    List to;
    for (const std::string& recipient : settings.mail_to) append(to, "<" + recipient + ">");
    const std::string text =
        mail_text({settings.appliance, settings.mail_from, settings.mail_to}, batch, read_wall_clock());
    Reading reading{text};
    Words answer;
    curl_easy_setopt(curl.get(), CURLOPT_MAIL_FROM, ("<" + settings.mail_from + ">").c_str());
    curl_easy_setopt(curl.get(), CURLOPT_MAIL_RCPT, to.get());
    curl_easy_setopt(curl.get(), kOthersGetIt, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_READFUNCTION, &give_text);
    curl_easy_setopt(curl.get(), CURLOPT_READDATA, &reading);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, &keep_answer);  // the relay's words
    curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &answer);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &keep_answer);
    Words rest;
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &rest);
    const CURLcode code = curl_easy_perform(curl.get());
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK) return {Delivery::kDone, fmt::format("SMTP {}: the relay has it", status)};
    const bool has_sent = !text.empty() && reading.rest.empty();
    return {verdict_of_smtp(status, has_sent),
            one_line(status > 0 ? fmt::format("SMTP {}: {}", status, reason_of(code, error)) : reason_of(code, error))};
}

// --- syslog --------------------------------------------------------------------------------------

// Until the socket can be written or read, or the time is over; false then.
bool wait_for(int socket, short events, std::int64_t until) {
    while (true) {
        pollfd waiting{socket, events, 0};
        const std::int64_t left = until - now_in_milliseconds();
        if (left <= 0) return false;
        const int count = ::poll(&waiting, 1, static_cast<int>(left));
        if (count > 0) return true;
        if (count == 0 || errno != EINTR) return false;
    }
}

// An error number, 0: connected.
int connect_to(const addrinfo& where, std::int64_t until, UniqueFd& out) {
    UniqueFd socket(::socket(where.ai_family, where.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, where.ai_protocol));
    if (!socket.valid()) return errno;
    if (::connect(socket.get(), where.ai_addr, where.ai_addrlen) != 0) {
        if (errno != EINPROGRESS) return errno;
        if (!wait_for(socket.get(), POLLOUT, until)) return ETIMEDOUT;
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
        if (error != 0) return error;
    }
    out = std::move(socket);
    return 0;
}

int send_all(int socket, std::string_view text, std::int64_t until) {
    while (!text.empty()) {
        const ssize_t count = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (count >= 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            if (!wait_for(socket, POLLOUT, until)) return ETIMEDOUT;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

// A server that went away says so now, and one that reads closes its end; one that does not has it all the same.
int say_goodbye(int socket) {
    (void)::shutdown(socket, SHUT_WR);
    if (!wait_for(socket, POLLIN, end_of(kGoodbye))) return 0;
    std::array<char, 256> space{};
    return ::recv(socket, space.data(), space.size(), 0) < 0 && errno != EAGAIN ? errno : 0;
}

Answer log_to_syslog(const ipc::AlertSettings& settings, const Outbox::Batch& batch, Duration patience) {
    const std::int64_t until = end_of(patience);
    std::vector<std::string> messages;
    if (batch.dropped > 0)
        messages.push_back(syslog_message(settings.appliance, dropped_alert(batch.dropped, read_wall_clock())));
    for (const Alert& alert : batch.alerts) messages.push_back(syslog_message(settings.appliance, alert));
    std::string problem;
    const bool is_tcp = settings.syslog_over_tcp;
    const Addresses found = resolve(split(settings.syslog_server), is_tcp ? SOCK_STREAM : SOCK_DGRAM, problem);
    if (found == nullptr) return failed(problem);
    UniqueFd socket;
    int error = 0;
    for (const addrinfo* at = found.get(); at != nullptr && !socket.valid(); at = at->ai_next)
        error = connect_to(*at, until, socket);
    if (!socket.valid()) return failed(std::strerror(error));
    error = 0;
    for (const std::string& message : messages) {
        if (error == 0) error = send_all(socket.get(), is_tcp ? syslog_frame(message) : message, until);
    }
    if (error == 0 && is_tcp) error = say_goodbye(socket.get());
    if (error != 0) return failed(std::strerror(error));
    return {Delivery::kDone, is_tcp ? "sent over TCP" : "sent over UDP: nobody confirms it"};
}

std::string without_path(const std::string& url) {
    const auto host = url.find("://");
    const auto path = host == std::string::npos ? host : url.find_first_of("/?", host + 3);
    return path == std::string::npos || path + 1 == url.size() ? url : url.substr(0, path) + "/...";
}

}  // namespace

Delivery verdict_of_http(long status) {
    if (status >= 200 && status < 300) return Delivery::kDone;
    return status == 400 || status == 413 || status == 422 ? Delivery::kRefused : Delivery::kFailed;
}

Delivery verdict_of_smtp(long status, bool has_sent) {
    return has_sent && status >= 500 && status < 600 ? Delivery::kRefused : Delivery::kFailed;
}

bool start_delivering() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) return false;
    // What /etc/nsswitch.conf names beyond these two is loaded at the first name, and then nothing can be loaded.
    if (::__nss_configure_lookup("hosts", "files dns") != 0) return false;
    return ::setenv("RES_OPTIONS", kResolverOptions, 1) == 0;
}

Answer deliver(const ipc::AlertSettings& settings, const Outbox::Batch& batch, Duration patience) {
    switch (batch.to) {
        case Receiver::kWebhook: return post(settings, batch, patience);
        case Receiver::kSyslog: return log_to_syslog(settings, batch, patience);
        case Receiver::kMail: return mail(settings, batch, patience);
    }
    return {};
}

std::string place_of(const ipc::AlertSettings& settings, Receiver receiver) {
    switch (receiver) {
        case Receiver::kWebhook: return without_path(settings.webhook_url);
        case Receiver::kSyslog: return settings.syslog_server;
        case Receiver::kMail: return settings.mail_relay;
    }
    return "";
}

}  // namespace warren::alerts
