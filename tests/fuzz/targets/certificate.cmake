warren_fuzz(certificate LINK auth_chain)
