// The only file of fleetd that knows Boost.Asio and Boost.Beast.
#include "fleet/rim/gateway.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <csignal>
#include <utility>

namespace warren::fleet {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
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

// One request and its whole answer.
class Exchange : public std::enable_shared_from_this<Exchange> {
  public:
    Exchange(asio::io_context& loop, http::request<http::string_body> request, Gateway::Answer answer)
        : stream_(loop), request_(std::move(request)), answer_(std::move(answer)) {
        parser_.body_limit(kMaxAnswer);
    }
    void run(const tcp::endpoint& to, Duration patience) {
        stream_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(patience));
        stream_.async_connect(to, [self = shared_from_this()](beast::error_code error) {
            if (error) return self->end(error);
            self->write();
        });
    }

  private:
    void write() {
        http::async_write(stream_, request_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) return self->end(error);
            self->read();
        });
    }
    void read() {
        http::async_read(stream_, buffer_, parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) return self->end(error);
            const auto& response = self->parser_.get();
            if (response.result_int() == kOk) return self->answer_(response.body());
            self->answer_(fail(ErrorCode::kFailed, "etcd answered " + std::to_string(response.result_int()) + ": " +
                                                       response.body().substr(0, 200)));
        });
    }
    void end(beast::error_code error) {
        answer_(fail(ErrorCode::kUnavailable, "etcd does not answer: " + error.message()));
    }

    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    http::request<http::string_body> request_;
    http::response_parser<http::string_body> parser_;
    Gateway::Answer answer_;
};

// A request whose answer goes on.
class Stream : public std::enable_shared_from_this<Stream> {
  public:
    Stream(asio::io_context& loop, http::request<http::string_body> request, Gateway::Line line, Gateway::End end)
        : stream_(loop), request_(std::move(request)), line_(std::move(line)), end_(std::move(end)) {
        parser_.body_limit(boost::none);
    }
    void run(const tcp::endpoint& to) {
        stream_.expires_after(std::chrono::seconds(2));
        stream_.async_connect(to, [self = shared_from_this()](beast::error_code error) {
            if (error) return self->finish(error.message());
            self->write();
        });
    }
    void drop() {
        is_over_ = true;
        stream_.close();
    }

  private:
    void write() {
        http::async_write(stream_, request_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) return self->finish(error.message());
            self->stream_.expires_never();
            self->read_header();
        });
    }
    void read_header() {
        http::async_read_header(
            stream_, buffer_, parser_, [self = shared_from_this()](beast::error_code error, std::size_t) {
                if (error) return self->finish(error.message());
                if (self->parser_.get().result_int() != kOk)
                    return self->finish("etcd answered " + std::to_string(self->parser_.get().result_int()));
                self->read();
            });
    }
    void read() {
        parser_.get().body().data = space_.data();
        parser_.get().body().size = space_.size();
        http::async_read_some(stream_, buffer_, parser_,
                              [self = shared_from_this()](beast::error_code error, std::size_t) {
                                  if (error == http::error::need_buffer) error = {};
                                  if (self->is_over_) return;
                                  if (error) return self->finish(error.message());
                                  self->take(self->space_.size() - self->parser_.get().body().size);
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
        stream_.close();
        end_(why);
    }

    beast::tcp_stream stream_;
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
    explicit State(const Endpoint& etcd) : to(endpoint_of(etcd)) {}
    asio::io_context loop{1};
    tcp::endpoint to;
    std::shared_ptr<Stream> stream;
};

Gateway::Gateway(const Endpoint& etcd) : state_(std::make_unique<State>(etcd)) {}
Gateway::~Gateway() = default;

void Gateway::ask(const std::string& target, std::string body, Duration patience, Answer answer) {
    std::make_shared<Exchange>(state_->loop, request_of(target, std::move(body)), std::move(answer))
        ->run(state_->to, patience);
}

void Gateway::watch(const std::string& target, std::string body, Line line, End end) {
    if (state_->stream) state_->stream->drop();
    state_->stream =
        std::make_shared<Stream>(state_->loop, request_of(target, std::move(body)), std::move(line), std::move(end));
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
