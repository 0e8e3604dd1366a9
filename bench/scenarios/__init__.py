"""One module for each scenario: TITLE, and run(options) which returns (rows of the table, document)."""
