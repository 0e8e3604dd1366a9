warren_fuzz(eap LINK eap test_vectors)
target_sources(fuzz-eap PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/eap/tls_client.cc)
