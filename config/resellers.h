// What resellers and their customers have to do with each other: caps of the sum of them, and what a customer has from
// those above it. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "config/customer.h"
#include "config/parse.h"

namespace warren::config {

// What one file says of a reseller, and may not. Appends errors.
void check_reseller(const Parsed<Customer>& customer, std::vector<Diagnostic>& out);

struct ResellerMember {
    const Customer* customer = nullptr;
    bool is_older = false;  // it was there before those that are not, and counts first
    // What it has in force under this id, if it is there and changes: that counts before what others get.
    const Customer* before = nullptr;
};
// A customer that its reseller may not have beside those that count before it.
struct Excess {
    std::size_t member = 0;  // index into the members given
    std::string path;        // in its file; "": nothing in particular
    std::string what;
    bool has_no_reseller = false;  // else it is more than a cap of [reseller]
};
// `members` must be sorted by id; what is in excess counts for nothing, unless it is older.
[[nodiscard]] std::vector<Excess> find_excess(std::span<const ResellerMember> members);

// Customer::above among these customers, which are sorted by id.
[[nodiscard]] std::vector<ResellerAbove> above_of(const Customer& customer, std::span<const Customer* const> all);

// By its own file, or by a reseller above it.
[[nodiscard]] bool is_suspended(const Customer& customer);

}  // namespace warren::config
