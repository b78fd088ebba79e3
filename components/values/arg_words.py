"""Types of the args that take one of a few words. To Python and to the schema for other languages they are strings.

Type checkers read `arg_words.pyi`, which has the words.
"""

AcceleratorArg = str
AccessPolicyArg = str
ArchitectureArg = str
AutoscalerExpanderArg = str
BackendArg = str
BuiltInPoolArg = str
CapacityTypeArg = str
ControlPlaneLogArg = str
DcgmExporterArg = str
DevicesArg = str
KvCacheFormatArg = str
KueueIntegrationArg = str
LoadBalancerControllerArg = str
MigStrategyArg = str
NatArg = str
NodeImageArg = str
OperatorImageArg = str
QuotaReclaimArg = str
ReservationKindArg = str
SharingStrategyArg = str
SmokeTestBackendArg = str
TaintEffectArg = str
VersionSupportArg = str
WeightFormatArg = str
