"""Windows event channels and providers by Sigma service.

Channels: Sigma taxonomy appendix 2.1, "Windows Folder, Service", and the channel names that Windows itself registers
(``wevtutil enum-logs``). Providers stand only where all events of the provider belong to the service.
"""

from __future__ import annotations

#: (names of the service, channels, providers). Where rules use two names for one service, both stand, the taxonomy's of today first.
SERVICES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("security", ("Security",), ("Microsoft-Windows-Security-Auditing",)),
    ("system", ("System",), ("Service Control Manager",)),
    ("application", ("Application",), ("Application Error", "MsiInstaller", "Windows Error Reporting", "ESENT")),
    ("sysmon", ("Microsoft-Windows-Sysmon/Operational",), ("Microsoft-Windows-Sysmon",)),
    (
        "powershell",
        ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational"),
        ("Microsoft-Windows-PowerShell", "PowerShellCore"),
    ),
    ("powershell-classic", ("Windows PowerShell",), ("PowerShell",)),
    ("windefend", ("Microsoft-Windows-Windows Defender/Operational",), ("Microsoft-Windows-Windows Defender",)),
    ("taskscheduler", ("Microsoft-Windows-TaskScheduler/Operational",), ("Microsoft-Windows-TaskScheduler",)),
    ("bits-client", ("Microsoft-Windows-Bits-Client/Operational",), ("Microsoft-Windows-Bits-Client",)),
    (
        "firewall-as",
        ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
        ("Microsoft-Windows-Windows Firewall With Advanced Security",),
    ),
    ("msexchange-management", ("MSExchange Management",), ("MSExchange CmdletLogs",)),
    ("codeintegrity-operational", ("Microsoft-Windows-CodeIntegrity/Operational",), ("Microsoft-Windows-CodeIntegrity",)),
    (
        "appxdeployment-server",
        ("Microsoft-Windows-AppXDeploymentServer/Operational",),
        ("Microsoft-Windows-AppXDeployment-Server",),
    ),
    ("appxpackaging-om", ("Microsoft-Windows-AppxPackaging/Operational",), ("Microsoft-Windows-AppxPackagingOM",)),
    ("appmodel-runtime", ("Microsoft-Windows-AppModel-Runtime/Admin",), ("Microsoft-Windows-AppModel-Runtime",)),
    (
        "dns-client",
        ("Microsoft-Windows-DNS Client Events/Operational", "Microsoft-Windows-DNS-Client/Operational"),
        ("Microsoft-Windows-DNS-Client",),
    ),
    ("dns-server", ("DNS Server",), ("Microsoft-Windows-DNS-Server-Service",)),
    ("dns-server-audit", ("Microsoft-Windows-DNSServer/Audit", "Microsoft-Windows-DNS-Server/Audit"), ()),
    ("dns-server-analytic", ("Microsoft-Windows-DNSServer/Analytical", "Microsoft-Windows-DNS-Server/Analytical"), ()),
    ("dhcp", ("Microsoft-Windows-DHCP-Server/Operational", "DhcpAdminEvents"), ("Microsoft-Windows-DHCP-Server",)),
    ("ntlm", ("Microsoft-Windows-NTLM/Operational",), ("Microsoft-Windows-NTLM",)),
    ("wmi", ("Microsoft-Windows-WMI-Activity/Operational",), ("Microsoft-Windows-WMI-Activity",)),
    (
        "applocker",
        (
            "Microsoft-Windows-AppLocker/EXE and DLL",
            "Microsoft-Windows-AppLocker/MSI and Script",
            "Microsoft-Windows-AppLocker/Packaged app-Deployment",
            "Microsoft-Windows-AppLocker/Packaged app-Execution",
        ),
        ("Microsoft-Windows-AppLocker",),
    ),
    ("printservice-admin", ("Microsoft-Windows-PrintService/Admin",), ()),
    ("printservice-operational", ("Microsoft-Windows-PrintService/Operational",), ()),
    ("smbclient-security", ("Microsoft-Windows-SmbClient/Security",), ()),
    ("smbclient-connectivity", ("Microsoft-Windows-SmbClient/Connectivity",), ()),
    ("smbclient-operational", ("Microsoft-Windows-SMBClient/Operational",), ()),
    ("smbserver-security", ("Microsoft-Windows-SMBServer/Security",), ()),
    ("smbserver-connectivity", ("Microsoft-Windows-SMBServer/Connectivity",), ()),
    ("smbserver-operational", ("Microsoft-Windows-SMBServer/Operational",), ()),
    ("smbserver-audit", ("Microsoft-Windows-SMBServer/Audit",), ()),
    (
        "terminalservices-localsessionmanager",
        ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
        ("Microsoft-Windows-TerminalServices-LocalSessionManager",),
    ),
    (
        "terminalservices-remoteconnectionmanager",
        ("Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",),
        ("Microsoft-Windows-TerminalServices-RemoteConnectionManager",),
    ),
    (
        "terminalservices-rdpclient",
        ("Microsoft-Windows-TerminalServices-RDPClient/Operational",),
        ("Microsoft-Windows-TerminalServices-ClientActiveXCore",),
    ),
    ("ldap ldap_debug", ("Microsoft-Windows-LDAP-Client/Debug",), ("Microsoft-Windows-LDAP-Client",)),
    ("lsa-server", ("Microsoft-Windows-LSA/Operational",), ("LsaSrv",)),
    ("openssh", ("OpenSSH/Operational", "OpenSSH/Admin"), ("OpenSSH",)),
    ("capi2", ("Microsoft-Windows-CAPI2/Operational",), ()),
    ("shell-core", ("Microsoft-Windows-Shell-Core/Operational",), ("Microsoft-Windows-Shell-Core",)),
    ("iis-configuration", ("Microsoft-IIS-Configuration/Operational",), ("Microsoft-Windows-IIS-Configuration",)),
    (
        "security-mitigations",
        (
            "Microsoft-Windows-Security-Mitigations/KernelMode",
            "Microsoft-Windows-Security-Mitigations/UserMode",
            "Microsoft-Windows-Security-Mitigations/Kernel Mode",
            "Microsoft-Windows-Security-Mitigations/User Mode",
        ),
        ("Microsoft-Windows-Security-Mitigations",),
    ),
    ("diagnosis-scripted", ("Microsoft-Windows-Diagnosis-Scripted/Operational",), ("Microsoft-Windows-Diagnosis-Scripted",)),
    (
        "driver-framework",
        ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
        ("Microsoft-Windows-DriverFrameworks-UserMode",),
    ),
    (
        "certificateservicesclient-lifecycle-system",
        ("Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",),
        ("Microsoft-Windows-CertificateServicesClient-Lifecycle-System",),
    ),
    (
        "application-experience",
        (
            "Microsoft-Windows-Application-Experience/Program-Telemetry",
            "Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant",
        ),
        ("Microsoft-Windows-Application-Experience",),
    ),
    ("bitlocker", ("Microsoft-Windows-BitLocker/BitLocker Management",), ()),
    (
        "hyper-v-worker",
        ("Microsoft-Windows-Hyper-V-Worker", "Microsoft-Windows-Hyper-V-Worker-Admin"),
        ("Microsoft-Windows-Hyper-V-Worker",),
    ),
    ("kernel-event-tracing", ("Microsoft-Windows-Kernel-EventTracing", "Microsoft-Windows-Kernel-EventTracing/Admin"), ()),
    (
        "kernel-shimengine",
        ("Microsoft-Windows-Kernel-ShimEngine/Operational", "Microsoft-Windows-Kernel-ShimEngine/Diagnostic"),
        ("Microsoft-Windows-Kernel-ShimEngine",),
    ),
    ("ntfs", ("Microsoft-Windows-Ntfs/Operational",), ()),
    ("sense", ("Microsoft-Windows-SENSE/Operational",), ("Microsoft-Windows-SENSE",)),
    ("vhdmp", ("Microsoft-Windows-VHDMP/Operational", "Microsoft-Windows-VHDMP-Operational"), ("Microsoft-Windows-VHDMP",)),
    (
        "servicebus-client microsoft-servicebus-client",
        ("Microsoft-ServiceBus-Client/Operational", "Microsoft-ServiceBus-Client/Admin", "Microsoft-ServiceBus-Client"),
        ("Microsoft-ServiceBus-Client",),
    ),
)
