"""Settings for all tests."""

from hypothesis import settings

# No test asserts a time; a busy machine must not make a property fail.
settings.register_profile("kulla", deadline=None)
settings.load_profile("kulla")
