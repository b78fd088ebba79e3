"""What AWS and Kubernetes' provider answer when a program looks something up, by token."""

import ipaddress
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eks_gpu.io.documents import parse, plain
from eks_gpu.io.problems import InputError
from eks_gpu.offline.account import ACCOUNT, Account, Properties, digest, shown, unanswered
from eks_gpu.offline.default_vpc import CIDR, default_vpc, of_default_vpc, zone_of
from eks_gpu_components.catalog import DEFAULT_KUBERNETES, stand_ins, zones


def _availability_zones(account: Account, args: Properties) -> Properties:
    account.assumed.add("zone names: an account may give the same name to another zone id")
    return stand_ins.availability_zones(account.region, args)


def _caller_identity(account: Account, args: Properties) -> Properties:
    account.assumed.add(f"account {ACCOUNT}")
    return stand_ins.caller_identity(account.region, args)


def _region(account: Account, args: Properties) -> Properties:
    return stand_ins.region_facts(account.region, args)


def _partition(account: Account, args: Properties) -> Properties:
    return stand_ins.partition_facts(account.region, args)


def _ssm_parameter(account: Account, args: Properties) -> Properties:
    name = str(args.get("name", ""))
    if not name.startswith(stand_ins.SSM_PARAMETERS_OF_AWS):
        raise unanswered("aws:ssm/getParameter:getParameter", f"the SSM parameter {name}", args)
    account.assumed.add("images and their releases: only AWS knows the newest one of an SSM parameter")
    return stand_ins.ssm_parameter(account.region, args)


def _log_groups(account: Account, args: Properties) -> Properties:
    prefix = str(args.get("logGroupNamePrefix", ""))
    account.assumed.add(f"log groups: none is there whose name begins with {prefix or 'anything'}")
    return stand_ins.no_log_groups(account.region, args)


def _policy_document(_: Account, args: Properties) -> Properties:
    """The JSON that the provider builds of typed statements; one value is a string, several are a list."""
    statements = [_statement(statement) for statement in args.get("statements", ())]
    for source in args.get("sourcePolicyDocuments", ()):
        statements = [*json.loads(source).get("Statement", ()), *statements]
    document = {"Version": args.get("version", "2012-10-17"), "Statement": statements}
    if "policyId" in args:
        document["Id"] = args["policyId"]
    text = json.dumps(document)
    return {"id": digest(text), "json": text, "minifiedJson": text, **args}


def _statement(statement: Properties) -> dict[str, Any]:
    def short(values: list[str]) -> Any:
        return values[0] if len(values) == 1 else values

    out: dict[str, Any] = {"Effect": statement.get("effect", "Allow")}
    if sid := statement.get("sid"):
        out["Sid"] = sid
    for wire, key in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if statement.get(wire):
            out[key] = short(statement[wire])
    for wire, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if statement.get(wire):
            everyone = statement[wire] == [{"type": "*", "identifiers": ["*"]}]
            out[key] = "*" if everyone else {item["type"]: short(item["identifiers"]) for item in statement[wire]}
    conditions: dict[str, dict[str, Any]] = {}
    for condition in statement.get("conditions", ()):
        conditions.setdefault(condition["test"], {})[condition["variable"]] = short(condition["values"])
    return {**out, "Condition": conditions} if conditions else out


def _cluster(account: Account, args: Properties) -> Properties:
    name = str(args.get("name", ""))
    account.assumed.add(f"cluster {name}: Kubernetes {DEFAULT_KUBERNETES}, its endpoint, certificate and network")
    return stand_ins.found_cluster(account.region, args)


def _cluster_auth(_: Account, args: Properties) -> Properties:
    return {"id": args.get("name", ""), "name": args.get("name", ""), "token": "offline"}


def _by(args: Properties) -> str:
    told = shown(args)
    return f" by {told}" if told else ""


def _vpc(account: Account, args: Properties) -> Properties:
    if args.get("default") is True and args.keys() <= {"default", "region"}:
        vpc, _ = default_vpc(account)
        return {"id": vpc, "cidrBlock": CIDR, "arn": account.arn("ec2", f"vpc/{vpc}"), "default": True}
    if "id" not in args:
        raise unanswered("aws:ec2/getVpc:getVpc", f"a VPC{_by(args)}", args)
    account.assumed.add(f"VPC {args['id']}: its address range")
    return {
        "id": args["id"],
        "cidrBlock": str(ipaddress.ip_network("10.0.0.0/16")),
        "arn": account.arn("ec2", f"vpc/{args['id']}"),
    }


def _subnets(account: Account, args: Properties) -> Properties:
    if not of_default_vpc(account, args):
        raise unanswered("aws:ec2/getSubnets:getSubnets", f"subnets{_by(args)}", args)
    return {"id": account.region, "ids": default_vpc(account)[1], **args}


def _subnet(account: Account, args: Properties) -> Properties:
    zone = zone_of(account, args.get("id"))
    if not zone:
        raise unanswered("aws:ec2/getSubnet:getSubnet", f"a subnet{_by(args)}", args)
    vpc, _ = default_vpc(account)
    ids = {found.name: found.id for found in zones(account.region)}
    return {"id": args["id"], "vpcId": vpc, "availabilityZone": zone, "availabilityZoneId": ids[zone]}


def _yaml_objects(_: Account, args: Properties) -> Properties:
    text = str(args.get("text", ""))
    try:
        documents = parse(text, "YAML of a yaml.ConfigFile or ConfigGroup")
    except InputError:
        documents = parse(text, file_of(text))  # the same error, with the file
    return {"result": [plain(item) for item in documents if item]}


def file_of(text: str) -> str:
    """The YAML file of the project that has this text, by its path: the SDK hands over the text alone."""
    for folder, folders, files in os.walk("."):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _NOT_THE_PROJECTS)
        for name in sorted(files):
            file = Path(folder, name)
            if file.suffix in _YAML and _has(file, text):
                return str(file)
    return "YAML of a yaml.ConfigFile or ConfigGroup"


_YAML = (".yaml", ".yml", ".json")
_NOT_THE_PROJECTS = ("node_modules", "venv", "site-packages", "__pycache__")


def _has(file: Path, text: str) -> bool:
    try:
        return file.stat().st_size <= 4 * len(text) + 4 and file.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False


INVOKES: dict[str, Callable[[Account, Properties], Properties]] = {
    "aws:cloudwatch/getLogGroups:getLogGroups": _log_groups,
    "aws:ec2/getSubnet:getSubnet": _subnet,
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:eks/getCluster:getCluster": _cluster,
    "aws:eks/getClusterAuth:getClusterAuth": _cluster_auth,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:ssm/getParameter:getParameter": _ssm_parameter,
    "kubernetes:yaml:decode": _yaml_objects,
}
