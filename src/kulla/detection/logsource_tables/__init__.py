"""The log sources Kulla knows, one module for each world; ``kulla.detection.logsources`` joins them."""
