"""Tests of the rules that come with Kulla."""
