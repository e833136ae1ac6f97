"""Linux logs: auditd, syslog and the journal by program, and applications that log through them.

Services: Sigma taxonomy appendix 2.1, "Linux Folder" and "Application Folder". The program is syslog's tag or app-name (reader
``syslog``) or the journal's SYSLOG_IDENTIFIER (``journalctl -o json``).
"""

from __future__ import annotations

from kulla.detection.eventclass import ANY, EventClass, Match, Probe
from kulla.model.logsource import LogSource

#: The auditd reader adds CommandLine to an event with an EXECVE record, TargetFilename to one that creates a file and DestinationIp
#: to one with an internet address, and only there.
EXECUTES = Probe("commandline")
CREATES = Probe("targetfilename")
CONNECTS = Probe("destinationip")
PROGRAM = Probe("program")
IDENTIFIER = Probe("syslog_identifier")

_LINUX = LogSource("linux")
_SYSLOG = LogSource("linux", None, "syslog")

_AUTH_PROGRAMS = (
    "su login systemd-logind polkitd pkexec useradd userdel usermod groupadd groupdel groupmod passwd chpasswd chage gpasswd runuser doas"
)
_APPLICATIONS: tuple[tuple[str, str, tuple[LogSource, ...]], ...] = (
    ("nginx", "nginx", (LogSource("nginx", None, "nginx"),)),
    ("apache", "apache2 httpd", (LogSource("apache", None, "apache"),)),
    ("python", "python python3 gunicorn uwsgi celery", (LogSource("python", "application"), LogSource("django", "application"))),
    (
        "jvm",
        "java tomcat tomcat8 tomcat9 tomcat10 catalina catalina.sh jetty wildfly jboss spring",
        (LogSource("jvm", "application"), LogSource("spring", "application"), LogSource("velocity", "application")),
    ),
    ("nodejs", "node nodejs pm2", (LogSource("nodejs", "application"),)),
    ("ruby", "ruby rails puma unicorn passenger", (LogSource("ruby_on_rails", "application"),)),
    (
        "sql",
        "mysqld mysqld_safe mariadb mariadbd postgres postgresql sqlservr",
        (LogSource("sql", "application"), LogSource("sql", "database")),
    ),
)
#: (name, programs, services beside syslog).
_DAEMONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("sshd", "sshd sshd-session sshd-auth", ("sshd", "auth")),
    ("sudo", "sudo sudo-rs", ("sudo", "auth")),
    ("auth", _AUTH_PROGRAMS, ("auth",)),
    ("cron", "cron crond crontab anacron atd", ("cron",)),
    ("clamav", "clamd clamav clamav-daemon freshclam clamscan clamonacc clamav-milter", ("clamav",)),
    ("vsftpd", "vsftpd", ("vsftpd",)),
    ("guacamole", "guacd guacamole guacamole-client", ("guacamole",)),
)


def _program(name: str, programs: str, sources: tuple[LogSource, ...]) -> tuple[EventClass, EventClass]:
    """Return the class twice: by syslog's program where the reader says Linux, and by the journal's identifier anywhere."""
    known = (*sources, _SYSLOG)
    return (
        EventClass(f"linux/{name}", known, tuple(Match(PROGRAM, each) for each in programs.split()), requires=_LINUX),
        EventClass(f"linux/journal/{name}", known, tuple(Match(IDENTIFIER, each) for each in programs.split())),
    )


def _daemon(name: str, programs: str, services: tuple[str, ...]) -> tuple[EventClass, EventClass]:
    return _program(name, programs, tuple(LogSource("linux", None, service) for service in services))


def _audited(name: str, category: str, probe: Probe) -> EventClass:
    sources = (LogSource("linux", category, "auditd"),)
    return EventClass(f"linux/auditd/{name}", sources, (Match(probe, ANY),), requires=LogSource("linux", None, "auditd"))


CLASSES: tuple[EventClass, ...] = (
    _audited("execve", "process_creation", EXECUTES),
    _audited("create", "file_event", CREATES),
    _audited("connect", "network_connection", CONNECTS),
    EventClass("linux/auditd", (LogSource("linux", None, "auditd"),)),
    *(each for row in _DAEMONS for each in _daemon(*row)),
    *(each for row in _APPLICATIONS for each in _program(*row)),
    EventClass("juniper/rpd", (LogSource("juniper", None, "bgp"), LogSource("juniper", None, "ldp")), (Match(PROGRAM, "rpd"),)),
    EventClass("linux/syslog", (_SYSLOG,), (Match(PROGRAM, ANY),), requires=_LINUX),
    EventClass("linux/journal", (_SYSLOG,), (Match(IDENTIFIER, ANY),)),
)
