warren_fuzz(coalesce LINK dataplane)
