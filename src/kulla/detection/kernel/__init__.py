"""The compiled kernel: event bytes in, rule hits and finished JSON lines out.

Order of the work on one event: ``tokenise`` (JSON bytes to a tape of fields), ``classify``
(which log source), ``match`` (each value against the patterns of its field), ``evaluate`` (candidate rules),
``render`` (the detection's JSON line). ``scan`` drives them over a batch. The slow, plain counterpart of each is in
``kulla.telemetry.flatten``, ``kulla.detection.logsources`` and ``kulla.detection.oracle``.

Every function here is compiled by numba without the interpreter lock and without bounds
checks, so each checks its own bounds; the tests run them also with NUMBA_BOUNDSCHECK=1.
"""
