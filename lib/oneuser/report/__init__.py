"""Tables and pictures of one run, as one HTML page. Reads the published tables and the record of runs."""
