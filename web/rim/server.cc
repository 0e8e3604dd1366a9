#include "web/rim/server.h"

#include <fcntl.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "access/secrets.h"
#include "base/clock.h"
#include "base/log.h"
#include "web/login/password_queue.h"

namespace warren::web {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr Duration kAcceptPause =
    std::chrono::milliseconds(200);  // after a failed accept: there may be no free descriptors
// Between two looks for logins that have waited for too long.
constexpr Duration kLateLogins = std::chrono::seconds(1);

beast::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

IpAddress address_of(const asio::ip::address& address) {
    if (address.is_v4()) return IpAddress::from_bytes(address.to_v4().to_bytes());
    const auto v6 = address.to_v6();
    if (v6.is_v4_mapped()) return IpAddress::from_bytes(asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_bytes());
    return IpAddress::from_bytes(v6.to_bytes());
}

Request request_of(http::request<http::string_body>& from, const IpAddress& remote) {
    const auto text = [&from](http::field field) { return std::string(from[field]); };
    Request out;
    out.method = std::string(from.method_string());
    out.target = std::string(from.target());
    out.host = text(http::field::host);
    out.origin = text(http::field::origin);
    out.cookie = text(http::field::cookie);
    out.authorization = text(http::field::authorization);
    out.accept = text(http::field::accept);
    out.accept_encoding = text(http::field::accept_encoding);
    out.content_type = text(http::field::content_type);
    out.last_event_id = std::string(from["Last-Event-ID"]);
    out.body = std::move(from.body());
    out.remote = remote;
    return out;
}

// Without the query, which may name a customer or a peer.
void log_request(const Request& request) {
    if (log_level() > LogLevel::kDebug) return;
    log(LogLevel::kDebug, "request_received",
        {{"method", request.method},
         {"path", request.target.substr(0, request.target.find('?'))},
         {"remote", to_string(request.remote)}});
}

void write_audits(Router& router) {
    for (const Audit& audit : router.drain_audits()) {
        const LogLevel level = audit.event == "login" || audit.event == "logout" ? LogLevel::kInfo : LogLevel::kWarn;
        log(level, audit.event, {{"user", audit.user}, {"remote", audit.remote}});
    }
}

// RFC 9325: TLS 1.2 and later, only with forward secrecy and AEAD.
Status configure(ssl::context& context, const std::string& pem) {
    error_code error;
    context.set_options(ssl::context::default_workarounds | ssl::context::no_compression, error);
    SSL_CTX* raw = context.native_handle();
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
        SSL_CTX_set1_groups_list(raw, "X25519:P-256:P-384") != 1)
        return fail(ErrorCode::kFailed, "OpenSSL rejects the TLS settings");
    const auto text = asio::buffer(pem);
    context.use_certificate_chain(text, error);
    if (!error) context.use_private_key(text, ssl::context::pem, error);
    if (error) return fail(ErrorCode::kInvalid, "certificate: " + error.message());
    return {};
}

}  // namespace

class Server::Rim {
  public:
    class Connection;

    Rim(Router& routes, SystemFacts& known, ServerLimits bounds)
        : router(routes), facts(known), limits(bounds), strangers(bounds.strangers), logged_in(bounds.logged_in) {}

    void accept_next();
    void accepted(const error_code& error, tcp::socket socket);
    void add_connection(tcp::socket socket, const IpAddress& remote);
    PasswordQueue::Ticket add_login(std::shared_ptr<Connection> connection, PasswordCheck check);
    void refuse_login(PasswordQueue::Ticket ticket);
    // True when it was still waiting.
    bool withdraw_login(PasswordQueue::Ticket ticket);
    void refuse_late_logins();
    void check_next_login();
    void add_ask(std::shared_ptr<Connection> connection, Ask ask);
    void finish_ask(std::uint32_t id, const std::optional<Answer>& answer);
    void refuse_late_asks();
    void pause_accepting();
    void watch(std::shared_ptr<asio::posix::stream_descriptor> descriptor, std::function<bool()> ready);
    void repeat(std::shared_ptr<asio::steady_timer> timer, Duration interval, std::function<void()> call);

    struct Login {
        std::shared_ptr<Connection> connection;
        PasswordCheck check;
    };

    Router& router;
    SystemFacts& facts;
    const ServerLimits limits;
    // The destructor of a connection uses these, so they come before the loop.
    Strangers strangers;
    Shares logged_in;
    std::unordered_map<Strangers::Id, Connection*> connections;
    Strangers::Id last_id = 0;
    std::unordered_map<Connection*, std::weak_ptr<Connection>> streams;

    asio::io_context loop{1};
    asio::thread_pool passwords{1};
    PasswordQueue queue;
    std::unordered_map<PasswordQueue::Ticket, Login> logins;  // those in the queue
    PasswordQueue::Ticket last_ticket = 0;
    bool is_checking = false;
    struct Waiting {
        std::shared_ptr<Connection> connection;
        Ask ask;
        Instant since;
    };
    std::function<bool(std::uint32_t, Ask&)> asker = [](std::uint32_t, Ask&) { return false; };
    std::map<std::uint32_t, Waiting> asks;  // that stackd has
    std::uint32_t last_ask = 0;
    std::shared_ptr<ssl::context> tls;  // a connection keeps the one it started with
    std::optional<tcp::acceptor> acceptor;
    AskPast ask_past;
};

// One TCP connection: TLS, then sequential requests, or one stream. Its pending operations keep it alive.
class Server::Rim::Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(Rim& rim, Strangers::Id id, tcp::socket socket, const IpAddress& remote)
        : rim_(rim), id_(id), tls_(rim.tls), stream_(std::move(socket), *tls_), remote_(remote) {
        rim_.connections[id_] = this;
        rim_.facts.connections = rim_.connections.size();
    }
    ~Connection() {
        rim_.strangers.remove(id_);
        rim_.connections.erase(id_);
        rim_.facts.connections = rim_.connections.size();
        if (!granted_) return;
        granted_.reset();
        rim_.streams.erase(this);
        rim_.facts.viewers = rim_.router.streams();
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void start() {
        beast::get_lowest_layer(stream_).expires_after(rim_.limits.handshake);
        stream_.async_handshake(ssl::stream_base::server, [self = shared_from_this()](const error_code& error) {
            if (error) return;
            self->rim_.strangers.touch(read_clock().instant, self->id_);
            self->read();
        });
    }

    void close() { beast::get_lowest_layer(stream_).close(); }

    [[nodiscard]] const IpAddress& remote() const { return remote_; }

    // stackd has answered.
    void answer_ask(Reply reply) { send(std::move(reply)); }

    // The end of a login.
    void answer(Reply reply) {
        rim_.strangers.set_waiting(id_, false);
        error_code ignored;
        beast::get_lowest_layer(stream_).socket().cancel(ignored);  // the wait for the client's withdrawal
        send(std::move(reply));
    }

    // Sends the stream's next message, unless the last one is still being sent.
    void send_update() {
        if (writing_ || !granted_) return;
        auto message = rim_.router.next_message(read_clock(), *granted_);
        if (!message) return close();
        send_raw(std::move(*message));
    }

  private:
    void read() {
        parser_.emplace();
        parser_->header_limit(rim_.limits.header_bytes);
        parser_->body_limit(rim_.limits.body_bytes);
        beast::get_lowest_layer(stream_).expires_after(rim_.limits.request);
        http::async_read(stream_, buffer_, *parser_,
                         [self = shared_from_this()](const error_code& error, std::size_t) { self->on_read(error); });
    }

    void on_read(const error_code& error) {
        if (error) return refuse(error);
        http::request<http::string_body> request = parser_->release();
        keep_alive_ = request.keep_alive();
        is_head_ = request.method() == http::verb::head;
        const Now now = read_clock();
        const Request received = request_of(request, remote_);
        log_request(received);
        note_request(now, received);
        Outcome outcome = rim_.router.handle(now, received);
        write_audits(rim_.router);
        if (auto* reply = std::get_if<Reply>(&outcome)) return send(std::move(*reply));
        if (auto* check = std::get_if<PasswordCheck>(&outcome)) return check_password(std::move(*check));
        if (auto* ask = std::get_if<Ask>(&outcome)) {
            beast::get_lowest_layer(stream_).expires_never();
            return rim_.add_ask(shared_from_this(), std::move(*ask));
        }
        if (auto* query = std::get_if<PastQuery>(&outcome)) return ask_past(std::move(*query));
        begin_stream(std::move(std::get<Stream>(outcome)));
    }

    void ask_past(PastQuery query) {
        beast::get_lowest_layer(stream_).expires_never();
        rim_.ask_past(std::move(query), [self = shared_from_this()](Reply reply) { self->send(std::move(reply)); });
    }

    // Whoever has logged in no longer shares its connection's place with those who have not.
    void note_request(Now now, const Request& request) {
        rim_.strangers.touch(now.instant, id_);
        if (place_) return;
        const auto viewer = rim_.router.viewer_of(now, request);
        if (viewer) place_ = rim_.logged_in.take(*viewer);
        if (place_) rim_.strangers.remove(id_);
    }

    // Answers an invalid request where possible, and closes the connection.
    void refuse(const error_code& error) {
        keep_alive_ = false;
        if (error == http::error::header_limit) return send(problem(431));
        if (error == http::error::body_limit) return send(problem(413));
        if (error.category() == make_error_code(http::error::bad_method).category() &&
            error != http::error::end_of_stream && error != http::error::partial_message)
            return send(problem(400));
        close();
    }

    void check_password(PasswordCheck check) {
        rim_.strangers.set_waiting(id_, true);
        beast::get_lowest_layer(stream_).expires_never();
        const PasswordQueue::Ticket ticket = rim_.add_login(shared_from_this(), std::move(check));
        // A client that sends anything meanwhile, also end of file, withdraws its login: nobody waits for the check.
        beast::get_lowest_layer(stream_).socket().async_wait(
            tcp::socket::wait_read, [self = shared_from_this(), ticket](const error_code& error) {
                if (!error && self->rim_.withdraw_login(ticket)) self->close();
            });
    }

    void send(Reply reply) {
        response_ = {};
        response_.version(11);
        response_.result(reply.status);
        response_.reason(view(reason_phrase(reply.status)));
        for (const auto& [name, value] : security_headers()) response_.set(view(name), view(value));
        for (const auto& [name, value] : reply.headers) response_.insert(view(name), view(value));
        if (!reply.content_type.empty()) response_.set(http::field::content_type, reply.content_type);
        response_.keep_alive(keep_alive_);
        if (reply.status != 204) response_.content_length(reply.body.size());
        if (!is_head_) response_.body() = std::move(reply.body);
        serializer_.emplace(response_);
        beast::get_lowest_layer(stream_).expires_after(rim_.limits.write);
        const auto written = [self = shared_from_this()](const error_code& error, std::size_t) {
            if (error || !self->keep_alive_) return self->close();
            self->response_ = {};
            self->read();
        };
        // A HEAD response carries Content-Length but no body.
        if (is_head_) {
            http::async_write_header(stream_, *serializer_, written);
        } else {
            http::async_write(stream_, *serializer_, written);
        }
    }

    void begin_stream(Stream stream) {
        granted_ = std::move(stream);
        rim_.facts.viewers = rim_.router.streams();
        rim_.streams[this] = weak_from_this();
        std::string head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n";
        for (const auto& [name, value] : security_headers())
            head.append(name).append(": ").append(value).append("\r\n");
        head += "\r\n";
        if (auto message = rim_.router.next_message(read_clock(), *granted_)) head += *message;
        // The client of a stream sends nothing more; any input, also end of file, closes the stream.
        beast::get_lowest_layer(stream_).expires_never();
        stream_.async_read_some(asio::buffer(&ignored_, 1),
                                [self = shared_from_this()](const error_code&, std::size_t) { self->close(); });
        send_raw(std::move(head));
    }

    void send_raw(std::string text) {
        raw_ = std::move(text);
        writing_ = true;
        beast::get_lowest_layer(stream_).expires_after(rim_.limits.write);
        asio::async_write(stream_, asio::buffer(raw_),
                          [self = shared_from_this()](const error_code& error, std::size_t) {
                              self->writing_ = false;
                              self->raw_ = {};
                              if (error) self->close();
                          });
    }

    Rim& rim_;
    const Strangers::Id id_;
    std::shared_ptr<ssl::context> tls_;
    beast::ssl_stream<beast::tcp_stream> stream_;
    IpAddress remote_;
    std::optional<Shares::Place> place_;  // once its client has logged in
    beast::flat_buffer buffer_{16 * 1024};
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    std::optional<http::response_serializer<http::string_body>> serializer_;
    bool keep_alive_ = false;
    bool is_head_ = false;
    std::optional<Stream> granted_;
    std::string raw_;
    bool writing_ = false;
    char ignored_ = 0;
};

void Server::Rim::accept_next() {
    if (!acceptor) return;
    acceptor->async_accept([this](const error_code& error, tcp::socket socket) { accepted(error, std::move(socket)); });
}

void Server::Rim::pause_accepting() {
    auto timer = std::make_shared<asio::steady_timer>(loop, kAcceptPause);
    timer->async_wait([this, timer](const error_code&) { accept_next(); });
}

void Server::Rim::accepted(const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;  // the listener was replaced
    if (error && error != asio::error::connection_aborted) return pause_accepting();
    error_code unknown;
    const auto remote = socket.remote_endpoint(unknown);
    if (!error && !unknown && tls != nullptr) {
        socket.set_option(tcp::no_delay(true), unknown);
        add_connection(std::move(socket), address_of(remote.address()));
    }
    accept_next();
}

void Server::Rim::add_connection(tcp::socket socket, const IpAddress& remote) {
    const Strangers::Id id = ++last_id;
    const Strangers::Admission admission = strangers.add(read_clock().instant, id, site_of(remote));
    if (admission.closes) connections.at(*admission.closes)->close();
    if (admission.admitted) std::make_shared<Connection>(*this, id, std::move(socket), remote)->start();
}

// --- password checks ---

PasswordQueue::Ticket Server::Rim::add_login(std::shared_ptr<Connection> connection, PasswordCheck check) {
    const PasswordQueue::Ticket ticket = ++last_ticket;
    const PasswordQueue::Entry entry{ticket, check.client.rank, site_of(connection->remote()), check.client.user,
                                     read_clock().instant};
    logins.emplace(ticket, Login{std::move(connection), std::move(check)});
    if (const auto refused = queue.add(entry)) refuse_login(*refused);
    check_next_login();
    return ticket;
}

bool Server::Rim::withdraw_login(PasswordQueue::Ticket ticket) {
    const auto login = logins.extract(ticket);
    if (login.empty()) return false;
    queue.remove(ticket);
    (void)router.abandon_login(login.mapped().check);
    return true;
}

void Server::Rim::refuse_login(PasswordQueue::Ticket ticket) {
    const auto login = logins.extract(ticket);
    login.mapped().connection->answer(router.abandon_login(login.mapped().check));
}

void Server::Rim::refuse_late_logins() {
    for (const PasswordQueue::Ticket ticket : queue.take_late(read_clock().instant)) refuse_login(ticket);
}

void Server::Rim::check_next_login() {
    if (is_checking) return;
    const auto ticket = queue.take();
    if (!ticket) return;
    is_checking = true;
    asio::post(passwords, [this, login = std::move(logins.extract(*ticket).mapped())]() mutable {
        const bool matched = access::verify_password(login.check.argon2id, login.check.password);
        // Moved to the connection's thread, so that it is destroyed there.
        asio::post(loop, [this, login = std::move(login), matched] {
            is_checking = false;
            queue.finish();
            Reply reply = router.finish_login(read_clock(), login.check, matched);
            write_audits(router);
            login.connection->answer(std::move(reply));
            check_next_login();
        });
    });
}

// --- questions to stackd ---

void Server::Rim::add_ask(std::shared_ptr<Connection> connection, Ask ask) {
    // A look has its place already, and takes none of those of changes.
    const bool is_change = !ask.looking;
    const auto changes = static_cast<std::size_t>(
        std::count_if(asks.begin(), asks.end(), [](const auto& each) { return !each.second.ask.looking; }));
    const bool is_one_of_user = std::any_of(asks.begin(), asks.end(), [&ask](const auto& each) {
        return !each.second.ask.looking && each.second.ask.user == ask.user;
    });
    if (is_change && (changes >= limits.asks || is_one_of_user))
        return connection->answer_ask(problem(429, "Another change is being made. Try again."));
    const std::uint32_t id = ++last_ask;
    if (!asker(id, ask)) return connection->answer_ask(problem(503, "stackd cannot be asked. Try again."));
    asks.emplace(id, Waiting{std::move(connection), std::move(ask), read_clock().instant});
}

void Server::Rim::finish_ask(std::uint32_t id, const std::optional<Answer>& answer) {
    const auto found = asks.extract(id);
    if (found.empty()) return;
    found.mapped().connection->answer_ask(router.finish_ask(read_clock(), found.mapped().ask, answer));
}

void Server::Rim::refuse_late_asks() {
    const Instant now = read_clock().instant;
    std::vector<std::uint32_t> late;
    for (const auto& [id, waiting] : asks) {
        if (now - waiting.since >= limits.ask) late.push_back(id);
    }
    for (const std::uint32_t id : late) finish_ask(id, std::nullopt);
}

void Server::Rim::watch(std::shared_ptr<asio::posix::stream_descriptor> descriptor, std::function<bool()> ready) {
    auto& waiting = *descriptor;
    waiting.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [this, descriptor = std::move(descriptor), ready = std::move(ready)](const error_code& error) mutable {
            if (!error && ready()) return watch(std::move(descriptor), std::move(ready));
        });
}

void Server::Rim::repeat(std::shared_ptr<asio::steady_timer> timer, Duration interval, std::function<void()> call) {
    auto& waiting = *timer;
    waiting.expires_after(interval);
    waiting.async_wait(
        [this, timer = std::move(timer), interval, call = std::move(call)](const error_code& error) mutable {
            if (error) return;
            call();
            repeat(std::move(timer), interval, std::move(call));
        });
}

Server::Server(Router& router, SystemFacts& facts, ServerLimits limits)
    : rim_(std::make_unique<Rim>(router, facts, limits)) {}

Server::~Server() {
    rim_->passwords.join();
}

Status Server::set_certificate(const std::string& pem) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    WARREN_TRY(configure(*context, pem));
    rim_->tls = std::move(context);
    return {};
}

Status Server::listen(UniqueFd listener) {
    error_code error;
    tcp::acceptor acceptor(rim_->loop);
    // The family is only for Asio's records; every address carries its real family.
    acceptor.assign(tcp::v6(), listener.get(), error);
    if (error) return fail(ErrorCode::kFailed, "listener: " + error.message());
    (void)listener.release();
    acceptor.non_blocking(true, error);
    rim_->acceptor.emplace(std::move(acceptor));
    rim_->accept_next();
    return {};
}

void Server::watch(int fd, std::function<bool()> ready) {
    // Watches a duplicate, so that the caller may close its own descriptor at any time.
    auto descriptor = std::make_shared<asio::posix::stream_descriptor>(rim_->loop);
    error_code error;
    descriptor->assign(::fcntl(fd, F_DUPFD_CLOEXEC, 0), error);
    if (!error) rim_->watch(std::move(descriptor), std::move(ready));
}

void Server::every(Duration interval, std::function<void()> call) {
    rim_->repeat(std::make_shared<asio::steady_timer>(rim_->loop), interval, std::move(call));
}

void Server::ask_past_of(AskPast ask) {
    rim_->ask_past = std::move(ask);
}

void Server::tick() {
    std::vector<std::shared_ptr<Rim::Connection>> open;
    for (const auto& [key, stream] : rim_->streams) {
        if (auto connection = stream.lock()) open.push_back(std::move(connection));
    }
    for (const auto& connection : open) connection->send_update();
}

void Server::set_asker(std::function<bool(std::uint32_t id, Ask& ask)> asker) {
    rim_->asker = std::move(asker);
}

void Server::finish(std::uint32_t id, Answer answer) {
    rim_->finish_ask(id, std::move(answer));
}

void Server::run() {
    every(kLateLogins, [this] {
        rim_->refuse_late_logins();
        rim_->refuse_late_asks();
    });
    rim_->loop.run();
}

void Server::stop() {
    rim_->loop.stop();
}

}  // namespace warren::web
