"""Windows event logs: every service, Sysmon's and the other generic categories, and who else writes the same fields.

Categories: Sigma taxonomy appendix 2.1, "Windows Folder, Category". ECS names: what Winlogbeat's sysmon, security and
powershell ingest pipelines rename (they remove the original). Kernel-File: the provider's ETW manifest.
"""

from __future__ import annotations

from kulla.detection.eventclass import ANY, Aliases, EventClass, Match, Probe
from kulla.detection.logsource_tables.windows_services import SERVICES
from kulla.model.logsource import LogSource

CHANNEL = Probe("channel", "eventid")
PROVIDER = Probe("provider_name", "eventid")
#: Before the channel: Sysmon says in EventType whether event 12 is an addition or a deletion. Shippers that overwrite EventType
#: (NXLog writes INFO) leave only the channel, and then event 12 is both.
EVENT_TYPE = Probe("eventtype", "eventid")
#: After all others: whatever has an event id and a channel comes from some Windows event log.
ANY_CHANNEL = Probe("eventid", "channel")

_WINDOWS = LogSource("windows")

_PROCESS: Aliases = (
    ("Image", ("process.executable",)),
    ("ProcessGuid", ("process.entity_id",)),
    ("ProcessId", ("process.pid",)),
    ("User", ("user.name", "user.domain")),
    ("RuleName", ("rule.name",)),
)
_SOURCE_PROCESS: Aliases = (
    ("SourceImage", ("process.executable",)),
    ("SourceProcessGuid", ("process.entity_id",)),
    ("SourceProcessId", ("process.pid",)),
    ("SourceThreadId", ("process.thread.id",)),
    ("RuleName", ("rule.name",)),
)
_PARENT: Aliases = (
    ("ParentImage", ("process.parent.executable",)),
    ("ParentCommandLine", ("process.parent.command_line",)),
    ("ParentProcessGuid", ("process.parent.entity_id",)),
    ("ParentProcessId", ("process.parent.pid",)),
)
_HASHES: Aliases = (
    ("md5", ("process.hash.md5", "file.hash.md5")),
    ("sha1", ("process.hash.sha1", "file.hash.sha1")),
    ("sha256", ("process.hash.sha256", "file.hash.sha256")),
    ("Imphash", ("process.pe.imphash", "file.pe.imphash")),
)
PROCESS_CREATION: Aliases = (
    *_PROCESS,
    *_PARENT,
    *_HASHES,
    ("CommandLine", ("process.command_line",)),
    ("CurrentDirectory", ("process.working_directory",)),
    ("OriginalFileName", ("process.pe.original_file_name",)),
    ("Company", ("process.pe.company",)),
    ("Description", ("process.pe.description",)),
    ("Product", ("process.pe.product",)),
    ("FileVersion", ("process.pe.file_version",)),
)
FILE: Aliases = (*_PROCESS, *_HASHES, ("TargetFilename", ("file.path",)))
_LOADED: Aliases = (
    *_PROCESS,
    *_HASHES,
    ("ImageLoaded", ("file.path",)),
    ("OriginalFileName", ("file.pe.original_file_name",)),
    ("Company", ("file.pe.company",)),
    ("Description", ("file.pe.description",)),
    ("Product", ("file.pe.product",)),
    ("FileVersion", ("file.pe.file_version",)),
    ("Signature", ("file.code_signature.subject_name",)),
    ("SignatureStatus", ("file.code_signature.status",)),
    ("Signed", ("file.code_signature.signed",)),
)
_REGISTRY: Aliases = (*_PROCESS, ("TargetObject", ("registry.path",)), ("Details", ("registry.data.strings",)))
NETWORK: Aliases = (
    *_PROCESS,
    ("Protocol", ("network.transport",)),
    ("SourceIp", ("source.ip",)),
    ("SourceHostname", ("source.domain",)),
    ("SourcePort", ("source.port",)),
    ("DestinationIp", ("destination.ip",)),
    ("DestinationHostname", ("destination.domain",)),
    ("DestinationPort", ("destination.port",)),
)
DNS: Aliases = (
    *_PROCESS,
    ("QueryName", ("dns.question.name",)),
    ("query", ("QueryName", "dns.question.name")),
    ("answer", ("QueryResults", "dns.answers.data")),
)
_PIPE: Aliases = (*_PROCESS, ("PipeName", ("file.name",)))

#: (Sysmon event id, categories, aliases).
SYSMON: tuple[tuple[int, tuple[str, ...], Aliases], ...] = (
    (1, ("process_creation",), PROCESS_CREATION),
    (2, ("file_change",), FILE),
    (3, ("network_connection",), NETWORK),
    (4, ("sysmon_status",), ()),
    (5, ("process_termination",), _PROCESS),
    (6, ("driver_load",), _LOADED),
    (7, ("image_load",), _LOADED),
    (8, ("create_remote_thread",), _SOURCE_PROCESS),
    (9, ("raw_access_thread",), (*_PROCESS, ("Device", ("file.path",)))),
    (10, ("process_access",), _SOURCE_PROCESS),
    (11, ("file_event",), FILE),
    (12, ("registry_add", "registry_delete", "registry_event"), _REGISTRY),
    (13, ("registry_set", "registry_event"), _REGISTRY),
    (14, ("registry_rename", "registry_event"), _REGISTRY),
    (15, ("create_stream_hash",), FILE),
    (16, ("sysmon_status",), ()),
    (17, ("pipe_created",), _PIPE),
    (18, ("pipe_created",), _PIPE),
    (19, ("wmi_event",), _PROCESS),
    (20, ("wmi_event",), (*_PROCESS, ("Destination", ("process.executable",)))),
    (21, ("wmi_event",), _PROCESS),
    (22, ("dns_query", "dns"), DNS),
    (23, ("file_delete",), FILE),
    (24, ("clipboard_capture",), (*_PROCESS, *_HASHES)),
    (25, ("process_tampering",), (*_PROCESS, ("Type", ("message",)))),
    (26, ("file_delete", "file_delete_detected"), FILE),
    (27, ("file_block_executable",), FILE),
    (28, ("file_block_shredding",), FILE),
    (29, ("file_executable_detected",), FILE),
    (255, ("sysmon_error",), (("ID", ("error.code",)),)),
)

#: What Sysmon for Linux writes (https://github.com/microsoft/SysmonForLinux): the same ids and fields.
SYSMON_FOR_LINUX = frozenset({1, 3, 4, 5, 9, 11, 16, 23})

# The new process of a 4688. ProcessId is left alone: in a 4688 it is the parent's, the new one's is NewProcessId.
_CREATED: Aliases = (
    ("Image", ("NewProcessName", "process.executable")),
    ("NewProcessName", ("process.executable",)),
    ("ParentImage", ("ParentProcessName", "process.parent.executable")),
    ("ParentProcessName", ("process.parent.executable",)),
    ("CommandLine", ("ProcessCommandLine", "process.command_line")),
    ("ParentProcessId", ("ProcessId", "process.parent.pid")),
    ("User", ("SubjectUserName",)),
    ("LogonId", ("SubjectLogonId",)),
    ("IntegrityLevel", ("MandatoryLabel",)),
)
# What Winlogbeat moves out of the event's data in most Security events.
_SECURITY: Aliases = (
    ("ProcessName", ("process.executable",)),
    ("IpAddress", ("source.ip",)),
    ("IpPort", ("source.port",)),
    ("WorkstationName", ("source.domain",)),
    ("ClientAddress", ("related.ip",)),
)
# Classic providers write unnamed values: EVTX shows them as a list Data, Winlogbeat as param1, param2 and so on, NXLog only in Message.
_UNNAMED: Aliases = (("Data", (*(f"param{number}" for number in range(1, 10)), "Message")),)
_PS_CLASSIC: Aliases = (("Data", (*_UNNAMED[0][1], "process.command_line")),)
_PS_MODULE: Aliases = (
    ("Payload", ("powershell.command.invocation_details.value", "powershell.command.invocation_details.related_command")),
    ("ContextInfo", ("process.command_line", "powershell.command.name", "powershell.command.path", "file.path")),
)
_PS_SCRIPT: Aliases = (
    ("ScriptBlockText", ("powershell.file.script_block_text",)),
    ("ScriptBlockId", ("powershell.file.script_block_id",)),
    ("Path", ("file.path",)),
)
_DEFENDER: Aliases = (("Feature_Name", ("Feature Name",)),)
_ANTIVIRUS: Aliases = (*_DEFENDER, ("Signature", ("Threat Name",)), ("Filename", ("Path",)), ("Action", ("Action Name",)))

#: Aliases of a whole service.
SERVICE_ALIASES: dict[str, Aliases] = {
    "security": _SECURITY,
    "application": _UNNAMED,
    "system": _UNNAMED,
    "msexchange-management": _UNNAMED,
    "powershell-classic": _PS_CLASSIC,
    "powershell": _PS_SCRIPT,
    "windefend": _DEFENDER,
}

# Microsoft's list of Defender's events: detected, action taken, action failed, and the older numbers of the same.
_DETECTIONS = (1006, 1007, 1008, 1015, 1116, 1117, 1118, 1119)

#: (service, event ids, categories, aliases): events that are more than their service's.
EVENTS: tuple[tuple[str, tuple[int, ...], tuple[str, ...], Aliases], ...] = (
    ("security", (4688,), ("process_creation",), (*_SECURITY, *_CREATED)),
    ("powershell", (4103,), ("ps_module",), _PS_MODULE),
    ("powershell", (4104,), ("ps_script",), _PS_SCRIPT),
    ("powershell-classic", (400,), ("ps_classic_start",), _PS_CLASSIC),
    ("powershell-classic", (600,), ("ps_classic_provider_start",), _PS_CLASSIC),
    ("powershell-classic", (800,), ("ps_classic_script",), _PS_CLASSIC),
    ("windefend", _DETECTIONS, ("antivirus",), _ANTIVIRUS),
    ("dns-client", (3006, 3008, 3010, 3018, 3020), ("dns",), (("query", ("QueryName",)), ("answer", ("QueryResults",)))),
)

#: Microsoft-Windows-Kernel-File by event id: Create and CreateNewFile; the three events of a renaming.
KERNEL_FILE: tuple[tuple[str, tuple[int, ...]], ...] = (("file_access", (12, 30)), ("file_rename", (19, 27, 29)))


def _matches(channels: tuple[str, ...], providers: tuple[str, ...], event: str | None) -> tuple[Match, ...]:
    return (*(Match(CHANNEL, channel, event) for channel in channels), *(Match(PROVIDER, provider, event) for provider in providers))


def _service(names: str, channels: tuple[str, ...], providers: tuple[str, ...]) -> EventClass:
    first, *_ = services = names.split()
    sources = tuple(LogSource("windows", None, service) for service in services)
    return EventClass(f"windows/{first}", sources, _matches(channels, providers, None), SERVICE_ALIASES.get(first, ()))


def _event(service: str, ids: tuple[int, ...], categories: tuple[str, ...], aliases: Aliases) -> tuple[EventClass, ...]:
    channels, providers = next((channels, providers) for names, channels, providers in SERVICES if service in names.split())
    sources = tuple(LogSource("windows", category, service) for category in categories)
    return tuple(EventClass(f"windows/{service}/{number}", sources, _matches(channels, providers, str(number)), aliases) for number in ids)


def _sysmon(product: str, number: int, categories: tuple[str, ...], aliases: Aliases) -> EventClass:
    name = "Microsoft-Windows-Sysmon" if product == "windows" else "Linux-Sysmon"
    sources = tuple(LogSource(product, category, "sysmon") for category in categories)
    return EventClass(f"{product}/sysmon/{number}", sources, _matches((f"{name}/Operational",), (name,), str(number)), aliases)


def _registry(name: str, category: str, types: tuple[str, ...]) -> EventClass:
    sources = tuple(LogSource("windows", each, "sysmon") for each in (category, "registry_event"))
    return EventClass(f"windows/sysmon/12/{name}", sources, tuple(Match(EVENT_TYPE, each, "12") for each in types), _REGISTRY)


def _kernel_file(category: str, ids: tuple[int, ...]) -> EventClass:
    provider = "Microsoft-Windows-Kernel-File"
    matches = tuple(match for number in ids for match in _matches((f"{provider}/Analytic",), (provider,), str(number)))
    return EventClass(f"windows/kernel-file/{category}", (LogSource("windows", category, "kernel-file"),), matches)


#: RPC Firewall (https://github.com/zeronetworks/rpcfirewall) writes to a channel of its own.
_RPC_FIREWALL = EventClass(
    "windows/rpc-firewall",
    (LogSource("rpc_firewall", "application"), LogSource("windows", None, "rpc-firewall")),
    _matches(("RPCFW",), ("RPCFW",), None),
    (("EventLog", ("Channel", "Provider_Name")),),
)

CLASSES: tuple[EventClass, ...] = (
    *(_service(*row) for row in SERVICES),
    *(each for row in EVENTS for each in _event(*row)),
    *(_sysmon("windows", *row) for row in SYSMON),
    _registry("add", "registry_add", ("CreateKey", "CreateValue")),
    _registry("delete", "registry_delete", ("DeleteKey", "DeleteValue")),
    *(_sysmon("linux", *row) for row in SYSMON if row[0] in SYSMON_FOR_LINUX),
    EventClass("linux/sysmon", (LogSource("linux", None, "sysmon"),), _matches(("Linux-Sysmon/Operational",), ("Linux-Sysmon",), None)),
    *(_kernel_file(*row) for row in KERNEL_FILE),
    EventClass(
        "windows/eventlog/1102", (LogSource("windows", None, "security"),), (Match(PROVIDER, "Microsoft-Windows-Eventlog", "1102"),)
    ),
    EventClass("windows/eventlog/104", (LogSource("windows", None, "system"),), (Match(PROVIDER, "Microsoft-Windows-Eventlog", "104"),)),
    _RPC_FIREWALL,
    EventClass("windows/other", (_WINDOWS,), (Match(ANY_CHANNEL, ANY, ANY),)),
)
