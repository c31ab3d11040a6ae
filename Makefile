# `make demo` and `make test` each work alone in a fresh clone: they set up `.venv` first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= 2

.PHONY: help setup demo test lint generate formal coverage synth bench-layers bench-tiny bench-kraken bench-imagenet bench-compile bench-random bench-accuracy bench-resnet50 plots clean
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: $(STAMP) ## Create .venv and install everything into it

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

demo: setup ## Train a small ResNet on real images, compile it, run it on the simulated core
	$(BIN)/python examples/digits.py

test: setup lint ## Run every test
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadgroup

lint: setup ## Check formatting, types and generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m dsf.codegen.generate --check

generate: setup ## Rewrite the files generated from the instruction table
	$(BIN)/python -m dsf.codegen.generate

formal: setup ## Prove the small stream blocks by SymbiYosys, and find faults in them
	$(BIN)/python -m pytest tests/formal

# What reaches nearly every line: the other files of tests/sim put more numbers through the same ones.
COVERED := core counters depthwise dispatch dma_read dma_write estimates fmem regs rtl strips top
COVERAGE := pytest $(COVERED:%=tests/sim/test_%.py) --numprocesses $(JOBS) --dist loadgroup

coverage: setup ## Line coverage of the RTL by its tests: at least 95 %
	rm -rf build/coverage && mkdir -p build/coverage
	DSF_COVERAGE=build/coverage $(BIN)/python -m $(COVERAGE)
	$(BIN)/python -m benchmarks.line_coverage build/coverage --command 'DSF_COVERAGE=build/coverage $(COVERAGE)'

synth: setup ## Resources of the core by Yosys; then a small one placed on an ECP5 (long)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[synth]'
	$(BIN)/python -m benchmarks.synth

bench-layers: setup ## Measure single layers on the simulated system, beside estimate and aims
	$(BIN)/python -m benchmarks.layers

bench-tiny: setup ## Measure the networks of MLPerf Tiny on 256 elements, in RTL
	$(BIN)/python -m benchmarks.tiny

bench-kraken: setup ## Measure ImageNet networks on an engine as large as Kraken, in RTL (long)
	$(BIN)/python -m benchmarks.kraken

bench-imagenet: setup ## Run whole ImageNet networks on that engine, in RTL (long)
	$(BIN)/python -m benchmarks.kraken --scopes all

bench-compile: setup ## Measure what the compiler takes for known networks, and compare all levels (long)
	$(BIN)/python -m benchmarks.compile
	$(BIN)/python -m benchmarks.levels

bench-random: setup ## Compare random networks on random hardware between interpreter and RTL
	$(BIN)/python -m benchmarks.random_networks

bench-accuracy: setup ## Train small networks, take them through other exporters, and compare accuracies
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.every_sum

bench-resnet50: setup ## Export ResNet-50 from PyTorch, quantise it by onnxruntime, and compare every layer (long)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks.resnet50

plots: setup ## Draw the committed results of ImageNet networks
	$(BIN)/python -m benchmarks.plots

clean: ## Remove what builds and tests made
	rm -rf build .pytest_cache .ruff_cache .hypothesis
