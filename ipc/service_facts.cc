#include "ipc/service_facts.h"

#include <sstream>

namespace warren::ipc {

namespace {

constexpr const char* kWord = "service";

}  // namespace

std::string text_of(const ServiceFact& fact) {
    std::ostringstream out;
    out << kWord << " " << fact.service << " " << fact.program << " " << fact.state << " " << fact.limits << " "
        << fact.pid << " " << fact.since << " " << fact.restarts;
    return out.str();
}

std::optional<ServiceFact> parse_service_fact(std::string_view text) {
    std::istringstream in{std::string(text)};
    std::string word;
    ServiceFact fact;
    if (!(in >> word) || word != kWord) return std::nullopt;
    if (!(in >> fact.service >> fact.program >> fact.state >> fact.limits >> fact.pid >> fact.since >> fact.restarts))
        return std::nullopt;
    if (in >> word) return std::nullopt;
    return fact;
}

}  // namespace warren::ipc
