// The only file of fleetd that knows Boost.Asio and Boost.Beast.
#include "fleet/rim/gateway.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <csignal>
#include <optional>
#include <utility>

namespace warren::fleet {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using tcp = asio::ip::tcp;

namespace {

constexpr std::uint64_t kMaxAnswer = 64 * 1024 * 1024;
constexpr std::size_t kMaxLine = 32 * 1024 * 1024;
constexpr unsigned kOk = 200;

tcp::endpoint endpoint_of(const Endpoint& etcd) {
    return {asio::ip::make_address(to_string(etcd.address)), etcd.port};
}

http::request<http::string_body> request_of(const std::string& target, std::string body) {
    http::request<http::string_body> request(http::verb::post, target, 11);
    request.set(http::field::host, "etcd");
    request.set(http::field::content_type, "application/json");
    request.keep_alive(false);
    request.body() = std::move(body);
    request.prepare_payload();
    return request;
}

// A connection to etcd, with or without TLS.
class Connection {
  public:
    Connection(asio::io_context& loop, ssl::context* tls, const Endpoint& etcd) {
        if (tls == nullptr) {
            plain_.emplace(loop);
            return;
        }
        secured_.emplace(loop, *tls);
        ::SSL_set_hostflags(secured_->native_handle(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        // The authority may have signed certificates of other machines as well.
        is_named_ = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(secured_->native_handle()),
                                                    to_string(etcd.address).c_str()) == 1;
    }
    [[nodiscard]] beast::tcp_stream& lowest() { return plain_ ? *plain_ : secured_->next_layer(); }
    template <typename Done>
    void open(const tcp::endpoint& to, Done done) {
        lowest().async_connect(to, [this, done = std::move(done)](beast::error_code error) {
            if (error || plain_) return done(error);
            if (!is_named_) return done(asio::error::invalid_argument);
            secured_->async_handshake(ssl::stream_base::client, done);
        });
    }
    // What Beast does with either kind of stream.
    template <typename Work>
    void with(const Work& work) {
        if (plain_) {
            work(*plain_);
        } else {
            work(*secured_);
        }
    }

  private:
    std::optional<beast::tcp_stream> plain_;
    std::optional<beast::ssl_stream<beast::tcp_stream>> secured_;
    bool is_named_ = false;
};

// One request and its whole answer.
class Exchange : public std::enable_shared_from_this<Exchange> {
  public:
    Exchange(asio::io_context& loop, ssl::context* tls, const Endpoint& etcd, http::request<http::string_body> request,
             Gateway::Answer answer)
        : connection_(loop, tls, etcd), request_(std::move(request)), answer_(std::move(answer)) {
        parser_.body_limit(kMaxAnswer);
    }
    void run(const tcp::endpoint& to, Duration patience) {
        connection_.lowest().expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(patience));
        connection_.open(to, [self = shared_from_this()](beast::error_code error) {
            if (error) return self->end(error);
            self->write();
        });
    }

  private:
    void write() {
        connection_.with([this](auto& stream) {
            http::async_write(stream, request_, [self = shared_from_this()](beast::error_code error, std::size_t) {
                if (error) return self->end(error);
                self->read();
            });
        });
    }
    void read() {
        connection_.with([this](auto& stream) {
            http::async_read(stream, buffer_, parser_,
                             [self = shared_from_this()](beast::error_code error, std::size_t) {
                                 if (error) return self->end(error);
                                 self->take();
                             });
        });
    }
    void take() {
        const auto& response = parser_.get();
        if (response.result_int() == kOk) return answer_(response.body());
        answer_(fail(ErrorCode::kFailed,
                     "etcd answered " + std::to_string(response.result_int()) + ": " + response.body().substr(0, 200)));
    }
    void end(beast::error_code error) {
        answer_(fail(ErrorCode::kUnavailable, "etcd does not answer: " + error.message()));
    }

    Connection connection_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response_parser<http::string_body> parser_;
    Gateway::Answer answer_;
};

// A request whose answer goes on.
class Stream : public std::enable_shared_from_this<Stream> {
  public:
    Stream(asio::io_context& loop, ssl::context* tls, const Endpoint& etcd, http::request<http::string_body> request,
           Gateway::Line line, Gateway::End end)
        : connection_(loop, tls, etcd), request_(std::move(request)), line_(std::move(line)), end_(std::move(end)) {
        parser_.body_limit(boost::none);
    }
    void run(const tcp::endpoint& to) {
        connection_.lowest().expires_after(std::chrono::seconds(2));
        connection_.open(to, [self = shared_from_this()](beast::error_code error) {
            if (error) return self->finish(error.message());
            self->write();
        });
    }
    void drop() {
        is_over_ = true;
        connection_.lowest().close();
    }

  private:
    void write() {
        connection_.with([this](auto& stream) {
            http::async_write(stream, request_, [self = shared_from_this()](beast::error_code error, std::size_t) {
                if (error) return self->finish(error.message());
                self->connection_.lowest().expires_never();
                self->read_header();
            });
        });
    }
    void read_header() {
        connection_.with([this](auto& stream) {
            http::async_read_header(
                stream, buffer_, parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
                    if (error) return self->finish(error.message());
                    if (self->parser_.get().result_int() != kOk)
                        return self->finish("etcd answered " + std::to_string(self->parser_.get().result_int()));
                    self->read();
                });
        });
    }
    void read() {
        parser_.get().body().data = space_.data();
        parser_.get().body().size = space_.size();
        connection_.with([this](auto& stream) {
            http::async_read_some(stream, buffer_, parser_,
                                  [self = shared_from_this()](beast::error_code error, std::size_t) {
                                      if (error == http::error::need_buffer) error = {};
                                      if (self->is_over_) return;
                                      if (error) return self->finish(error.message());
                                      self->take(self->space_.size() - self->parser_.get().body().size);
                                  });
        });
    }
    void take(std::size_t size) {
        text_.append(space_.data(), size);
        for (std::size_t end = text_.find('\n'); end != std::string::npos && !is_over_; end = text_.find('\n')) {
            const std::string line = text_.substr(0, end);
            text_.erase(0, end + 1);
            if (!line.empty()) line_(line);
        }
        if (is_over_) return;
        if (parser_.is_done()) return finish("etcd ended it");
        if (text_.size() > kMaxLine) return finish("a line is too long");
        read();
    }
    void finish(const std::string& why) {
        if (std::exchange(is_over_, true)) return;
        connection_.lowest().close();
        end_(why);
    }

    Connection connection_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response_parser<http::buffer_body> parser_;
    std::array<char, 65536> space_{};
    std::string text_;
    Gateway::Line line_;
    Gateway::End end_;
    bool is_over_ = false;
};

}  // namespace

struct Gateway::State {
    explicit State(const Endpoint& where) : etcd(where), to(endpoint_of(where)) {}
    asio::io_context loop{1};
    Endpoint etcd;
    tcp::endpoint to;
    std::optional<ssl::context> tls;
    [[nodiscard]] ssl::context* security() { return tls ? &*tls : nullptr; }
    std::shared_ptr<Stream> stream;
};

Gateway::Gateway(const Endpoint& etcd) : state_(std::make_unique<State>(etcd)) {}
Gateway::~Gateway() = default;

Status Gateway::secure(const TlsFiles& files) {
    ssl::context context(ssl::context::tls_client);
    beast::error_code error;
    const auto refuse = [&error](const std::string& file) {
        return fail(ErrorCode::kInvalid, file + " cannot be used: " + error.message());
    };
    if (::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_3_VERSION) != 1)
        return fail(ErrorCode::kUnsupported, "no TLS 1.3");
    context.load_verify_file(files.authority, error);
    if (error) return refuse(files.authority);
    context.use_certificate_chain_file(files.certificate, error);
    if (error) return refuse(files.certificate);
    context.use_private_key_file(files.key, ssl::context::pem, error);
    if (error) return refuse(files.key);
    context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
    if (error) return refuse(files.authority);
    state_->tls.emplace(std::move(context));
    return {};
}

void Gateway::ask(const std::string& target, std::string body, Duration patience, Answer answer) {
    std::make_shared<Exchange>(state_->loop, state_->security(), state_->etcd, request_of(target, std::move(body)),
                               std::move(answer))
        ->run(state_->to, patience);
}

void Gateway::watch(const std::string& target, std::string body, Line line, End end) {
    if (state_->stream) state_->stream->drop();
    state_->stream = std::make_shared<Stream>(state_->loop, state_->security(), state_->etcd,
                                              request_of(target, std::move(body)), std::move(line), std::move(end));
    state_->stream->run(state_->to);
}

void Gateway::after(Duration delay, std::function<void()> what) {
    auto timer = std::make_shared<asio::steady_timer>(state_->loop);
    timer->expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(delay));
    timer->async_wait([timer, what = std::move(what)](beast::error_code error) {
        if (!error) what();
    });
}

void Gateway::call(std::function<void()> what) {
    asio::post(state_->loop, std::move(what));
}

void Gateway::run() {
    asio::signal_set signals(state_->loop, SIGTERM, SIGINT);
    signals.async_wait([this](beast::error_code error, int) {
        if (!error) state_->loop.stop();
    });
    state_->loop.run();
}

void Gateway::stop() {
    state_->loop.stop();
}

}  // namespace warren::fleet
