"""JSON shapes whose fields have no names of their own until they are rewritten, record by record.

Named lists (``"Data": [{"@Name": "Image", "#text": "..."}]``), documents inside strings (``Payload``, ``AuditData``, ``_raw``, an event's
XML in a message), and wrappers. A file takes this slow way only when one of its first records needs it; documents in ``EventData``,
which come among other records (Azure's tables), are looked for in all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from kulla.model import moment
from kulla.telemetry.event_xml import event_from_xml
from kulla.telemetry.json_kinds import Json, at, unwrapped

#: Where converters put an element's name and its text (xmltodict and EvtxECmd, evtx_dump, mxj, BadgerFish, .NET).
_NAMES = ("@Name", "Name", "-Name", "_Name", "name")
_TEXTS = ("#text", "text", "$", "_", "__text", "content", "Value", "value")
_MESSAGES = ("MESSAGE", "message", "Message", "Event", "event", "_raw")
_DATE = "/Date("
#: How a record's data begin where they are a document inside a string: compact JSON, and with the usual blank.
_DATA_AS_TEXT = (b'"EventData":"', b'"EventData": "')
#: Digits of a time that is no nonsense, and the largest byte.
_DIGITS, _BYTE = 17, 255


def rewriting(records: Iterable[Json]) -> Callable[[Json], Json] | None:
    """Return ``rewrite`` when one of ``records`` needs it, None where the file can be used as it is."""
    return rewrite if any(rewrite(record) is not record for record in records) else None


def has_data_as_text(data: bytes) -> bool:
    """Return whether ``data`` holds a record that needs rewriting because its data are a document inside a string."""
    return any(beginning in data for beginning in _DATA_AS_TEXT)


def rewrite(record: Json) -> Json:
    """Return a record in a form whose fields have their names; the same object where nothing is to be done."""
    inner = unwrapped(record)
    if "_raw" in inner or inner is record.get("result"):
        return _from_splunk(inner)
    changed = _inner(inner)
    if inner is record or (changed is inner and "System" not in inner):
        return changed if inner is record else record
    return {**{key: value for key, value in record.items() if key != "_source"}, **changed}


def _inner(record: Json) -> Json:
    for applies, change in _CHANGES:
        if applies(record):
            return change(record)
    return record


def _from_splunk(result: Json) -> Json:
    """Return the original event where ``_raw`` holds one as JSON or XML, else Splunk's own fields."""
    raw = result.get("_raw")
    event = _json(raw) or _xml(raw)
    return _inner(event if event is not None else result)


def _json(text: Any) -> Json | None:
    if not isinstance(text, str) or not text.startswith("{"):
        return None
    try:
        parsed = orjson.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _xml(text: Any) -> Json | None:
    """Return the event in a text that holds one ``<Event>``, perhaps behind a syslog header."""
    if not isinstance(text, str):
        return None
    start, end = text.find("<Event"), text.rfind("</Event>")
    if start < 0 or end < 0:
        return None
    try:
        return event_from_xml(text[start : end + len("</Event>")])
    except ValueError:
        return None


# --- Data lists with names -----------------------------------------------------------------------------------------------


def _blocks(record: Json) -> list[tuple[Json, str]]:
    """Return (holder, key) of each EventData or UserData with a list of Data."""
    holders = [record, record.get("Event")]
    found: list[tuple[Json, str]] = []
    for holder in holders:
        if not isinstance(holder, dict):
            continue
        for key in ("EventData", "UserData"):
            block = holder.get(key)
            if isinstance(block, dict) and _named(block.get("Data")):
                found.append((holder, key))
    return found


def _named(data: Any) -> bool:
    items = data if isinstance(data, list) else [data]
    return any(isinstance(item, dict) and _name(item) is not None for item in items)


def _name(item: Json) -> str | None:
    attributes = item.get("#attributes", item.get("@attributes", item))
    if not isinstance(attributes, dict):
        return None
    return next((attributes[key] for key in _NAMES if isinstance(attributes.get(key), str)), None)


def _text(item: Json) -> Any:
    return next((item[key] for key in _TEXTS if key in item), None)


def _with_names(record: Json) -> Json:
    """Give each Data of an event its name."""
    changed = dict(record)
    for holder, key in _blocks(record):
        block = _fields(holder[key])
        if holder is record:
            changed[key] = block
        else:
            changed["Event"] = {**changed["Event"], key: block}
    return changed


def _fields(block: Json) -> Json:
    data = block["Data"]
    fields = {key: value for key, value in block.items() if key != "Data"}
    unnamed: list[Any] = []
    for item in data if isinstance(data, list) else [data]:
        name = _name(item) if isinstance(item, dict) else None
        if name is None:
            unnamed.append(_text(item) if isinstance(item, dict) else item)
        elif name in fields:
            fields[name] = [*(fields[name] if isinstance(fields[name], list) else [fields[name]]), _text(item)]
        else:
            fields[name] = _text(item)
    return {**fields, "Data": unnamed} if unnamed else fields


def _holds_data_as_text(record: Json) -> bool:
    data = record.get("EventData")
    return isinstance(data, str) and data.startswith(("{", "<EventData"))


def _from_data_as_text(record: Json) -> Json:
    """Unfold the event's data, which Azure's tables keep as JSON (WindowsEvent) or as XML (SecurityEvent)."""
    text = record["EventData"]
    try:
        data = _json(text) if text.startswith("{") else event_from_xml(f"<Event>{text}</Event>")["Event"]["EventData"]
    except ValueError:
        return record
    return {**record, "EventData": data} if isinstance(data, dict) else record


# --- the tools -----------------------------------------------------------------------------------------------------------


def _from_evtxecmd(record: Json) -> Json:
    """Unfold the event's data, which EvtxECmd keeps as JSON in ``Payload``, and use EVTX's names for what it renamed."""
    payload = _json(record.get("Payload"))
    rest = {key: value for key, value in record.items() if key != "Payload" or payload is None}
    renamed = {"EventID": record.get("EventId"), "EventRecordID": record.get("EventRecordId"), "Provider_Name": record.get("Provider")}
    event = {**rest, **{key: value for key, value in renamed.items() if value is not None}, **(payload or {})}
    return _with_names(event) if _blocks(event) else event


def _from_get_winevent(record: Json) -> Json:
    """Use EVTX's names for the properties of .NET's EventLogRecord."""
    renamed = {
        "EventID": record.get("Id"),
        "Channel": record.get("LogName"),
        "Computer": record.get("MachineName"),
        "EventRecordID": record.get("RecordId"),
        "TimeCreated": _dotnet_time(record.get("TimeCreated")),
    }
    return {**record, **{key: value for key, value in renamed.items() if value is not None}}


def _dotnet_time(value: Any) -> Any:
    """Return RFC 3339 for ``/Date(1657876443120)/`` (milliseconds), as Windows PowerShell 5 writes a time; else the value."""
    text = value.get("value") if isinstance(value, dict) else value
    if not isinstance(text, str) or not text.startswith(_DATE):
        return text
    digits = text[len(_DATE) :].split(")")[0].split("+")[0]
    return moment.to_text(int(digits) * 1000) if digits.isdecimal() and len(digits) <= _DIGITS else text


def _from_velociraptor(record: Json) -> Json:
    """Take the identifier out of its object, and write the time, which is in seconds, as text."""
    system = dict(record["System"])
    system["EventID"] = at(record, "System.EventID.Value")
    seconds = at(record, "System.TimeCreated.SystemTime")
    if isinstance(seconds, int | float) and 0 <= seconds < 2**33:
        system["TimeCreated"] = datetime.fromtimestamp(seconds, UTC).isoformat()
    changed = {**record, "System": system}
    return _with_names(changed) if _blocks(changed) else changed


def _from_audit_data(record: Json) -> Json:
    """Give the record in ``AuditData`` with the export's other columns beside it."""
    data = record["AuditData"] if isinstance(record["AuditData"], dict) else _json(record["AuditData"])
    rest = {key: value for key, value in record.items() if key != "AuditData"}
    return record if data is None else {**rest, **data}


def _holds_xml(record: Json) -> bool:
    return any(isinstance(record.get(key), str) and "<Event" in record[key] and "</Event>" in record[key] for key in _MESSAGES)


def _from_message(record: Json) -> Json:
    """Give the event that a message holds as XML (Sysmon for Linux) with the message's other fields beside it."""
    for key in _MESSAGES:
        event = _xml(record.get(key))
        if event is not None:
            return {**{name: value for name, value in record.items() if name != key}, **event}
    return _from_journal(record) if _is_journal(record) else record


def _is_journal(record: Json) -> bool:
    return "__REALTIME_TIMESTAMP" in record and "@timestamp" not in record


def _from_journal(record: Json) -> Json:
    """Add time and host of a journal entry under common names; a message that was no UTF-8 is a list of bytes.

    systemd.journal-fields(7); https://systemd.io/JOURNAL_EXPORT_FORMATS, "Journal JSON Format".
    """
    stamp, message = str(record["__REALTIME_TIMESTAMP"]), record.get("MESSAGE")
    added: Json = {}
    if stamp.isdecimal() and len(stamp) <= _DIGITS:
        added["@timestamp"] = moment.to_text(int(stamp))
    if "_HOSTNAME" in record:
        added["hostname"] = record["_HOSTNAME"]
    if isinstance(message, list) and all(isinstance(byte, int) and 0 <= byte <= _BYTE for byte in message):
        added["MESSAGE"] = bytes(message).decode("utf-8", "replace")
    return {**record, **added}


_CHANGES: tuple[tuple[Callable[[Json], bool], Callable[[Json], Json]], ...] = (
    (_holds_xml, _from_message),
    (_is_journal, _from_journal),
    (lambda record: "Payload" in record and "EventId" in record, _from_evtxecmd),
    (lambda record: "LogName" in record and "ProviderName" in record and "Id" in record and "EventID" not in record, _from_get_winevent),
    (lambda record: at(record, "System.EventID.Value") is not None, _from_velociraptor),
    (lambda record: "AuditData" in record, _from_audit_data),
    (_holds_data_as_text, _from_data_as_text),
    (lambda record: bool(_blocks(record)), _with_names),
)
