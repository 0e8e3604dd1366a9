warren_fuzz(ike_sealed LINK ike test_vectors)
