"""Correlations: rules over hits of rules in time; the meaning is set out in docs/reference/correlations.md."""
