warren_fuzz(users_toml LINK access)
