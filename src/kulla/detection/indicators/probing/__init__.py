"""The steps of ``kulla.detection.indicators.kernel``."""
