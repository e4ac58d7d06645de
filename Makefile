# Each target says what it does: `make help`.
.DEFAULT_GOAL := help
.PHONY: help build check test lane-operator lane-scenarios lane-others lane-docs soak bench demo demo-down cluster cluster-down

CARGO ?= cargo
# Name and size of the cluster of `make cluster`.
NAME = dev
NODES = 3

# Tests run in three lanes side by side: the operator's scenarios, others on a control plane, and what needs none, which
# takes the time that these leave.
SCENARIOS = admission chart export gate harness readme watch
OTHERS = $(filter-out operator $(SCENARIOS), $(basename $(notdir $(wildcard tests/*.rs))))
TEST = $(CARGO) test --workspace --no-fail-fast
# An older make mixes what the lanes write.
APART = $(if $(filter output-sync, $(.FEATURES)), --output-sync=target)

OPEX_CLUSTER = $(CARGO) run --quiet --package opex-cluster --

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: KUBERNETES=1.37.2 (its version; 1.30.14 is the oldest), NAME=dev, NODES=3,"
	@echo "FEATURE_GATES= (of the control plane: WatchList=false,WatchListClient=false streams no lists),"
	@echo "CLUSTER=current (demo and tests on the cluster of your current kubeconfig context),"
	@echo "OPEX_CACHE=~/.cache/opex-operator (where built programs are kept)"

demo: ## See a budget fill up and stop a scale-up, on a real Kubernetes API server
	$(CARGO) build --workspace
	@$(OPEX_CLUSTER) demo

demo-down: ## Remove what the demo left running
	@$(OPEX_CLUSTER) demo-down

build: ## Build the operator, the kubectl plugin and the control plane that the tests run on
	$(CARGO) build --workspace
	$(OPEX_CLUSTER) build

check: ## Formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

test: ## All tests, the ones on a real control plane included
	$(OPEX_CLUSTER) build
	$(CARGO) test --workspace --no-run
	@echo "Three lanes side by side, each shown when it ends, within ten minutes or so on two cores"
	@$(MAKE) --jobs=3 --keep-going $(APART) lane-operator lane-scenarios lane-others lane-docs

# Those on a control plane wait more than they work.
lane-operator:
	RUST_TEST_THREADS=5 $(TEST) --test operator

lane-scenarios:
	RUST_TEST_THREADS=3 $(TEST) $(SCENARIOS:%=--test %)

lane-others:
	nice -n 19 $(TEST) --lib --bins $(OTHERS:%=--test %)

lane-docs:
	nice -n 19 $(TEST) --doc

soak: ## Tests at length: failovers and healing for five minutes, 5,000 budgets in which nothing changes, 4,000 traces
	$(OPEX_CLUSTER) build
	SOAK=1 $(CARGO) test --test operator -- a03 s19 --nocapture
	SOAK=1 $(CARGO) test --test gate heals -- --nocapture
	PROPTEST_CASES=1000 $(CARGO) test --test laws the_engine_agrees

bench: ## Speed and memory, each figure beside its floor in the same run
	$(CARGO) bench --bench figures

cluster: ## Start a control plane to play with, and print how to reach it
	@$(OPEX_CLUSTER) up --name $(NAME) --nodes $(NODES) --metrics

cluster-down: ## End that control plane and remove it
	@$(OPEX_CLUSTER) down --name $(NAME)
