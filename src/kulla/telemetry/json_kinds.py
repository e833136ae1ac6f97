"""Which program wrote a JSON file: a declared table over the keys of its first records.

The answer names the format for the user and gives the log source that holds for the whole file. What a single
event is, its own fields tell the engine (channel, Zeek path, Suricata event type, cloud schema); the table
need not repeat that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kulla.model.logsource import LogSource

Json = dict[str, Any]

_WINDOWS = LogSource("windows")
_LINUX = LogSource("linux")
_AZURE = LogSource("azure")
_ZEEK = LogSource("zeek")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of JSON log.

    Attributes:
        format: what the user is told.
        keys: alternatives; a record is of this kind when all keys of one of them are there (dots go inwards).
        logsource: of all its events.
    """

    format: str
    keys: tuple[tuple[str, ...], ...]
    logsource: LogSource = LogSource()

    def matches(self, record: Json) -> bool:
        """Return whether a record has the keys."""
        return any(all(has(record, key) for key in alternative) for alternative in self.keys)


def _zeek(path: str, *alternatives: str) -> Kind:
    """Return the kind of a Zeek log that does not name itself: it is known by the columns that only it has."""
    return Kind("zeek-json", tuple(("ts", *keys.split()) for keys in alternatives), LogSource("zeek", None, path))


#: The first kind that more than half of the first records are of.
KINDS: tuple[Kind, ...] = (
    Kind("journald", (("__REALTIME_TIMESTAMP", "MESSAGE"), ("__CURSOR", "_BOOT_ID")), _LINUX),
    Kind("evtxecmd", (("MapDescription", "Payload"), ("PayloadData1", "EventId", "Channel")), _WINDOWS),
    Kind("velociraptor", (("System.EventID.Value", "System.Channel"),), _WINDOWS),
    Kind("evtx-json", (("Event.System",), ("System.EventID", "EventData"), ("System.EventID", "UserData"), ("System.Channel",)), _WINDOWS),
    Kind("winlogbeat", (("winlog.channel",), ("winlog.event_id",), ("winlog.provider_name",)), _WINDOWS),
    Kind("get-winevent", (("Id", "ProviderName", "LogName"),), _WINDOWS),
    Kind(
        "windows-json",
        (("EventID", "Channel"), ("EventID", "Provider_Name"), ("EventID", "SourceName"), ("EventID", "ProviderName"),
         ("EventID", "Computer"), ("EventID", "EventSourceName"), ("event_id", "channel"), ("EventCode", "LogName"),
         ("EventCode", "Channel")),
        _WINDOWS,
    ),
    Kind("zeek-json", (("_path", "ts"), ("_path", "_write_ts")), _ZEEK),
    Kind("suricata-eve", (("event_type", "timestamp", "flow_id"), ("event_type", "timestamp", "src_ip"), ("event_type", "stats.uptime")),
         LogSource("suricata")),
    Kind("cloudtrail", (("eventSource", "eventName", "awsRegion"),), LogSource("aws", None, "cloudtrail")),
    Kind("m365-audit", (("Operation", "Workload"), ("RecordType", "AuditData"), ("Operations", "AuditData")),
         LogSource("m365", None, "audit")),
    Kind("azure-signin", (("conditionalAccessStatus", "appDisplayName"), ("ConditionalAccessStatus", "AppDisplayName"),
                          ("category", "properties.conditionalAccessStatus")), LogSource("azure", None, "signinlogs")),
    Kind("azure-audit", (("activityDisplayName", "loggedByService"), ("ActivityDisplayName", "LoggedByService"),
                         ("category", "properties.loggedByService")), LogSource("azure", None, "auditlogs")),
    Kind("azure-risk", (("riskEventType",), ("RiskEventType",), ("properties.riskEventType",)), LogSource("azure", None, "riskdetection")),
    Kind("azure-activity", (("OperationNameValue",), ("operationName", "resourceProviderName"), ("operationName.value", "resourceId"),
                            ("ResourceProviderValue",)), LogSource("azure", None, "activitylogs")),
    Kind("azure", (("operationName", "category", "resourceId"), ("operationName", "category", "tenantId")), _AZURE),
    Kind("google-workspace", (("kind", "id.applicationName", "events"),), LogSource("gcp")),
    Kind("gcp-audit", (("protoPayload.methodName",), ("protoPayload.serviceName",), ("data.protoPayload",)),
         LogSource("gcp", None, "gcp.audit")),
    Kind("okta", (("eventType", "displayMessage"), ("eventType", "actor", "published")), LogSource("okta", None, "okta")),
    Kind("github", (("_document_id", "action"), ("action", "actor", "org", "@timestamp"), ("action", "actor", "created_at", "business")),
         LogSource("github", None, "audit")),
    Kind("kubernetes", (("auditID", "verb"), ("auditID", "stage")), LogSource("kubernetes", "application", "audit")),
    Kind("bitbucket", (("auditType.action",), ("auditType.category",)), LogSource("bitbucket", None, "audit")),
    Kind("onelogin", (("event_type_id", "account_id"), ("event_type_id", "actor_user_id"), ("event_type_id", "user_name")),
         LogSource("onelogin", None, "onelogin.events")),
    Kind("opencanary", (("logtype", "node_id"), ("logtype", "logdata")), LogSource("opencanary", "application")),
    Kind("duo", (("txid", "event_type", "factor"), ("access_device", "auth_device")), LogSource("cisco", None, "duo")),
    _zeek("conn", "uid conn_state", "uid history proto"),
    _zeek("dns", "uid query qtype_name", "uid query trans_id", "uid rcode_name", "uid trans_id qclass"),
    _zeek("http", "uid trans_depth method", "uid trans_depth status_code", "uid trans_depth uri"),
    _zeek("ssl", "uid cipher established", "uid ssl_history", "uid server_name established"),
    _zeek("smb_files", "uid action name size", "uid action times.modified"),
    _zeek("smb_mapping", "uid share_type"),
    _zeek("dce_rpc", "uid endpoint operation", "uid named_pipe"),
    _zeek("kerberos", "uid request_type", "uid till forwardable"),
    _zeek("ntlm", "uid server_nb_computer_name", "uid domainname hostname"),
    _zeek("rdp", "uid security_protocol", "uid cookie result"),
    _zeek("ssh", "uid auth_attempts", "uid cipher_alg"),
    _zeek("smtp", "uid trans_depth helo", "uid mailfrom", "uid trans_depth last_reply"),
    _zeek("ftp", "uid reply_code command"),
    _zeek("modbus", "uid func"),
    _zeek("dnp3", "uid fc_request"),
    _zeek("snmp", "uid get_requests"),
    _zeek("x509", "certificate.serial", "certificate.subject"),
    _zeek("files", "fuid source analyzers", "fuid mime_type seen_bytes", "fuid seen_bytes"),
    _zeek("pe", "machine compile_ts"),
    _zeek("dhcp", "mac assigned_addr", "uids mac"),
    _zeek("notice", "note msg"),
    _zeek("weird", "name notice peer"),
    _zeek("tunnel", "uid tunnel_type"),
    Kind("zeek-json", (("ts", "uid", "id.orig_h"),), _ZEEK),
)  # fmt: skip

#: Where services put the records of one answer: the way to the list.
_LISTS: tuple[tuple[str, ...], ...] = (
    *(("Records",), ("records",), ("value",), ("hits", "hits"), ("Events", "Event"), ("Events",), ("events",)),
    *(("results",), ("items",), ("entries",), ("data",), ("logs",)),
)
#: A document with one of these is itself an event, whatever lists it has.
_OWN = frozenset({
    "time", "timestamp", "@timestamp", "ts", "date", "eventTime", "EventTime", "TimeCreated", "CreationTime", "TimeGenerated",
    "EventID", "event_id", "id", "ID", "uid", "uuid", "_path", "event_type", "eventType", "eventName", "Event", "System", "winlog",
    "actor", "verb", "auditID",
})  # fmt: skip


def has(record: Json, path: str) -> bool:
    """Return whether a record has a key, written with dots or nested."""
    return path in record or at(record, path) is not None


def at(record: Json, path: str) -> Any:
    """Return the value at a dotted path, None where there is none."""
    found: Any = record
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def unwrapped(record: Json) -> Json:
    """Return the record that a search engine's export wraps: Splunk's ``result``, Elasticsearch's ``_source``; else itself."""
    result = record.get("result")
    if isinstance(result, dict) and record.keys() & {"preview", "lastrow", "offset"}:
        return result
    source = record.get("_source")
    return source if isinstance(source, dict) else record


def recognise(records: Iterable[Json]) -> Kind | None:
    """Return the kind that more than half of ``records`` are of; None when there is none."""
    inner = [unwrapped(record) for record in records]
    if not inner:
        return None
    for kind in KINDS:
        if sum(map(kind.matches, inner)) * 2 > len(inner):
            return kind
    if len(inner) == sum("_source" in record for record in records):
        return Kind("elasticsearch", ())
    return None


def list_inside(document: Json) -> tuple[str, ...] | None:
    """Return the way to the list of records in a service's answer, None when the document is itself a record."""
    if document.keys() & _OWN:
        return None
    return next((way for way in _LISTS if _is_records(_inside(document, way))), None)


def _inside(document: Json, way: tuple[str, ...]) -> Any:
    found: Any = document
    for key in way:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def list_ways() -> Iterator[tuple[str, ...]]:
    """Yield the ways that ``list_inside`` knows, for who sees only the beginning of a document."""
    yield from _LISTS


def is_event_key(key: str) -> bool:
    """Return whether a document with this key is itself an event."""
    return key in _OWN
