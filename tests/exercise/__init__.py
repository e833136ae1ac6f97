"""Tests of the exercise."""
