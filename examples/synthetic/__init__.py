"""A small invented network and an attack on it: the parts from which examples/evidence is made."""
