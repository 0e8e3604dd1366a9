#include "ctl/commands/profile_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ostream>

#include "ctl/files/files.h"
#include "ctl/show/qr.h"

namespace warren::ctl {

std::string ProfileOutput::problem() const {
    const std::string& format = invocation_.format;
    if (!format.empty() && format != "conf" && format != "qr" && format != "svg")
        return fmt::format("unknown format \"{}\"; accepted: conf, qr, svg", format);
    return {};
}

Status ProfileOutput::write(const SecretText& profile) {
    const ChangeOptions& options = invocation_.change;
    take_back();
    if (options.qr || !options.svg.empty() || has("qr") || has("svg")) {
        const auto code = qr_of(profile.text());
        if (!code) return tl::unexpected<Error>(code.error());
        terminal_ = SecretText(qr_terminal(*code));
        svg_ = SecretText(qr_svg(*code));
    }
    const std::string& text = has("qr") ? terminal_.text() : has("svg") ? svg_.text() : profile.text();
    for (const auto& [path, what] : {std::pair(&options.out, &text), std::pair(&options.svg, &svg_.text())}) {
        if (path->empty()) continue;
        if (const Status written = create_file(*path, *what); !written) {
            take_back();
            return written;
        }
        made_.push_back(*path);
    }
    return {};
}

void ProfileOutput::take_back() {
    for (const std::string& path : made_) (void)::unlink(path.c_str());
    made_.clear();
}

void ProfileOutput::print(const SecretText& profile, Output& output) const {
    const ChangeOptions& options = invocation_.change;
    if (options.qr || (has("qr") && options.out.empty())) {
        output.out << terminal_.text() << std::flush;
    } else if (has("svg") && options.out.empty()) {
        output.out << svg_.text() << std::flush;
    } else if (options.out.empty() && options.svg.empty()) {
        output.out << profile.text() << std::flush;
    }
}

}  // namespace warren::ctl
