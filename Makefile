# `make plan`: from a clone to the plan of stack dev. `make test`: every fast test. Both make .venv on the way.

PYTHON ?= python3
STACK  ?= dev
BIN    := .venv/bin

.PHONY: plan test e2e benchmark lock clean help

help:
	@echo "make plan [STACK=dev]   what the stack builds, admits and costs; no cloud account"
	@echo "make test               lint, types and every fast test"
	@echo "make e2e                the slow ones: a real model, exported, served and asked"
	@echo "make benchmark          timings as ratios"
	@echo "make lock               resolve the pinned requirements anew"

plan: .venv/plan.stamp
	@$(BIN)/eks-gpu plan --stack $(STACK)

test: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/pytest -n 2 --dist worksteal

e2e: .venv/test.stamp
	@tools/resnet_environment $(PYTHON)
	$(BIN)/pytest tests/e2e

benchmark: .venv/test.stamp
	$(BIN)/python -m benchmarks

.venv/plan.stamp: requirements/plan.txt pyproject.toml
	@tools/environment plan $(PYTHON)

.venv/test.stamp: requirements/test.txt pyproject.toml
	@tools/environment test $(PYTHON)

# Pins with hashes and no index: wherever they are installed from, they are the same files.
lock: .venv/test.stamp
	$(BIN)/python tools/lock.py

clean:
	rm -rf .venv .venv-resnet build *.egg-info
