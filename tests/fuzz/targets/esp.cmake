warren_fuzz(esp LINK dataplane)
