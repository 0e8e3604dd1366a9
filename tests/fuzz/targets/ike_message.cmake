warren_fuzz(ike_message LINK ike)
