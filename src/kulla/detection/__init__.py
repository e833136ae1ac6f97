"""Stage 2: events become detections."""
