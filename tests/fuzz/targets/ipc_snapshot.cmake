warren_fuzz(ipc_snapshot LINK ipc)
