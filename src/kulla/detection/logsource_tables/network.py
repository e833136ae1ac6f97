"""Network sensors and devices: Zeek, Suricata, firewalls, routers.

Zeek: one service for each log (https://docs.zeek.org/en/master/script-reference/log-files.html; the industrial ones by
https://github.com/cisagov/icsnpp). Suricata: https://docs.suricata.io/en/latest/output/eve/eve-json-format.html.

A sensor's log also answers a generic category where its values mean the same: the name asked for, the addresses and ports of a
connection, the parts of a request. What only the generic category's own product knows (a firewall's decision, a proxy's cache
state) has no alias, so a rule that needs it does not fire.
"""

from __future__ import annotations

from kulla.detection.eventclass import ANY, Aliases, EventClass, Match, Probe
from kulla.model.logsource import LogSource

ZEEK = Probe("_path")
SURICATA = Probe("event_type", "src_ip")
FORTIGATE = Probe("type", "logid")

_ZEEK_CONNECTION: Aliases = (
    ("src_ip", ("id.orig_h",)),
    ("src_port", ("id.orig_p",)),
    ("dst_ip", ("id.resp_h",)),
    ("dst_port", ("id.resp_p",)),
    ("source.ip", ("id.orig_h",)),
    ("source.port", ("id.orig_p",)),
    ("destination.ip", ("id.resp_h",)),
    ("destination.port", ("id.resp_p",)),
    ("network.community_id", ("community_id",)),
)
_ZEEK_CONN: Aliases = (
    *_ZEEK_CONNECTION,
    ("event.duration", ("duration",)),
    ("network.transport", ("proto",)),
    ("network.protocol", ("service",)),
    ("source.packets", ("orig_pkts",)),
    ("source.bytes", ("orig_ip_bytes",)),
    ("destination.packets", ("resp_pkts",)),
    ("destination.bytes", ("resp_ip_bytes",)),
    ("network.state", ("conn_state",)),
    ("network.history", ("history",)),
)
_ZEEK_DNS: Aliases = (
    *_ZEEK_CONNECTION,
    ("record_type", ("qtype_name",)),
    ("answer", ("answers",)),
    ("dns.id", ("trans_id",)),
    ("dns.question.name", ("query",)),
    ("dns.question.type", ("qtype_name",)),
    ("dns.question.class", ("qclass_name",)),
    ("dns.answers.data", ("answers",)),
    ("dns.answers.ttl", ("TTLs",)),
    ("dns.response.code", ("rcode_name",)),
)
# Zeek's uri is the request target as sent: path and query for a server, the whole address for a proxy.
_ZEEK_HTTP: Aliases = (
    *_ZEEK_CONNECTION,
    ("c-uri", ("uri",)),
    ("c-uri-stem", ("uri",)),
    ("c-uri-query", ("uri",)),
    ("c-useragent", ("user_agent",)),
    ("cs-uri", ("uri",)),
    ("cs-uri-stem", ("uri",)),
    ("cs-uri-query", ("uri",)),
    ("cs-user-agent", ("user_agent",)),
    ("cs-method", ("method",)),
    ("cs-host", ("host",)),
    ("r-dns", ("host",)),
    ("cs-referer", ("referrer",)),
    ("cs-referrer", ("referrer",)),
    ("cs-version", ("version",)),
    ("cs-username", ("username",)),
    ("sc-status", ("status_code",)),
    ("cs-bytes", ("request_body_len",)),
    ("sc-bytes", ("response_body_len",)),
)
_SURICATA_FLOW: Aliases = (
    ("dst_ip", ("dest_ip",)),
    ("dst_port", ("dest_port",)),
    ("source.ip", ("src_ip",)),
    ("source.port", ("src_port",)),
    ("destination.ip", ("dest_ip",)),
    ("destination.port", ("dest_port",)),
    ("network.transport", ("proto",)),
    ("network.protocol", ("app_proto",)),
    ("network.community_id", ("community_id",)),
)
_SURICATA_DNS: Aliases = (
    *_SURICATA_FLOW,
    ("query", ("dns.rrname", "dns.queries.rrname", "dns.query.rrname")),
    ("record_type", ("dns.rrtype", "dns.queries.rrtype", "dns.query.rrtype")),
    ("answer", ("dns.rdata", "dns.answers.rdata")),
    ("dns.question.name", ("dns.rrname", "dns.queries.rrname", "dns.query.rrname")),
    ("dns.question.type", ("dns.rrtype", "dns.queries.rrtype", "dns.query.rrtype")),
    ("dns.answers.data", ("dns.rdata", "dns.answers.rdata")),
    ("dns.response.code", ("dns.rcode",)),
)
_SURICATA_HTTP: Aliases = (
    *_SURICATA_FLOW,
    ("c-uri", ("http.url",)),
    ("c-uri-stem", ("http.url",)),
    ("c-uri-query", ("http.url",)),
    ("c-useragent", ("http.http_user_agent",)),
    ("cs-uri", ("http.url",)),
    ("cs-uri-stem", ("http.url",)),
    ("cs-uri-query", ("http.url",)),
    ("cs-user-agent", ("http.http_user_agent",)),
    ("cs-method", ("http.http_method",)),
    ("cs-host", ("http.hostname",)),
    ("r-dns", ("http.hostname",)),
    ("cs-referer", ("http.http_refer",)),
    ("cs-referrer", ("http.http_refer",)),
    ("cs-version", ("http.protocol",)),
    ("sc-status", ("http.status",)),
    ("sc-bytes", ("http.length",)),
)
# The W3C spelling is that of pfirewall.log, Windows' own firewall.
_FIREWALL: Aliases = (
    ("src_ip", ("src-ip",)),
    ("src_port", ("src-port",)),
    ("dst_ip", ("dst-ip",)),
    ("dst_port", ("dst-port",)),
)
_FORTIGATE_TRAFFIC: Aliases = (
    ("src_ip", ("srcip",)),
    ("src_port", ("srcport",)),
    ("dst_ip", ("dstip",)),
    ("dst_port", ("dstport",)),
    ("username", ("user",)),
)

#: Zeek's logs that answer more than their own service: path -> (categories with the service there, aliases).
_ZEEK_GENERIC: dict[str, tuple[tuple[tuple[str, str], ...], Aliases]] = {
    "conn": ((("firewall", "conn"), ("network", "connection")), _ZEEK_CONN),
    "dns": ((("dns", "dns"), ("network", "dns")), _ZEEK_DNS),
    "http": ((("proxy", "http"), ("webserver", "http")), _ZEEK_HTTP),
}
_ZEEK_PATHS = """
    conn dns http analyzer bacnet bacnet_discovery bacnet_property bacnet_device_control broker bsap_ip_header bsap_ip_rdb
    bsap_serial_header capture_loss cip cip_identity cip_io cluster cmd config conn-summary cotp dce_rpc dhcp dnp3 dnp3_control
    dnp3_objects dnp3_read_objects dpd dtls ecat_registers enip enip_list_identity ethercat files ftp ge_srtp genisys gquic ike intel
    ipsec irc ja3fingerprint kerberos known_certs known_devices known_hosts known_modbus known_routers known_services ldap ldap_search
    loaded_scripts login modbus modbus_detailed modbus_mask_write_register modbus_read_device_identification
    modbus_read_write_multiple_registers modbus_register_change mqtt_connect mqtt_publish mqtt_subscribe mysql netcontrol
    netcontrol_drop netcontrol_shunt notice notice_alarm ntlm ntp ocsp omron_fins opcua_binary openflow ospf packet_filter pe postgresql
    print profibus profinet profinet_dce_rpc profinet_io_cm prof quic radius rdp redis reporter rfb s7comm s7comm_plus s7comm_read_szl
    s7comm_upload_download signatures sip smb_cmd smb_files smb_mapping smtp snmp socks software ssh ssl stats stderr stdout stun syslog
    synchrophasor tds tds_rpc tds_sql_batch telemetry traceroute tunnel unknown_protocols weird weird_stats wireguard websocket x509
"""
_SURICATA_TYPES = """
    alert anomaly arp bittorrent_dht dcerpc dhcp dnp3 drop email enip fileinfo ftp ftp_data http2 ike ikev2 krb5 ldap mdns modbus mqtt
    netflow nfs packetinfo pgsql pop3 quic rdp rfb sip smb smtp snmp ssh stats tftp tls websocket
"""


def _zeek(path: str) -> EventClass:
    generic, aliases = _ZEEK_GENERIC.get(path, ((), ()))
    sources = (LogSource("zeek", None, path), *(LogSource("zeek", category, service) for category, service in generic))
    return EventClass(f"zeek/{path}", sources, (Match(ZEEK, path),), aliases)


def _suricata(kind: str, generic: tuple[tuple[str, str], ...] = (), aliases: Aliases = _SURICATA_FLOW) -> EventClass:
    sources = (LogSource("suricata", None, kind), *(LogSource("suricata", category, service) for category, service in generic))
    return EventClass(f"suricata/{kind}", sources, (Match(SURICATA, kind, ANY),), aliases)


def _routers(product: str, services: tuple[str, ...]) -> EventClass:
    """Return what the syslog of a router is when its reader names the product: rules for any of its services are keywords."""
    return EventClass(f"{product}/syslog", tuple(LogSource(product, None, service) for service in ("syslog", *services)))


CLASSES: tuple[EventClass, ...] = (
    *(_zeek(path) for path in _ZEEK_PATHS.split()),
    *(_suricata(kind) for kind in _SURICATA_TYPES.split()),
    _suricata("flow", (("firewall", "flow"), ("network", "connection"))),
    _suricata("dns", (("dns", "dns"), ("network", "dns")), _SURICATA_DNS),
    _suricata("http", (("proxy", "http"), ("webserver", "http")), _SURICATA_HTTP),
    EventClass(
        "fortigate/event", (LogSource("fortigate", None, "event"), LogSource("fortios", None, "sslvpnd")), (Match(FORTIGATE, "event", ANY),)
    ),
    EventClass(
        "fortigate/traffic", (LogSource("fortigate", "firewall", "traffic"),), (Match(FORTIGATE, "traffic", ANY),), _FORTIGATE_TRAFFIC
    ),
    EventClass("fortigate/utm", (LogSource("fortigate", None, "utm"),), (Match(FORTIGATE, "utm", ANY),), _FORTIGATE_TRAFFIC),
    _routers("cisco", ("aaa", "bgp", "ldp")),
    _routers("huawei", ("bgp", "ldp")),
    _routers("juniper", ("bgp", "ldp")),
    EventClass("firewall", (LogSource(None, "firewall"),), aliases=_FIREWALL),
    EventClass("dns", (LogSource(None, "dns"),)),
)
