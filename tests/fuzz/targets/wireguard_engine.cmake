warren_fuzz(wireguard_engine LINK wireguard test_vectors)
