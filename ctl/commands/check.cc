#include "ctl/commands/check.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>

#include "base/printable.h"
#include "ctl/ask/control_client.h"
#include "ctl/files/files.h"

namespace warren::ctl {

namespace {

constexpr int kPatience = 5;  // seconds; a stackd that is busy for longer is not waited for: reading all takes less

// The text that a customer's file is to get, where stackd finds it; gone at the end.
class Draft {
  public:
    Draft(const std::string& directory, const std::string& customer, const std::string& text)
        : path_(ipc::draft_path(directory, customer)) {
        (void)::unlink(path_.c_str());  // of a command that was killed: the lock is ours
        is_made_ = create_file(path_, text).has_value();
    }
    ~Draft() { (void)::unlink(path_.c_str()); }
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    [[nodiscard]] bool is_made() const { return is_made_; }

  private:
    std::string path_;
    bool is_made_ = false;
};

// Whether there may be a stackd.
bool can_ask(const Invocation& invocation) {
    std::error_code error;
    return std::filesystem::exists(invocation.run_dir + "/control.sock", error);
}

// "customers 12" -> 12
std::size_t number_in(const std::string& fact) {
    std::size_t out = 0;
    const auto space = fact.find(' ');
    if (space != std::string::npos) (void)std::from_chars(fact.data() + space + 1, fact.data() + fact.size(), out);
    return out;
}

}  // namespace

std::optional<CheckedByStackd> check_by_stackd(const Invocation& invocation, const std::string& customer) {
    std::error_code error;
    if (!can_ask(invocation)) return std::nullopt;
    CheckedByStackd out;
    std::string directory;
    const auto done = send_request(
        invocation.run_dir, {ipc::ControlVerb::kCheck, std::nullopt, customer},
        [&](const ipc::ControlText& text) {
            if (text.kind == ipc::ControlText::Kind::kDiagnostic)
                out.diagnostics.push_back(printable(text.text, "\n\t"));
            if (text.kind != ipc::ControlText::Kind::kFact) return;
            if (text.text.starts_with("directory ")) directory = text.text.substr(10);
            if (text.text.starts_with("customers ")) out.customers = number_in(text.text);
            if (text.text.starts_with("errors ")) out.errors = number_in(text.text);
        },
        {}, kPatience);
    if (!done || directory.empty() || !std::filesystem::equivalent(directory, invocation.config_dir, error))
        return std::nullopt;
    out.is_valid = done->exit_status == kDone;
    return out;
}

amend::Check check_of(const Invocation& invocation) {
    return [&invocation](const std::string& id, const std::string& text) {
        if (!can_ask(invocation)) return amend::check_with_all(invocation.config_dir)(id, text);
        const Draft draft(invocation.config_dir, id, text);
        auto by_stackd = draft.is_made() ? check_by_stackd(invocation, id) : std::nullopt;
        if (!by_stackd) return amend::check_with_all(invocation.config_dir)(id, text);
        const std::map<std::string, std::optional<std::string>> changed{{id, text}};
        amend::Checked out{config::load(invocation.config_dir, {.changed = &changed, .alone = true}), false,
                           std::move(by_stackd->diagnostics)};
        out.is_valid = by_stackd->is_valid && amend::is_valid(out.loaded, id);
        if (by_stackd->is_valid && !out.is_valid) out.diagnostics = amend::diagnostics_of(out.loaded, id);
        return out;
    };
}

}  // namespace warren::ctl
