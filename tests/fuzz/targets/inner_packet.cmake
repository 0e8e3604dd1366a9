warren_fuzz(inner_packet LINK dataplane)
