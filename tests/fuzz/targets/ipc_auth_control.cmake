warren_fuzz(ipc_auth_control LINK ipc)
