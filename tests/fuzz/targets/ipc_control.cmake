warren_fuzz(ipc_control LINK ipc)
