# Each target says what it does: `make help`.
.DEFAULT_GOAL := help
.PHONY: help build check test soak bench demo demo-down cluster cluster-down

CARGO ?= cargo
# Name and size of the cluster of `make cluster`.
NAME = dev
NODES = 3
# Tests at a time: those on a control plane wait more than they work.
TEST_THREADS = 8

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
	RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --workspace --no-fail-fast

soak: ## What tests do in a minute, for five: failovers, healing; and 5,000 budgets in which nothing changes
	$(OPEX_CLUSTER) build
	SOAK=1 $(CARGO) test --test operator -- a03 s19 --nocapture
	SOAK=1 $(CARGO) test --test gate heals -- --nocapture

bench: ## Speed and memory, each figure beside its floor in the same run
	$(CARGO) bench --bench figures

cluster: ## Start a control plane to play with, and print how to reach it
	@$(OPEX_CLUSTER) up --name $(NAME) --nodes $(NODES) --metrics

cluster-down: ## End that control plane and remove it
	@$(OPEX_CLUSTER) down --name $(NAME)
