"""Kulla: joint cyber defence for allied nations."""

__version__ = "0.1.0"
