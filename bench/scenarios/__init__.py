"""One module for each scenario: a description in its first lines, and run(stage, table, options), where stage() opens
a lineup of hubs."""
