"""Tests of stage 1: bytes become events."""
