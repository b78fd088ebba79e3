"""Pulumi YAML: its own language host interprets the program, and is told the providers' schemas by us."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc
from pulumi.runtime.proto.codegen import loader_pb2

from eks_gpu.io.documents import PULUMI, plain, read_map
from eks_gpu.io.problems import InputError
from eks_gpu.offline.lab_programs import program
from eks_gpu.offline.languages.schemas import Named, schema
from eks_gpu.offline.languages.started import ORGANIZATION, PARALLEL, Ended, Start, without_color

HOST, GROUP = "pulumi-language-yaml", "yaml"
_FILES = ("Main.json", "Main.yaml", "Pulumi.yaml", "Pulumi.yml")
_WHERE = re.compile(r"^\s*on (?P<file>.+?) line (?P<line>\d+)(?:, .*)?:$")
_PLACED = re.compile(r"^(?P<file>[^\s:]+):(?P<line>\d+),[\d,-]+: ")
_BLOCKS = re.compile(r"\n(?=(?:Error|Warning): )")


def started(start: Start, log: list[tuple[str, str]]) -> Ended:
    """Runs the program. Raises InputError where the language host is missing, and TimeoutError."""
    if (host := program(HOST, GROUP)) is None:
        raise InputError(
            f"{HOST}: not found on PATH; a yaml project needs it to run offline. It comes with the Pulumi CLI, or "
            f"`python -m eks_gpu.lab.toolchain {HOST}` builds it with Go"
        )
    file = next((file for name in _FILES if (file := start.folder / name).exists()), None)
    if file is None:
        raise InputError(f"{start.folder / 'Main.yaml'}: no such file; the project's program is needed")
    template = plain(read_map(file, PULUMI))
    options = struct_pb2.Struct()
    options.update(start.options)
    with _loader(template) as loader, _host(host, start) as (channel, said):
        request = language_pb2.RunRequest(
            project=start.project,
            stack=start.stack,
            pwd=str(start.folder),
            program=".",
            config=start.config,
            configSecretKeys=start.secret_keys,
            dryRun=start.dry_run,
            parallel=PARALLEL,
            monitor_address=start.address,
            organization=ORGANIZATION,
            loader_target=loader,
            info=language_pb2.ProgramInfo(
                root_directory=str(start.root),
                program_directory=str(start.folder),
                entry_point=start.entry,
                options=options,
            ),
        )
        try:
            answer = language_pb2_grpc.LanguageRuntimeStub(channel).Run(request, timeout=start.timeout_s)
            failed, error = bool(answer.error) or answer.bail, str(answer.error)
        except grpc.RpcError as refused:
            status: Any = refused
            if status.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError from None
            failed, error = True, str(status.details())
    read = frozenset(_read(template, start.project))
    errors = [told for severity, told in log if severity == "error"]
    if not failed and not errors:
        sys.stderr.write("".join(said))
        return Ended(read=read)
    why = [*problems("".join(said)), *(line for told in errors for line in problems(without_color(told)))]
    why = why or [*problems(error)] or ["the program failed without a word"]
    return Ended(tuple(dict.fromkeys(why)), read)


@contextmanager
def _host(path: str, start: Start) -> Iterator[tuple[Any, list[str]]]:
    """A channel to the language host, and what it says on stderr, complete once it has ended."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
    said: list[str] = []
    process = subprocess.Popen(
        [path, start.address],
        cwd=start.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout and process.stderr
    with process, ThreadPoolExecutor(1) as reader:
        whole = reader.submit(process.stderr.read)
        try:
            port = process.stdout.readline().strip()
            if not port.isdigit():
                raise InputError(f"{path}: is no language host of Pulumi: it told no port")
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield channel, said
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            said.append(whole.result())


@contextmanager
def _loader(template: Mapping[str, Any]) -> Iterator[str]:
    """Address of a service that has the schemas which the program needs."""
    resources, functions = named(template)

    def get(request: Any, context: Any) -> Any:
        made = schema(request.package, resources, functions)
        return loader_pb2.GetSchemaResponse(schema=json.dumps(made).encode())

    handler = grpc.unary_unary_rpc_method_handler(
        get,
        request_deserializer=loader_pb2.GetSchemaRequest.FromString,
        response_serializer=loader_pb2.GetSchemaResponse.SerializeToString,
    )
    pool = ThreadPoolExecutor(4)
    server = grpc.server(pool)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("codegen.Loader", {"GetSchema": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
        pool.shutdown(wait=False)


def named(template: Mapping[str, Any]) -> tuple[Named, Named]:
    """Types of resources and functions that a program names, each with the properties that it sets and reads."""
    text = json.dumps(template)
    resources: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for name, each in (template.get("resources") or {}).items():
        if isinstance(each, dict) and isinstance(each.get("type"), str):
            read = frozenset(re.findall(rf"\$\{{\s*{re.escape(str(name))}\.(\w+)", text))
            given = each.get("properties") or (each.get("get") or {}).get("state") or {}
            before = resources.get(each["type"], (frozenset(), frozenset()))
            keys = frozenset(map(str, given)) if isinstance(given, dict) else frozenset()
            resources[each["type"]] = (before[0] | keys, before[1] | read)
    functions: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for token, arguments, read in _calls(template):
        before = functions.get(token, (frozenset(), frozenset()))
        functions[token] = (before[0] | arguments, before[1] | read)
    return resources, functions


def _calls(value: Any) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """Functions that a program calls: token, arguments, and the result that it returns, where it names one."""
    if isinstance(value, list):
        for item in value:
            yield from _calls(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key.lower() == "fn::invoke" and isinstance(item, dict):
            wanted = item.get("return")
            arguments = item.get("arguments") or {}
            yield str(item.get("function")), frozenset(arguments), frozenset([wanted] if wanted else [])
        elif key.startswith("fn::") and ":" in key[4:] and isinstance(item, dict):
            yield key[4:], frozenset(item.get("arguments", item)), frozenset()
        yield from _calls(item)


def _read(template: Mapping[str, Any], project: str) -> Iterator[str]:
    """Keys of the configuration that the program declares, or has in an expression."""
    text = json.dumps({key: item for key, item in template.items() if key != "config"})
    declared = [*(template.get("config") or {}), *(template.get("configuration") or {})]
    for name in {*map(str, declared), *re.findall(r"\$\{\s*([\w:-]+)", text)}:
        yield name if ":" in name else f"{project}:{name}"


def problems(said: str) -> Iterator[str]:
    """Errors of the language as `Pulumi.yaml:12: summary; detail`, a line each."""
    for block in _BLOCKS.split(without_color(said).strip()):
        if block.startswith("Warning: ") or not block:
            continue
        place, told = "", list[str]()
        for line in block.removeprefix("Error: ").splitlines():
            if where := _WHERE.match(line):
                place = f"{Path(where['file']).name}:{where['line']}: "
            elif line.strip() and not re.match(r"^\s*\d+: ", line):
                told.append(line.strip())
        yield _PLACED.sub(r"\g<file>:\g<line>: ", f"{place}{'; '.join(told)}").removesuffix(";").replace(":; ", ": ")
