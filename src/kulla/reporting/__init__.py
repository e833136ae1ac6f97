"""Reports: what was found and what was not, for people and for programs."""
