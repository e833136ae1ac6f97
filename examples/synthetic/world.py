"""Who and what there is in the invented network, and its clock. All addresses and domains are reserved for documentation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

#: Midnight of the Monday on which the story begins.
MONDAY = datetime(2026, 3, 9, tzinfo=UTC)

DOMAIN = "MINISTRY"
ZONE = "ministry.example"
STAFF = ("arta", "besnik", "drita", "genti", "lule", "vera")

#: The attackers' addresses and names (RFC 5737 and RFC 2606).
OPERATOR = "203.0.113.45"
CONTROL = "198.51.100.77"
CONTROL_NAME = "cdn-sync.example"
TUNNEL_ZONE = "t.cdn-sync.example"
#: Accounts that they use: one taken over, one made.
TAKEN = "exch-backup"
MADE = "svc-print2"


@dataclass(frozen=True, slots=True)
class Host:
    """One computer: its short name and its address."""

    short: str
    address: str

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.short}.{ZONE}"


DC = Host("DC01", "192.0.2.5")
PORTAL = Host("PORTAL01", "192.0.2.10")
MAIL = Host("MAIL01", "192.0.2.20")
PRINT = Host("PRINT01", "192.0.2.30")
FILES = Host("FILES01", "192.0.2.40")
BASTION = Host("bastion", "192.0.2.50")
WORKSTATIONS = tuple(Host(f"WS{number}", f"192.0.2.{number}") for number in range(101, 107))


def at(day: int, clock: str, after: float = 0.0) -> datetime:
    """Return the time of day ``clock`` (HH:MM:SS) on the given day of the story (1 is Monday), ``after`` seconds later."""
    hour, minute, second = map(int, clock.split(":"))
    return MONDAY + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second + after)


def office_hours(random: Random, day: int) -> datetime:
    """Return a random moment between 07:00 and 16:00 UTC, to the microsecond."""
    return MONDAY + timedelta(days=day - 1, hours=7, microseconds=random.randrange(9 * 3_600_000_000))


def digest(name: str) -> str:
    """Return an invented SHA-256 that always is the same for a name."""
    return hashlib.sha256(f"synthetic:{name}".encode()).hexdigest()


def guid(name: str) -> str:
    """Return an invented GUID that always is the same for a name."""
    return str(UUID(bytes=hashlib.sha256(f"guid:{name}".encode()).digest()[:16], version=4)).upper()


def sid(account: str) -> str:
    """Return the SID of an account of the domain; the built-in administrator ends in 500."""
    relative = 500 if account == "Administrator" else 1000 + int(digest(account)[:3], 16)
    return f"S-1-5-21-1004336348-1177238915-682003330-{relative}"
