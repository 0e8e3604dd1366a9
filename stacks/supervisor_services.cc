#include "base/clock.h"
#include "stacks/supervisor.h"

namespace warren::stacks {

Now Supervisor::both_clocks() {
    return {now(), read_wall_clock()};
}

ServiceTable::Options Supervisor::options_of_services() {
    ServiceTable::Options options =
        ServiceTable::usual(run_dir_.path(), options_.service_launcher, [] { return Signals::stop_waits(); });
    options.tell = [this](const std::string& customer, const std::string& lines) { logs_.add(customer, lines); };
    return options;
}

void Supervisor::serve_services(bool is_ready) {
    const Now at = both_clocks();
    if (is_ready || services_.next_deadline(at.instant) <= at.instant) services_.run(at);
}

}  // namespace warren::stacks
