# The one entry for people and CI. Every target sets up what it needs first; after any of them
# `.venv/` holds the installed project. A second run rebuilds nothing that did not change.
.PHONY: demo demo-simulate test test-core test-rust lint bench bench-scheduler build setup clean
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
PYTEST := $(BIN)/pytest -q -n 2 --dist worksteal

setup: .venv/extension

demo: setup kubectl
	@$(BIN)/python examples/guestbook/demo.py

demo-simulate: setup
	@$(BIN)/python examples/simulate/demo.py

test: setup kubectl test-rust
	$(PYTEST) tests

# The same cluster on the pure-Python engine: everything above the engine, with PYK8S_CORE=reference.
test-core: setup kubectl
	PYK8S_CORE=reference $(PYTEST) tests/apiserver tests/client tests/controllers tests/kubelet \
		tests/scheduler tests/cluster

test-rust: setup
	cargo test -q -p pyk8s-core --release

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m mypy.stubtest pyk8s._core --mypy-config-file pyproject.toml --allowlist tools/stubtest_allowlist.txt
	cargo fmt --all --check
	cargo clippy -q --release --workspace --all-targets -- -D warnings

bench: setup
	@$(BIN)/python benches/run.py

# Each case of the scheduler's table, in process and over HTTPS, beside kube-scheduler's published floor.
bench-scheduler: setup
	@$(BIN)/python benches/scheduler/run.py $(CASES)

build: setup
	rm -rf dist && mkdir dist
	$(BIN)/maturin build --quiet --release --out dist
	cd server && ../$(BIN)/hatchling build -t wheel -d ../dist
	@ls -l dist

clean:
	rm -rf .venv target dist benches/out

# -- set-up ----------------------------------------------------------------------------------------------------

.PHONY: kubectl
kubectl:
	@tools/ensure_kubectl

.venv/bin/python:
	@tools/check_prerequisites $(PYTHON)
	$(PYTHON) -m venv .venv

.venv/dependencies: pyproject.toml server/pyproject.toml | .venv/bin/python
	$(BIN)/pip install -q --disable-pip-version-check -U "pip>=25.1"
	$(BIN)/pip install -q --disable-pip-version-check --group dev
	touch $@

.venv/extension: .venv/dependencies $(RUST_SOURCES)
	@tools/check_prerequisites $(PYTHON)
	$(BIN)/maturin develop --quiet --release
	$(BIN)/pip install -q --disable-pip-version-check -e server
	touch $@
