warren_fuzz(ipc_auth LINK ipc)
