warren_fuzz(cookie LINK wireguard test_vectors)
