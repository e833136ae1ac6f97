"""The HTML report: one file that needs no network, no script and no other file to be read."""
