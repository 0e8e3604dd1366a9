// What the data plane gets to know of a customer.
#pragma once

#include <cstddef>
#include <memory>

#include "vpnd/customers/customer_set.h"
#include "vpnd/dataplane/customer_view.h"

namespace warren::vpnd {

// As the worker of this queue of its TUN sees it.
[[nodiscard]] std::unique_ptr<const dataplane::CustomerView> make_view(const HeldCustomer& customer, std::size_t queue);

}  // namespace warren::vpnd
