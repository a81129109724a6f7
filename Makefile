# Wince: `make help` lists the targets. Needs make and Python 3.11 to 3.13 with venv; everything else goes into .venv.

PYTHON ?= python3
ARGS ?=
PYTEST_ARGS ?= -n 3 --dist loadfile
CORPUS ?= var/corpus
OUT ?= var/scorer

VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
# Where this is set, each of the hundreds of processes that the suite starts compiles Wince from its sources: half a second of 1.5.
export PYTHONDONTWRITEBYTECODE :=

# Stamps carry the hash of what they were made from, so that a second `make` costs no time and a changed lock installs.
key = $(firstword $(shell cat $(1) | sha256sum))
STAMPS := $(VENV)/.stamps
HERE := $(STAMPS)/$(firstword $(shell printf '%s' "$(CURDIR)" | sha256sum)).here
BASE := $(STAMPS)/base-$(call key,requirements/base.txt)
DEV := $(STAMPS)/dev-$(call key,requirements/dev.txt)
PACKAGE := $(STAMPS)/package-$(call key,pyproject.toml services/wince/version.py)
SERVING := $(VENV)-serving/$(call key,requirements/serving.txt)-$(notdir $(HERE))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# $(call timed,name,command): run it, say how long it took, keep its exit status.
timed = start=$$SECONDS; status=0; { $(2); } || status=$$?; echo "== $(1): $$((SECONDS - start)) s"; exit $$status

.DEFAULT_GOAL := help
.PHONY: help run images images-lock images-sbom imaging anchors screenshots sbom audit first-run chaos test check long lint types proto released docs serving chaos-kafka chaos-ehr storm kube-tools fuzz bench train-scorer clean lock dev apt
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(BASE) $(PACKAGE) ## three beds on this machine, from bundled clips to a verified audit trail (ARGS="--help")
	@exec requirements/run.sh $(BIN)/python -m wince.cli.main run $(ARGS)  # pip's script fails where a quotation mark is in the path

imaging: ## install the extra of that name: DICOM in, reports to an image archive

anchors: ## install the extra of that name: a bucket or a timestamp authority as second places of the audit trail

imaging anchors: $(BASE) $(PACKAGE)
	@echo "installing requirements/$@.txt"
	@$(PIP) install --no-deps --require-hashes -r requirements/$@.txt

test: apt dev serving ## everything: lint, types, the whole test suite with real peers (PYTEST_ARGS="-k grade")
	@$(BIN)/python -m tests.fetch_peers & peers=$$!; $(MAKE) lint types || { kill $$peers; exit 1; }; wait $$peers
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: dev ## the fast part of the same, below three minutes: no slow tests, no peers
	@$(MAKE) lint types
	@$(BIN)/python -m pytest -m "not slow and not peer" $(PYTEST_ARGS)

lint: dev ## ruff, the layers (import-linter), the protos (buf: style, and nothing that breaks clients of the last release)
	@$(call timed,ruff,$(BIN)/ruff check)
	@$(call timed,layers,$(BIN)/lint-imports)
	@$(call timed,protos,$(BIN)/buf lint && $(BIN)/buf format --diff --exit-code && $(BIN)/buf breaking --against protos/released.binpb)

types: dev ## mypy, strict
	@$(call timed,mypy,$(BIN)/mypy)

proto: dev ## generate services/wince/api from protos/, docs/reference/asyncapi.yaml from topics and protos
	@$(BIN)/buf format --write
	@$(BIN)/python protos/generate.py
	@$(BIN)/python -m wince.bus.asyncapi docs/reference/asyncapi.yaml

released: dev ## at a release: keep the protos as they are in protos/released.binpb, so that `make lint` refuses what would break their clients
	@$(BIN)/buf build --exclude-source-info -o protos/released.binpb

docs: dev ## generate what the code knows of docs/reference: settings, commands, exit codes, Python, CSV, JSON, FHIR, DICOM SR, HL7 events; the hazard log; wince.example.toml; of the Helm chart its schema, README and dashboard
	@mkdir -p docs/reference
	@$(BIN)/wince config reference > docs/reference/settings.md
	@$(BIN)/wince config example > wince.example.toml
	@$(BIN)/python -m wince.hospital.triggers docs/reference/hl7.md
	@$(BIN)/python -m wince.rpc.rights docs/reference/grpc.md
	@$(BIN)/python -m wince.delivery.fhir.guide.pages docs/reference/fhir.md
	@$(BIN)/python -m wince.delivery.sr.guide docs/reference/dicom-sr.md
	@$(BIN)/python -m wince.delivery.oru.page docs/reference/oru.md
	@$(BIN)/python -m wince.pipeline.capture.studies.statement docs/reference/dicom-conformance.md
	@$(BIN)/python -m wince.serve.retention_page docs/reference/retention.md
	@$(BIN)/python -m wince.cli.reference docs/reference/cli.md
	@$(BIN)/python -m wince.cli.exit_codes docs/reference/exit-codes.md
	@$(BIN)/python protos/statuses.py docs/reference/grpc.md
	@$(BIN)/python -m wince.cli.protocol_keys docs/reference/protocol-keys.md
	@$(BIN)/python -m wince.assess.result.fields docs/reference/csv.md docs/reference/json.md
	@$(BIN)/python -m wince.assess.python_page docs/reference/python.md
	@$(BIN)/python requirements/sbom.py --page docs/reference/licences.md
	@$(BIN)/python -m charts.tool charts/wince
	@$(BIN)/python safety/hazards.py docs/explanation/hazards.md

sbom: dev serving ## bills of materials (CycloneDX) of the base, each extra and TorchServe, with the libraries inside wheels and jars: dist/sbom
	@$(BIN)/python requirements/sbom.py dist/sbom

images: dev ## container images of every component without a container engine, as an OCI layout in dist/images; root, on Debian (ARGS="--component care")
	@$(BIN)/python -m images.build $(ARGS)

images-sbom: images ## a bill of materials (CycloneDX) and a list of licences for each image: dist/images-sbom
	@$(BIN)/python -m images.sbom dist/images-sbom

images-lock: dev ## Debian's packages of the images by version, as the mirror has them now: images/debian*.lock
	@$(BIN)/python -m images.build --lock

audit: dev serving ## licences and known weaknesses of what is installed: what nobody looked at, and what has to be looked at again
	@$(BIN)/python requirements/sbom.py --check

screenshots: dev ## the pictures of reports in docs/images, from the drawn clips that ship (needs chromium and poppler-utils)
	@$(BIN)/python -m tests.support.screenshots docs/images

serving: $(SERVING) ## the environment of TorchServe's own processes, .venv-serving

long: apt dev serving ## what make test leaves out: 50 rounds of chaos, 20 of chaos-kafka, 500 ADT storms, 200 mixed records, 1,000 tamperings, whatever is marked `long` (an hour)
	@$(BIN)/python -m pytest -m long -s -n 0 $(ARGS)

kube-tools: dev ## build what the chart is tried with, once: Helm 3 and 4, kubectl, a Kubernetes control plane with fake nodes; schemas of custom resources
	@$(BIN)/python -m tests.fetch_peers crds helm3 helm4 kube kube-score strimzi

storm: dev ## a hospital, its ADT feed and its cameras at random, against an oracle: what the record says wrongly, what it lacks (STORMS=200)
	@WINCE_STORM=$(or $(STORMS),200) $(BIN)/python -m pytest tests/e2e/storm -q -n 0

chaos-kafka: dev ## three brokers killed, frozen, wiped at random under load (ROUNDS=20)
	@ROUNDS=$(or $(ROUNDS),20) $(BIN)/python -m pytest tests/integration/test_kafka_chaos.py -m long -s -q -n 0

chaos-ehr: dev ## three record replicas into an EHR that spoils a fifth of all requests: what was lost, what doubled (WRITES=10000)
	@exec $(BIN)/python -m tests.e2e.ehr_chaos --writes $(or $(WRITES),10000)

fuzz: dev ## 100,000 spoilt inputs of each kind: MLLP bytes, HL7 messages, a FHIR server's answers, protocol and settings files, records on every topic, calls of every RPC, videos and pictures, model files (CASES=n, ARGS="hl7"); the suite has the first 2,000, or fewer where a case is dear
	@exec $(BIN)/python -m tests.fuzz --cases $(or $(CASES),100000) $(ARGS)

bench: dev ## measure against rivals and floors; a table, and bench/out/bench.json (ARGS="decode record")
	@$(BIN)/python -m bench $(ARGS)

chaos: apt dev serving ## kill -9 of any process of a running installation, again and again: what was lost, what doubled (ROUNDS=200)
	@exec $(BIN)/python -m tests.e2e.chaos --rounds $(or $(ROUNDS),200)

first-run: ## make run in fresh clones: root's private home, a normal user, a read-only home, odd paths, Python 3.11 to 3.13 (CASES="...")
	@exec $(PYTHON) -m tests.e2e.first_run $(CASES)

train-scorer: dev ## draw what the corpus lacks, train the default scorer, measure it (CORPUS=, OUT=; WINCE_HEAD_DATA; extra `train`; hours)
	@$(BIN)/python -c 'import torch' 2>/dev/null || { echo 'needs torch: $(BIN)/pip install -e ".[train]"'; exit 1; }
	@$(BIN)/wince lab corpus "$(CORPUS)"
	@$(BIN)/wince lab train scorer "$(CORPUS)" "$(OUT)/work" "$(OUT)/ensemble"
	@$(BIN)/wince lab evaluate scorer "$(CORPUS)" "$(OUT)/report" --ensemble "$(OUT)/ensemble"

clean: ## remove what was built: the environment, caches, benchmark results; patient data and keys stay
	rm -rf $(VENV) $(VENV)-lock $(VENV)-serving .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build bench/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## resolve pyproject.toml again into requirements/*.txt, every file by its hash
	@test -x $(VENV)-lock/bin/uv || { $(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install -q uv==$(UV_VERSION); }
	@compile="$(VENV)-lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --overrides requirements/overrides.txt"; \
	$$compile pyproject.toml requirements/build.in --extra embedded $(ARGS) -o requirements/base.txt; \
	$$compile pyproject.toml requirements/build.in --extra dev $(ARGS) -c requirements/base.txt -o requirements/dev.txt; \
	for extra in imaging anchors; do \
	  $$compile pyproject.toml requirements/build.in --extra embedded --extra $$extra $(ARGS) -c requirements/dev.txt -o requirements/$$extra.txt; \
	done; \
	$$compile requirements/serving.in $(ARGS) -c requirements/base.txt -o requirements/serving.txt

dev: $(DEV) $(PACKAGE)

apt:
	@requirements/apt.sh

# The environment is made again where it is broken or was moved here; one that works is kept.
$(HERE):
	@requirements/venv.sh "$(PYTHON)" "$(VENV)"
	@mkdir -p $(STAMPS) && rm -f $(STAMPS)/*.here && touch $@

$(BASE): | $(HERE)
	@echo "installing requirements/base.txt (once; 770 MB on disk)"
	@$(PIP) install --no-deps --require-hashes -r requirements/base.txt
	@$(PIP) uninstall --yes openvino-telemetry 2>/dev/null  # a folder made before it was left out
	@rm -f $(STAMPS)/base-* && touch $@

$(DEV): | $(BASE)
	@echo "installing requirements/dev.txt (once)"
	@$(PIP) install --no-deps --require-hashes -r requirements/dev.txt
	@rm -f $(STAMPS)/dev-* && touch $@

$(PACKAGE): | $(BASE)
	@$(PIP) install --no-deps --no-index --no-build-isolation --editable .
	@rm -f $(STAMPS)/package-* && touch $@

$(SERVING):
	@echo "installing requirements/serving.txt (once; 350 MB on disk)"
	@requirements/venv.sh "$(PYTHON)" "$(VENV)-serving"
	@$(VENV)-serving/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r requirements/serving.txt
	@rm -f $(VENV)-serving/*.here && touch $@
