"""Audit logs of clouds and of services in them, by the fields that only they have.

Each probe is a field of the provider's own schema: AWS CloudTrail record contents, Azure Monitor resource log schema and Log
Analytics tables, Office 365 Management Activity API schema, Google Cloud AuditLog, Okta System Log, OneLogin event, GitHub and
Bitbucket audit log, Kubernetes audit.k8s.io/v1, Duo authentication log. ECS names: Filebeat's modules.
"""

from __future__ import annotations

from kulla.detection.eventclass import ANY, Aliases, EventClass, Match, Probe
from kulla.model.logsource import LogSource

CLOUDTRAIL = Probe("eventsource", "awsregion")
AZURE = Probe("category", "operationname")
TABLE = Probe("type")
RISK = Probe("riskeventtype")
SIGN_IN = Probe("conditionalaccessstatus", "appdisplayname")
DIRECTORY_AUDIT = Probe("activitydisplayname", "loggedbyservice")
M365 = Probe("workload", "operation")
GCP = Probe("protopayload.servicename")
GCP_EXPORT = Probe("data.protopayload.servicename")
WORKSPACE_REPORT = Probe("id.applicationname")
OKTA = Probe("displaymessage", "eventtype")
ONELOGIN = Probe("event_type_id")
GITHUB = Probe("_document_id", "action")
BITBUCKET = Probe("audittype.action")
KUBERNETES = Probe("auditid", "verb")
DUO = Probe("txid", "event_type")
DATASET = Probe("event.dataset")

_CLOUDTRAIL: Aliases = (("eventName", ("event.action",)), ("eventSource", ("event.provider",)), ("userAgent", ("user_agent.original",)))
_ACTIVITY: Aliases = (
    ("operationName", ("OperationNameValue", "operationName.value")),
    ("OperationNameValue", ("operationName", "operationName.value")),
    ("CategoryValue", ("category", "category.value")),
    ("ResourceProviderValue", ("resourceProvider", "resourceProviderName.value")),
    ("properties.message", ("operationName", "OperationNameValue", "operationName.value", "operationName.localizedValue")),
)
# In the resource log an audited action stands in operationName, in the Graph's export in activityDisplayName.
_ACTIVITY_NAMES = ("operationName", "activityDisplayName", "properties.activityDisplayName")
_AUDIT: Aliases = (
    ("properties.message", _ACTIVITY_NAMES),
    ("OperationName", _ACTIVITY_NAMES[1:]),
    ("ActivityDisplayName", (_ACTIVITY_NAMES[0], _ACTIVITY_NAMES[2])),
    ("ActivityType", _ACTIVITY_NAMES),
    ("Category", ("properties.category",)),
    ("LoggedByService", ("properties.loggedByService",)),
    ("properties.result", ("result",)),
    ("additionalDetails.additionalInfo", ("properties.additionalDetails.value",)),
    ("targetResources.type", ("properties.targetResources.type",)),
    ("TargetResources.modifiedProperties.displayName", ("properties.targetResources.modifiedProperties.displayName",)),
    ("TargetResources.modifiedProperties.newValue", ("properties.targetResources.modifiedProperties.newValue",)),
)
_SIGN_IN: Aliases = (
    ("ResultType", ("status.errorCode", "properties.status.errorCode")),
    ("ResultDescription", ("status.failureReason", "properties.status.failureReason")),
    ("AuthenticationRequirement", ("properties.authenticationRequirement",)),
    ("userAgent", ("properties.userAgent",)),
    ("RiskState", ("properties.riskState",)),
    ("ResourceDisplayName", ("properties.resourceDisplayName",)),
    ("conditionalAccessStatus", ("properties.conditionalAccessStatus",)),
    ("NetworkLocationDetails", ("properties.networkLocationDetails.networkType", "networkLocationDetails.networkType")),
    ("DeviceDetail.trusttype", ("properties.deviceDetail.trustType",)),
    ("DeviceDetail.deviceId", ("properties.deviceDetail.deviceId",)),
    ("DeviceDetail.isCompliant", ("properties.deviceDetail.isCompliant",)),
    ("ClientApp", ("clientAppUsed", "properties.clientAppUsed")),
    ("Username", ("userPrincipalName", "properties.userPrincipalName")),
)
_RISK: Aliases = (("riskEventType", ("properties.riskEventType",)),)
# Parameters and the like are lists of name and value.
_UNIFIED: Aliases = (
    ("Parameters", ("Parameters.Name", "Parameters.Value")),
    ("OperationProperties", ("OperationProperties.Name", "OperationProperties.Value")),
    ("eventSource", ("Workload",)),
    ("eventName", ("Operation", "Name")),
    ("status", ("ResultStatus",)),
)
_GCP: Aliases = (
    ("gcp.audit.method_name", ("protoPayload.methodName", "data.protoPayload.methodName")),
    *(
        (f"data.protoPayload.{name}", (f"protoPayload.{name}",))
        for name in (
            "authorizationInfo.permission",
            "authorizationInfo.granted",
            "serviceName",
            "methodName",
            "resource.type",
        )
    ),
    ("data.protoPayload.logName", ("logName", "data.logName", "protoPayload.logName")),
    ("data.protoPayload.resource.type", ("resource.type", "data.resource.type")),
)
_WORKSPACE: Aliases = (
    ("eventService", ("protoPayload.serviceName", "data.protoPayload.serviceName")),
    ("eventName", ("protoPayload.metadata.event.eventName", "data.protoPayload.metadata.event.eventName", "events.name")),
    ("setting_name", ("protoPayload.metadata.event.parameter.value", "events.parameters.value")),
    ("new_value", ("protoPayload.metadata.event.parameter.value", "events.parameters.value")),
    ("protoPayload.serviceName", ("data.protoPayload.serviceName",)),
    ("protoPayload.metadata.event.eventName", ("data.protoPayload.metadata.event.eventName",)),
)
_KUBERNETES: Aliases = (
    ("apiGroup", ("objectRef.apiGroup",)),
    ("hostPath", ("requestObject.spec.volumes.hostPath.path",)),
    ("capabilities", ("requestObject.spec.containers.securityContext.capabilities.add",)),
)

#: (service, categories of Azure Monitor, tables of Log Analytics, aliases).
_AZURE: tuple[tuple[str, str, str, Aliases], ...] = (
    (
        "activitylogs",
        "Administrative Alert Autoscale Policy Recommendation ResourceHealth Security ServiceHealth Action Write Delete",
        "AzureActivity",
        _ACTIVITY,
    ),
    ("auditlogs", "AuditLogs ProvisioningLogs", "AuditLogs AADProvisioningLogs", _AUDIT),
    (
        "signinlogs",
        "SignInLogs NonInteractiveUserSignInLogs ServicePrincipalSignInLogs ManagedIdentitySignInLogs ADFSSignInLogs",
        "SigninLogs AADNonInteractiveUserSignInLogs AADServicePrincipalSignInLogs AADManagedIdentitySignInLogs ADFSSignInLogs",
        _SIGN_IN,
    ),
    (
        "riskdetection",
        "UserRiskEvents RiskyUsers ServicePrincipalRiskEvents RiskyServicePrincipals",
        "AADUserRiskEvents AADRiskyUsers AADServicePrincipalRiskEvents AADRiskyServicePrincipals",
        _RISK,
    ),
)
#: What the Graph API exports has no category; these fields are the mark.
_GRAPH: dict[str, tuple[Match, ...]] = {
    "auditlogs": (Match(DIRECTORY_AUDIT, ANY, ANY),),
    "signinlogs": (Match(SIGN_IN, ANY, ANY),),
    "riskdetection": (Match(RISK, ANY),),
}


def _azure(service: str, categories: str, tables: str, aliases: Aliases) -> EventClass:
    # An alert of Privileged Identity Management has the same one field that its rules test, riskEventType.
    services = (service, "pim") if service == "riskdetection" else (service,)
    matches = (
        *(Match(AZURE, category, ANY) for category in categories.split()),
        *(Match(TABLE, table) for table in tables.split()),
        *_GRAPH.get(service, ()),
    )
    return EventClass(f"azure/{service}", tuple(LogSource("azure", None, each) for each in services), matches, aliases)


def _workspace(application: str) -> EventClass:
    api, service = f"{application}.googleapis.com", f"google_workspace.{application}"
    matches = (Match(GCP, api), Match(GCP_EXPORT, api), Match(WORKSPACE_REPORT, application), Match(DATASET, service))
    sources = (LogSource("gcp", None, service), LogSource("gcp", None, "gcp.audit"))
    return EventClass(f"gcp/{service}", sources, matches, (*_GCP, *_WORKSPACE))


def _one(product: str, service: str, *matches: Match, aliases: Aliases = ()) -> EventClass:
    return EventClass(f"{product}/{service}", (LogSource(product, None, service),), matches, aliases)


CLASSES: tuple[EventClass, ...] = (
    _one("aws", "cloudtrail", Match(CLOUDTRAIL, ANY, ANY), Match(DATASET, "aws.cloudtrail"), aliases=_CLOUDTRAIL),
    *(_azure(*row) for row in _AZURE),
    EventClass(
        "m365/exchange",
        (LogSource("m365", None, "exchange"), LogSource("m365", None, "audit")),
        (Match(M365, "Exchange", ANY),),
        _UNIFIED,
    ),
    EventClass(
        "m365/threat_management",
        tuple(LogSource("m365", None, service) for service in ("threat_management", "threat_detection", "audit")),
        (Match(M365, "SecurityComplianceCenter", ANY), Match(M365, "ThreatIntelligence", ANY)),
        _UNIFIED,
    ),
    _one("m365", "audit", Match(M365, ANY, ANY), Match(TABLE, "OfficeActivity"), aliases=_UNIFIED),
    _workspace("admin"),
    _workspace("login"),
    _one("gcp", "gcp.audit", Match(GCP, ANY), Match(GCP_EXPORT, ANY), Match(DATASET, "gcp.audit"), aliases=_GCP),
    _one("okta", "okta", Match(OKTA, ANY, ANY)),
    _one("onelogin", "onelogin.events", Match(ONELOGIN, ANY)),
    _one("github", "audit", Match(GITHUB, ANY, ANY)),
    _one("bitbucket", "audit", Match(BITBUCKET, ANY)),
    EventClass("kubernetes/audit", (LogSource("kubernetes", "application", "audit"),), (Match(KUBERNETES, ANY, ANY),), _KUBERNETES),
    _one("cisco", "duo", Match(DUO, ANY, ANY)),
)
