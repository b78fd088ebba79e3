"""A language host for Node.js, as small as the engine lets it be: Pulumi's own is no module that Go could build.

The engine starts it as `pulumi-language-nodejs ENGINE_ADDRESS`.
"""

# ruff: noqa: N802  # the protocol's own names

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from eks_gpu.lab.toolchain import toolchain

SAID_ALREADY = 32
"""Exit code of a program whose error the engine has heard."""


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    def __init__(self, engine: str):
        self.engine = engine

    def Handshake(self, request: Any, context: Any) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="0.0.1")

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        return language_pb2.GetRequiredPackagesResponse()

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        return language_pb2.GetProgramDependenciesResponse()

    def InstallDependencies(self, request: Any, context: Any) -> Any:
        yield language_pb2.InstallDependenciesResponse()

    def About(self, request: Any, context: Any) -> Any:
        return language_pb2.AboutResponse()

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GeneratePackage(self, request: Any, context: Any) -> Any:
        """Writes an SDK, for `pulumi package add`."""
        folder = Path(request.directory)
        folder.mkdir(parents=True, exist_ok=True)
        schema = folder.with_suffix(".json")
        schema.write_text(request.schema)
        tool = toolchain(["package-sdk"])["package-sdk"]
        subprocess.run([tool, "nodejs", schema, folder], check=True, stdout=sys.stderr)
        return language_pb2.GeneratePackageResponse()

    def Link(self, request: Any, context: Any) -> Any:
        return language_pb2.LinkResponse(import_instructions="import * as eksGpu")

    def Run(self, request: Any, context: Any) -> Any:
        command = [
            *("node", "node_modules/@pulumi/pulumi/cmd/run", "--monitor", request.monitor_address),
            *("--engine", self.engine, "--project", request.project, "--stack", request.stack),
            *("--organization", request.organization, "--root-directory", request.info.root_directory),
            *("--pwd", request.info.program_directory, "--parallel", str(request.parallel)),
            *(["--dry-run"] if request.dryRun else []),
            request.info.entry_point or ".",
        ]
        env = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        env |= {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps([*request.configSecretKeys]),
            "PULUMI_NODEJS_TYPESCRIPT": "true",
            "PULUMI_NODEJS_TRANSPILE_ONLY": "true",
        }
        ran = subprocess.run(
            command, cwd=request.info.program_directory, env=env, stdout=sys.stderr, stderr=subprocess.PIPE, text=True
        )
        said = "" if ran.returncode in (0, SAID_ALREADY) else ran.stderr or f"exit code {ran.returncode}"
        return language_pb2.RunResponse(error=said, bail=ran.returncode == SAID_ALREADY)


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 400 << 20)])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(sys.argv[-1]), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(None)


if __name__ == "__main__":
    main()
