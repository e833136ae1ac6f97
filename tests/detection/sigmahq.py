"""SigmaHQ's rules, loaded once."""

from __future__ import annotations

from functools import cache

from kulla.detection.sigma.load import load_rules
from kulla.detection.sigma.outcome import RuleSet
from tests.shared_data import shared_data


def sigmahq_rules() -> RuleSet:
    """Return SigmaHQ's rules, or skip the test that asked where they are absent."""
    return _loaded(str(shared_data("sigma/sigma_rules.zip")))


_loaded = cache(lambda path: load_rules([path]))
