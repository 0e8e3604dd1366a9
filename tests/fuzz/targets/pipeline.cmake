warren_fuzz(pipeline LINK dataplane)
