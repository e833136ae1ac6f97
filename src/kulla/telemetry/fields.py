"""How the fields of an event get their names: one set of rules for every JSON shape.

The same Windows event reaches us as ``Event.EventData.Image``, ``winlog.event_data.Image``,
``_source.winlog.event_data.Image`` or plain ``Image``. Wrappers that only group are
*transparent*: their keys leave no trace in a field's name. All other keys are joined by dots,
so that ``{"id": {"orig_h": 1}}`` and ``{"id.orig_h": 1}`` are the same field.

Names compare without regard to ASCII case and to blanks (EVTX says "Threat Name" where rules say ThreatName).
"""

from __future__ import annotations

from functools import lru_cache

#: Keys that leave no trace where their value is an object or a list, as ways from the root, in exact case (ECS has an ``event`` of
#: its own). ``*`` stands for any one key. Each prefix of a way is listed too.
#: ``winlog.user`` and ``winlog.process`` tell who wrote the log (for Sysmon always SYSTEM); they are here so that their name, domain
#: and pid do not become values of ECS's ``user`` and ``process``, which tell whom the event is about.
TRANSPARENT: tuple[tuple[str, ...], ...] = (
    ("Event",),
    ("Event", "System"),
    ("Event", "EventData"),
    ("Event", "UserData"),
    ("Event", "UserData", "*"),
    ("System",),
    ("EventData",),
    ("UserData",),
    ("UserData", "*"),
    ("winlog",),
    ("winlog", "event_data"),
    ("winlog", "user_data"),
    ("winlog", "user"),
    ("winlog", "process"),
    ("_source",),
    ("_source", "winlog"),
    ("_source", "winlog", "event_data"),
    ("_source", "winlog", "user_data"),
    ("_source", "winlog", "user"),
    ("_source", "winlog", "process"),
    ("_source", "Event"),
    ("_source", "Event", "System"),
    ("_source", "Event", "EventData"),
    ("_source", "Event", "UserData"),
    ("_source", "Event", "UserData", "*"),
)

#: A key of this name gives its value to its parent (``"EventID": {"#text": 1102, "#attributes": {...}}``).
TEXT_KEY = "#text"

#: Other spellings of a field, in rules and in events alike: spelling -> the name it stands for.
SYNONYMS: dict[str, str] = {
    "provider.#attributes.name": "provider_name",
    "provider_attributes.name": "provider_name",
    "provider.@name": "provider_name",
    "provider.name": "provider_name",
    "sourcename": "provider_name",
    "providername": "provider_name",
    "eventsourcename": "provider_name",
    "logname": "channel",
    "eventcode": "eventid",
    "computername": "computer",
    "event_id": "eventid",
    "record_id": "eventrecordid",
    "recordnumber": "eventrecordid",
    "computer_name": "computer",
    "execution.#attributes.processid": "execution_processid",
    "execution_attributes.processid": "execution_processid",
    "security.#attributes.userid": "security_userid",
    "security_attributes.userid": "security_userid",
    "timecreated.#attributes.systemtime": "timecreated",
    "timecreated_attributes.systemtime": "timecreated",
    "timecreated.@systemtime": "timecreated",
    "systemtime": "timecreated",
}

#: Where an event's own time stands, best first (folded names after synonyms).
TIME_FIELDS: tuple[str, ...] = (
    "timecreated",
    "@timestamp",
    "eventtime",
    "ts",
    "timestamp",
    "creationtime",
    "timegenerated",
    "time",
    "utctime",
    "date",
)

#: Where an event's host stands, best first.
HOST_FIELDS: tuple[str, ...] = ("computer", "hostname", "host.name", "host.hostname", "host", "agent.name", "_system_name")

#: Where the source's own record id stands, best first.
ID_FIELDS: tuple[str, ...] = ("eventrecordid", "uid", "eventuuid", "_id", "flow_id")

#: Where a Windows event's channel stands.
CHANNEL_FIELDS: tuple[str, ...] = ("channel",)


@lru_cache(maxsize=65_536)
def name_key(name: str) -> str:
    """Return the form in which field names are compared: ASCII lower case, no blanks, synonyms replaced."""
    folded = "".join(chr(ord(char) | 0x20) if "A" <= char <= "Z" else char for char in name if char != " ")
    return SYNONYMS.get(folded, folded)
