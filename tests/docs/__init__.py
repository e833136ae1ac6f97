"""Tests of the documentation: generated pages are up to date, examples give what they show."""
