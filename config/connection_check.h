// What can be wrong with one connection, which the schema cannot say.
#pragma once

#include <cstddef>
#include <vector>

#include "config/connection.h"
#include "config/diagnostic.h"
#include "config/document.h"

namespace warren::config {

struct CheckedConnection {
    const Ipsec& ipsec;
    const Connection& connection;
    std::size_t number;  // in the file
    const Source& source;
    bool has_gateway;   // of the appliance
    bool takes_legacy;  // the appliance does, or it is not known
};

// That it has the keys of its auth and no others, that its children have networks of both sides, that we may initiate
// where we shall, and that its options do not contradict each other. Appends errors and warnings.
void check_connection(const CheckedConnection& checked, std::vector<Diagnostic>& out);

}  // namespace warren::config
