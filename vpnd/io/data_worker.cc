#include "vpnd/io/data_worker.h"

#include <csignal>
#include <thread>

#include "vpnd/io/event_loop.h"
#include "vpnd/io/mailbox.h"
#include "vpnd/io/packet_loop.h"

namespace warren::io {

struct DataWorker::State {
    State(UniqueFd command_bell, UniqueFd event_bell) : mailbox(std::move(command_bell), std::move(event_bell)) {}

    Mailbox mailbox;
    std::thread thread;
};

Result<std::unique_ptr<DataWorker>> DataWorker::start(std::uint32_t worker, const crypto::AeadBackends& backends,
                                                      TransferExchange* exchange) {
    auto aead = crypto::make_packet_aead(backends);
    if (!aead) return with_context("data worker " + std::to_string(worker), std::move(aead).error());
    auto command_bell = Doorbell::make_fd();
    if (!command_bell) return tl::unexpected(std::move(command_bell).error());
    auto event_bell = Doorbell::make_fd();
    if (!event_bell) return tl::unexpected(std::move(event_bell).error());
    auto state = std::make_unique<State>(std::move(*command_bell), std::move(*event_bell));
    auto readiness = EventLoop::make();
    if (!readiness) return tl::unexpected(std::move(readiness).error());
    auto loop = PacketLoop::make(std::move(*aead), state->mailbox,
                                 exchange == nullptr ? TransferPort() : TransferPort(*exchange, worker),
                                 std::make_unique<EventLoop>(std::move(*readiness)));
    if (!loop) return tl::unexpected(std::move(loop).error());

    // Signals are for the control worker's thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    state->thread = std::thread([packets = std::move(*loop)] { packets->run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(state->thread.native_handle(), ("data-" + std::to_string(worker)).c_str());
    return std::unique_ptr<DataWorker>(new DataWorker(std::move(state)));
}

DataWorker::DataWorker(std::unique_ptr<State> state) : state_(std::move(state)) {}

DataWorker::~DataWorker() {
    state_->mailbox.stop();
    state_->thread.join();
}

void DataWorker::post(WorkerCommand command) {
    state_->mailbox.post(std::move(command));
}

int DataWorker::event_fd() const {
    return state_->mailbox.event_fd();
}

void DataWorker::take_events(std::vector<WorkerEvent>& out) {
    state_->mailbox.take_events(out);
}

}  // namespace warren::io
