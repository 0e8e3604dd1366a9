// When something was down, read from the events. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/time.h"
#include "web/model/events.h"

namespace warren::web {

struct Outage {
    std::string customer;
    std::string peer;        // "" = the customer, or a connection
    std::string connection;  // "" = none
    WallTime began;
    std::optional<WallTime> ended;  // nothing: it goes on
    std::string cause;              // as the event's reason; "": no handshake for 180 s
    bool was_removed = false;       // it ended because there is no such peer or customer any more

    bool operator==(const Outage&) const = default;
};

// The events that begin or end an outage, or carry one to another name.
[[nodiscard]] bool tells_of_outages(EventKind kind);

// Takes the events of one or many customers, oldest first.
class OutageReader {
  public:
    void add(const Event& event);
    // Those that overlap `since`..`until`, latest beginning first; of a removed and disowned past too.
    [[nodiscard]] std::vector<Outage> take(WallTime since, WallTime until);

  private:
    struct Key {
        std::string customer;
        std::string name;
        bool is_connection = false;
        bool is_disowned = false;
        auto operator<=>(const Key&) const = default;
    };
    void end(const Key& key, WallTime at, bool was_removed);
    void remove_customer(const Event& event);

    std::map<Key, Outage> open_;
    std::vector<Outage> ended_;
};

}  // namespace warren::web
