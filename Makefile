# `make plan`: from a clone to the plan of stack dev. `make test`: every fast test. Both make .venv on the way. Tests judge
# the files that git tracks, and stacks as they are in the last commit.

PYTHON ?= python3
STACK  ?= dev
BIN    := .venv/bin

# Tests start Python hundreds of times. What it has compiled is kept, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: plan test e2e lab replays packing faults mutants benchmark pages lock site clean help

help:
	@echo "make plan [STACK=dev]   what the stack builds, admits and costs; no cloud account"
	@echo "make test               lint, types and every fast test"
	@echo "make e2e                the slow ones: a real model; the real engine and controllers; malformed documents; 20 minutes"
	@echo "make lab [PROJECT=...]  a project on the real engine and controllers, on this machine"
	@echo "make replays [REPEAT=n] of these the whole systems against the real controllers, n times in a row, and further ones"
	@echo "make packing [SEEDS=10] what Karpenter buys for so many mixes of pods; 7 minutes each"
	@echo "make faults             of these the real engine killed, refused and locked"
	@echo "make mutants            healthy plans broken in every way, and how many of them the checks see"
	@echo "make benchmark          timings as ratios; the last of a cluster of 1,000 nodes in the lab"
	@echo "make pages              the generated parts of docs/ written anew; make test fails on stale ones"
	@echo "make site               docs/ as a static site in build/site, made offline, with search"
	@echo "make lock               resolve the pinned requirements anew"

plan: .venv/plan.stamp
	@$(BIN)/eks-gpu plan --stack $(STACK)

test: .venv/test.stamp
	$(BIN)/pytest -n 2 --dist worksteal

# Replays wait more than they work, so there are more of them at once than cores. Go's programs, half of the work, collect
# garbage less often than by default.
WORKERS ?= 3
E2E := GOGC=300 $(BIN)/pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

e2e: .venv/test.stamp
	@tools/resnet_environment $(PYTHON)
	@$(BIN)/python -m eks_gpu.lab.toolchain >/dev/null
	@$(BIN)/python -m eks_gpu.lab.toolchain pulumi-language-yaml >/dev/null
	$(E2E) tests/e2e

PROJECT ?= examples/karpenter-inference
lab: .venv/test.stamp
	@$(BIN)/eks-gpu lab status >/dev/null 2>&1 || $(BIN)/eks-gpu lab up
	@$(BIN)/eks-gpu lab apply $(PROJECT)

REPEAT ?= 1
REPLAYS := $(addprefix tests/e2e/test_,lab_replays.py lab_gangs.py lab_queues.py lab_several_nodes.py lab_metrics.py rules.py)
replays: .venv/test.stamp
	@$(BIN)/python -m eks_gpu.lab.toolchain --further >/dev/null
	@for run in $$(seq $(REPEAT)); do echo "run $$run of $(REPEAT)"; EKS_GPU_LONG=1 $(E2E) $(REPLAYS) || exit; done

SEEDS ?= 10
packing: .venv/test.stamp
	$(BIN)/python -m benchmarks.packing $(SEEDS)

faults: .venv/test.stamp
	$(E2E) tests/e2e/test_lab_faults.py

mutants: .venv/test.stamp
	$(BIN)/python -m mutants

benchmark: .venv/test.stamp
	$(BIN)/python -m benchmarks
	@$(BIN)/python -m eks_gpu.lab.toolchain >/dev/null
	$(BIN)/python -m benchmarks.live

pages: .venv/test.stamp
	$(BIN)/python -m tools.pages

site: .venv/test.stamp
	@$(BIN)/python -m tools.website

.venv/plan.stamp: requirements/plan.txt pyproject.toml
	@tools/environment plan $(PYTHON)

.venv/test.stamp: requirements/test.txt requirements/policy.txt pyproject.toml
	@tools/policy_environment $(PYTHON) & tools/environment test $(PYTHON); made=$$?; wait $$! && exit $$made
	@touch $@

# Pins with hashes and no index: wherever they are installed from, they are the same files.
lock: .venv/test.stamp
	$(BIN)/python tools/lock.py

clean:
	rm -rf .venv .venv-resnet policy/.venv build *.egg-info
