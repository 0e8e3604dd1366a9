warren_fuzz(web_request LINK web)
