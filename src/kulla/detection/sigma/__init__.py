"""Sigma: rules, correlations and filters, from YAML to the intermediate representation."""
