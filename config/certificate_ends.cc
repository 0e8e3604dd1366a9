#include "config/certificate_ends.h"

#include <fmt/format.h>

#include <algorithm>

#include "auth/chain/certificate.h"
#include "config/ipsec.h"

namespace warren::config {

std::vector<CertificateEnd> certificate_ends(const Customer& customer, const Secrets& secrets) {
    std::vector<CertificateEnd> out;
    if (!customer.ipsec) return out;
    std::size_t left = kMostCertificatesRead;
    const auto add = [&](std::string field, const CertificateRef& ref) {
        const auto* const content = secrets.content(SecretRef{ref.name}, FileForm::kCertificate);
        if (content == nullptr || out.size() >= kMostCertificateEnds || left == 0) return;
        const auto all = auth::Certificate::from_file(content->reveal(), left);
        if (!all || all->empty()) return;
        left -= std::min(left, all->size());
        const auto first = std::min_element(all->begin(), all->end(), [](const auto& a, const auto& b) {
            return a.not_after().nanoseconds < b.not_after().nanoseconds;
        });
        out.push_back({std::move(field), ref.name, first->not_after()});
    };
    const Ipsec& ipsec = *customer.ipsec;
    if (ipsec.certificate) add("ipsec.certificate", *ipsec.certificate);
    for (std::size_t i = 0; i < ipsec.ca.size(); ++i) add(fmt::format("ipsec.ca[{}]", i), ipsec.ca[i]);
    return out;
}

}  // namespace warren::config
