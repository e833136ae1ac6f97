"""Tests of Kulla, one folder for each room of the house."""
