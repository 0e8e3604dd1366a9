warren_fuzz(ipc_config LINK ipc)
