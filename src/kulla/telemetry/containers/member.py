"""One file inside a container, and the name under which it is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kulla.model.problem import Problems
from kulla.model.text import visible
from kulla.telemetry.streams import Peekable

#: Names are for display only; longer ones are cut (characters).
_NAME_LENGTH = 1024
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Member:
    """A stream of bytes with a name.

    Attributes:
        path: the file, or ``archive.zip!member`` (a further ``!`` for each further level).
        stream: its bytes; to be read before the next member is asked for.
        modified: time of last change, microseconds UTC; None if unknown.
    """

    path: str
    stream: Peekable
    modified: int | None = None


def member_path(archive: str, name: str, problems: Problems) -> str:
    """Return the path under which a member is shown; a name that points outside the archive is made safe and counted.

    Nothing is ever written under this name. Absolute paths, drive letters and ``..`` are dropped because
    whoever copies the name from a report should not be led astray either.
    """
    plain = name.replace("\\", "/")
    parts = [part for part in _DRIVE.sub("", plain).split("/") if part not in ("", ".", "..")]
    safe = visible("/".join(parts) or "unnamed", _NAME_LENGTH)
    shown = f"{archive}!{safe}"
    if plain.startswith("/") or _DRIVE.match(plain) or ".." in plain.split("/"):
        message = "the name of a member points outside the archive; it is only shown, nothing is written"
        problems.add(archive, "archive-path", message, place=visible(name, 200))
    return shown
