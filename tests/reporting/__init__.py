"""Tests of the reports: what is written, and that nothing in a log can act through it."""
