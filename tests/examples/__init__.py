"""Tests of the examples: synthetic evidence and indicators."""
