warren_fuzz(ipc_capture LINK ipc)
