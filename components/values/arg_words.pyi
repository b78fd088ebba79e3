# What type checkers read in place of arg_words.py: the words that each argument takes. An enum's words stand here once
# more, because a type checker takes no list of them from the enum, and a test compares.
from typing import Literal

from . import words
from ..catalog import CapacityType, scheduling
from ..nodes.node_group import Backend
from ..vpc.network_layout import Nat

AcceleratorArg = words.AcceleratorKind
AccessPolicyArg = Literal[
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
]
ArchitectureArg = words.Architecture
AutoscalerExpanderArg = words.AutoscalerExpander
BackendArg = Backend | Literal["managed-node-group", "auto-scaling-group"]
BuiltInPoolArg = words.BuiltInPool
CapacityTypeArg = CapacityType | Literal["reserved", "spot", "on-demand"]
ControlPlaneLogArg = words.ControlPlaneLog
DcgmExporterArg = words.DcgmExporter
DevicesArg = words.Devices
KvCacheFormatArg = words.KvCacheFormat
KueueIntegrationArg = words.KueueIntegration
LoadBalancerControllerArg = words.LoadBalancerController
MigStrategyArg = words.MigStrategy
NatArg = Nat | Literal["none", "single", "per-zone"]
NodeImageArg = words.NodeImage
OperatorImageArg = words.OperatorImage
QuotaReclaimArg = words.QuotaReclaim
ReservationKindArg = words.ReservationKind
SharingStrategyArg = words.SharingStrategy
SmokeTestBackendArg = words.SmokeTestBackend
TaintEffectArg = scheduling.TaintEffect
VersionSupportArg = words.VersionSupport
WeightFormatArg = words.WeightFormat
