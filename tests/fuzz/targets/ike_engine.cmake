warren_fuzz(ike_engine LINK ike test_vectors)
target_sources(fuzz-ike_engine PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/ike_engine/scripted_peer.cc)
