"""YARA rules over files that are no logs."""
