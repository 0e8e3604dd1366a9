warren_fuzz(uapi LINK vpnd_core)
