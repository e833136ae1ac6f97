"""Tests of the project itself: shape, layers, dependencies."""
