"""Words that all reports share: severities, tactics, moments, numbers."""

from __future__ import annotations

from kulla.model import moment
from kulla.model.level import LEVELS, rank

#: Short words for narrow columns, by Sigma level.
SHORT = {"critical": "CRITICAL", "high": "HIGH", "medium": "MEDIUM", "low": "LOW", "informational": "INFO"}

#: ATT&CK tactics in the order of an intrusion, Enterprise and ICS; ``attack.`` tags name them. Version 19 split
#: defense evasion into stealth and defense impairment; older rules still carry the older name.
TACTICS: dict[str, str] = {
    "reconnaissance": "Reconnaissance",
    "resource-development": "Resource development",
    "initial-access": "Initial access",
    "execution": "Execution",
    "persistence": "Persistence",
    "privilege-escalation": "Privilege escalation",
    "defense-evasion": "Defense evasion",
    "stealth": "Stealth",
    "defense-impairment": "Defense impairment",
    "credential-access": "Credential access",
    "discovery": "Discovery",
    "lateral-movement": "Lateral movement",
    "collection": "Collection",
    "command-and-control": "Command and control",
    "exfiltration": "Exfiltration",
    "impact": "Impact",
    "evasion": "Evasion (ICS)",
    "inhibit-response-function": "Inhibit response function (ICS)",
    "impair-process-control": "Impair process control (ICS)",
}

#: What became of a rule, in words.
STATE_WORDS = {
    "evaluated": "evaluated",
    "logsource_absent": "log source not in this data",
    "field_absent": "field never seen",
    "unsupported": "unsupported",
    "invalid": "invalid",
}

_STEP = 1000
_UNITS = ("B", "kB", "MB", "GB", "TB")
_TENTHS_UNTIL, _MINUTE, _HOUR = 10, 60, 3600


def known_level(level: str) -> str:
    """Return ``level`` if Sigma knows it, else informational."""
    return LEVELS[rank(level)]


def tactics_of(tags: tuple[str, ...]) -> list[str]:
    """Return the keys of TACTICS that a rule's tags name, in the order of the tags."""
    names = (tag.lower().removeprefix("attack.").replace("_", "-") for tag in tags if tag.lower().startswith("attack."))
    return list(dict.fromkeys(name for name in names if name in TACTICS))


def techniques_of(tags: tuple[str, ...]) -> list[str]:
    """Return ATT&CK technique numbers (``T1490``, ``T1003.001``) that a rule's tags name."""
    names = (tag.lower().removeprefix("attack.") for tag in tags if tag.lower().startswith("attack.t"))
    return [name.upper() for name in names if name[1:5].isdigit()]


def number(value: int) -> str:
    """Return 1234567 as ``1,234,567``."""
    return f"{value:,}"


def counted(value: int, one: str, many: str) -> str:
    """Return ``1 file`` or ``1,234 files``."""
    return f"{value:,} {one if value == 1 else many}"


def size(value: float) -> str:
    """Return bytes in the unit that reads best (``1.2 GB``, powers of ten)."""
    power = 0
    while value >= _STEP and power < len(_UNITS) - 1:
        value /= _STEP
        power += 1
    return f"{value:.{1 if power else 0}f} {_UNITS[power]}"


def duration(seconds: float) -> str:
    """Return ``0.4 s``, ``42 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    if seconds < _TENTHS_UNTIL:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def clock(time: str | None) -> str:
    """Return RFC 3339 as people read it, to the second: ``2022-07-15 09:14:03Z``; ``no time`` for None."""
    return f"{time[:10]} {time[11:19]}Z" if time else "no time"


def clock_of(at: int) -> str:
    """Return microseconds UTC as ``clock`` does."""
    return clock(moment.to_text(at))
