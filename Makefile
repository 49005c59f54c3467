.DEFAULT_GOAL := help
SHELL := bash
PYTHON := .venv/bin/python
UV := .local/bootstrap/bin/uv

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

setup: .local/stamps/dev ## The tools, locked by hash, in .venv

.local/stamps/bootstrap: requirements/bootstrap.txt
	@echo "Installing uv …"
	@python3 -m venv .local/bootstrap
	@.local/bootstrap/bin/python -m pip install -q --require-hashes -r $<
	@mkdir -p $(@D) && touch $@

.local/stamps/dev: requirements/dev.txt .local/stamps/bootstrap
	@echo "Installing the tools …"
	@[ -x $(PYTHON) ] || $(UV) venv -q --python 3.13 .venv
	@$(UV) pip sync -q --python $(PYTHON) --require-hashes $<
	@touch $@

test: setup ## Every test
	$(PYTHON) -m pytest

.PHONY: help setup test
