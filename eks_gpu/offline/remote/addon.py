"""`eks.Addon` and `eks.VpcCniAddon`: add-ons of EKS."""

import json
from typing import Any

from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.remote.core import core_of
from eks_gpu.offline.wire import clear, opened, part
from eks_gpu_components.catalog.addons import VPC_CNI

ADDON = "aws:eks/addon:Addon"
_PASSED_ON = (
    *("addonName", "addonVersion", "preserve", "resolveConflictsOnCreate", "resolveConflictsOnUpdate"),
    *("serviceAccountRoleArn", "tags"),
)
OVERWRITE = {"resolveConflictsOnCreate": "OVERWRITE", "resolveConflictsOnUpdate": "OVERWRITE"}
# Argument of the VPC CNI -> the environment variable of its pods.
_ENV = {
    "nodePortSupport": "AWS_VPC_CNI_NODE_PORT_SUPPORT",
    "customNetworkConfig": "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
    "warmEniTarget": "WARM_ENI_TARGET",
    "warmIpTarget": "WARM_IP_TARGET",
    "warmPrefixTarget": "WARM_PREFIX_TARGET",
    "enablePrefixDelegation": "ENABLE_PREFIX_DELEGATION",
    "logLevel": "AWS_VPC_K8S_CNI_LOGLEVEL",
    "logFile": "AWS_VPC_K8S_CNI_LOG_FILE",
    "vethPrefix": "AWS_VPC_K8S_CNI_VETHPREFIX",
    "eniMtu": "AWS_VPC_ENI_MTU",
    "eniConfigLabelDef": "ENI_CONFIG_LABEL_DEF",
    "pluginLogLevel": "AWS_VPC_K8S_PLUGIN_LOG_LEVEL",
    "pluginLogFile": "AWS_VPC_K8S_PLUGIN_LOG_FILE",
    "enablePodEni": "ENABLE_POD_ENI",
    "cniConfigureRpfilter": "AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER",
    "cniCustomNetworkCfg": "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
    "externalSnat": "AWS_VPC_K8S_CNI_EXTERNALSNAT",
    "cniExternalSnat": "AWS_VPC_K8S_CNI_EXTERNALSNAT",
}
_ENV_DEFAULTS = {
    "WARM_ENI_TARGET": "1",
    "AWS_VPC_K8S_CNI_LOGLEVEL": "DEBUG",
    "AWS_VPC_K8S_CNI_LOG_FILE": "/host/var/log/aws-routed-eni/ipamd.log",
    "AWS_VPC_K8S_CNI_VETHPREFIX": "eni",
    "AWS_VPC_ENI_MTU": "9001",
    "AWS_VPC_K8S_PLUGIN_LOG_LEVEL": "DEBUG",
    "AWS_VPC_K8S_PLUGIN_LOG_FILE": "/var/log/aws-routed-eni/plugin.log",
    "ENABLE_POD_ENI": "false",
    "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "false",
    "AWS_VPC_K8S_CNI_EXTERNALSNAT": "false",
}


def addon(it: Construction) -> Properties:
    """The add-on of a component's name."""
    args = it.inputs
    values = args.get("configurationValues")
    it.make(
        ADDON,
        it.name,
        {
            **{key: args.get(key) for key in _PASSED_ON},
            "clusterName": core_of(it).of_cluster("name"),
            "configurationValues": None if values is None else as_json(values),
        },
    )
    return {}


def vpc_cni_addon(it: Construction) -> Properties:
    """The add-on of a component's name."""
    make_vpc_cni(it, it.inputs, None)
    return {}


def make_vpc_cni(it: Construction, args: Properties, home: Made | None) -> Made:
    """The VPC CNI, under a component of its own where `eks.Cluster` makes it."""
    name = f"{it.name}-vpc-cni" if home else it.name
    version = args.get("addonVersion") or newest(it, VPC_CNI, args.get("clusterVersion"))
    return it.make(
        ADDON,
        name,
        {
            "clusterName": args.get("clusterName"),
            "addonName": VPC_CNI,
            "addonVersion": version,
            "preserve": True,
            **conflicts(args),
            "configurationValues": _json(_cni_values(args)),
            "serviceAccountRoleArn": args.get("serviceAccountRoleArn"),
            "tags": args.get("tags"),
        },
        parent=home,
    )


def newest(it: Construction, name: str, kubernetes: Any) -> Any:
    """The newest version of an add-on; None where no offline run knows it."""
    args = {"addonName": name, "kubernetesVersion": clear(kubernetes), "mostRecent": True}
    found = it.ask("aws:eks/getAddonVersion:getAddonVersion", args)
    return found.get("version") if found else None


def conflicts(args: Properties) -> Properties:
    """What becomes of settings that a self-managed add-on had before."""
    return {key: args.get(key) or default for key, default in OVERWRITE.items()}


def as_json(values: Any) -> str:
    """The configuration of an add-on, in which secrets stay hidden."""
    values = clear(opened(values))
    return values if isinstance(values, str) else _json(values)


def _json(values: Any) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _cni_values(args: Properties) -> Properties:
    given = {name: _text(args[key]) for key, name in _ENV.items() if opened(args.get(key))}
    env = {**_ENV_DEFAULTS, **given}
    if opened(args.get("warmEniTarget")) is not None:  # 0 is a number of interfaces too
        env["WARM_ENI_TARGET"] = _text(args["warmEniTarget"])
    values = dict(clear(part(args, "configurationValues")))
    if "enableNetworkPolicy" not in values and args.get("enableNetworkPolicy") is not None:
        values["enableNetworkPolicy"] = _text(args["enableNetworkPolicy"])
    early_demux = {"DISABLE_TCP_EARLY_DEMUX": "true" if opened(args.get("disableTcpEarlyDemux")) is True else "false"}
    init = dict(part(values, "init"))
    init["env"] = {**early_demux, **part(init, "env")}
    return {**values, "env": {**env, **part(values, "env")}, "init": init}


def _text(value: Any) -> str:
    value = clear(opened(value))
    return str(value).lower() if isinstance(value, bool) else str(value)
