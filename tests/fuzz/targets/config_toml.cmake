warren_fuzz(config_toml LINK config)
