// A statusd that an attacker controls: asks stackd for every change in the name of users who are not there, prints each
// verdict, and at last sends what is malformed.
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ipc/channel.h"
#include "ipc/start.h"
#include "ipc/web_messages.h"

namespace {

using namespace warren::ipc;

// Sends it, and prints the verdict of the answer. Ends with stackd.
void ask(Channel& channel, const WebMessage& message, std::string_view what) {
    std::vector<std::uint8_t> wire;
    if (!encode(message, wire) || !channel.send(wire)) _exit(1);
    std::vector<std::uint8_t> space(kMaxMessageSize);
    while (true) {
        const auto received = channel.receive(space);
        if (!received || received->closed) _exit(1);
        const auto answer = decode_web(warren::Bytes(space).first(received->size));
        if (!answer) continue;
        if (const auto* changed = std::get_if<WebChanged>(&*answer)) {
            std::cerr << "attack " << what << " verdict=" << static_cast<int>(changed->verdict) << '\n';
            return;
        }
        if (const auto* unlocked = std::get_if<WebUnlocked>(&*answer)) {
            std::cerr << "attack " << what << " verdict=" << static_cast<int>(unlocked->verdict)
                      << (unlocked->ticket.empty() ? "" : " with a ticket") << '\n';
            return;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string_view> arguments(argv + 1, argv + argc);
    (void)take_log_level(arguments);
    auto channel = channel_of(arguments);
    if (!channel) return 1;
    for (const char* ticket : {"", "operator", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
        for (int action = 0; action <= static_cast<int>(WebAction::kGoBack); ++action)
            ask(*channel,
                WebChange{1, ticket, static_cast<WebAction>(action), "acme", "site", "",
                          "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=", 1},
                "change");
    }
    for (const char* user : {"operator", "root", ""}) ask(*channel, WebUnlock{2, user, "guess"}, "unlock");
    std::cerr << "attack is over\n";
    // Larger than anything that a statusd has to say: it is ended.
    std::vector<std::uint8_t> wire;
    (void)encode(WebMessage(WebChange{3, std::string(3000, 'x'), WebAction::kSuspend, "acme", "", "", "", 0}), wire);
    (void)channel->send(wire);
    ::pause();
    return 0;
}
