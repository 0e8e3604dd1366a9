"""One module for each scenario: what it is in its first lines, and run(stage, table, options), where stage() opens a
lineup of hubs."""
