.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
export SAM_CLI_TELEMETRY := 0

PYTHON := .venv/bin/python
UV := .local/bootstrap/bin/uv
SAM := .local/sam-env/bin/sam
ARCHITECTURE ?= arm64
# Tests that share a stack or a browser's page are a group, which one process runs (tests/schedule.py).
IN_PARALLEL := -n auto --maxprocesses 8
PLATFORM_arm64 := aarch64-manylinux_2_28
PLATFORM_x86_64 := x86_64-manylinux_2_28
MO := $(patsubst %.po,%.mo,$(wildcard shared/locale/*/LC_MESSAGES/*.po))

# Nothing of these leaves the machine, but every client wants a region. Commands that reach AWS take AWS' own setting.
demo local test test-all test-long check faults year restore-drill drill-check pairs guards mutations bench start-up power cost fuzz load build: export AWS_DEFAULT_REGION ?= us-east-1

help: ## This list
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it

demo: setup-stack ## Walk the whole journey on a local stack, a line per step, and stay up on a terminal; ONCE=1 ends after it
	@$(PYTHON) -m local.demo

local: setup-stack ## Run the local stack alone until Ctrl-C; ENDPOINT_PORT= WEB_PORT= choose ports, 0 for any free one
	@$(PYTHON) -m local.stack

##@ Check a change

test: setup-stack setup-browser ## All that a change can break, in five minutes on two cores; PYTEST= for pytest's options
	@$(PYTHON) -m pytest $(IN_PARALLEL) -m "not slow" $(PYTEST)

test-all: test test-long ## `make test` and all that takes long

test-long: setup-stack setup-browser ## The rest of `make test-all`; PART= for a folder of it, EXPLORE=1 for other random inputs each time
	@DEPTH=$(or $(DEPTH),full) $(PYTHON) -m pytest $(IN_PARALLEL) -m "slow or deep" $(PYTEST) $(PART)

check: setup setup-sam ## Check formatting, lint, types, import contracts, dead code, template
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	.venv/bin/vulture
	.venv/bin/cfn-lint template.yaml examples/consumer/template.yaml examples/sftp-connector/template.yaml
	$(SAM) validate --lint --template template.yaml

faults: setup ## Simulate weeks of a district while every call fails in every way; SEEDS=n, SLICE=1 for a part, REPLAY=run for one trace
	@$(PYTHON) -m simulation $(if $(REPLAY),--replay "$(REPLAY)",--seeds $(or $(SEEDS),2000) $(if $(SLICE),--slice) $(if $(ONLY),--only $(ONLY)) $(if $(FIRST_SEED),--first-seed $(FIRST_SEED)))

year: setup ## Simulate school years of districts of every size (B15), minutes; DISTRICTS=n YEARS=n SEED=n for others
	@$(PYTHON) -m simulation.school_years $(if $(DISTRICTS),--districts $(DISTRICTS)) $(if $(YEARS),--years $(YEARS)) $(if $(SEED),--seed $(SEED))

restore-drill: setup ## Restore a simulated district to each of its nights, and print what was kept; half a minute
	@POWERTOOLS_LOG_LEVEL=CRITICAL POWERTOOLS_METRICS_DISABLED=true $(PYTHON) -m simulation.restore_drill

drill-check: setup ## Forecast generated districts, let them happen, and print how far each figure was off (B14); SEEDS=n of each size
	@POWERTOOLS_LOG_LEVEL=CRITICAL POWERTOOLS_METRICS_DISABLED=true $(PYTHON) -m simulation.drill_check --seeds $(or $(SEEDS),5)

pairs: setup ## Measure how exact pairs by names are (B13), and bring docs/pairs.md in step (a minute)
	@$(PYTHON) -m benchmarks.pairs

guards: setup ## Remove each security guard of the pages in turn, and show the test that then fails
	@POWERTOOLS_LOG_LEVEL=CRITICAL $(PYTHON) -m simulation.security_guards

mutations: setup .local/stamps/mutations ## Change the code in MUTANTS=200 places, by SEED=n, and show the changes that no test notices
	@.local/mutations-env/bin/python -m simulation.mutations --mutants $(or $(MUTANTS),200) --seed $(or $(SEED),1)

bench: setup ## Measure what an import costs, beside floors of the same run, and the pace of mail (minutes); PEOPLE=n ONLY=imports|mail|cleanup|joins|ids|feed|fetches|writes|pages|receipts CONTAINER=1 with the Python of Lambda's image
	@$(PYTHON) -m benchmarks$(if $(CONTAINER),.in_container) --people $(or $(PEOPLE),1000000) $(if $(ONLY),--only $(ONLY))

start-up: setup-sam ## How long each function needs before it answers, as built, beside boto3 and a client (two minutes); ROUNDS=n; EMULATOR=1 has the mail's button in Lambda's own container
	@$(PYTHON) -m benchmarks.$(if $(EMULATOR),emulator,start_up) $(if $(ROUNDS),--rounds $(ROUNDS))

power: setup-sam ## What the pages take and cost with each size of memory, for docs/start-up.md (half a minute)
	@$(PYTHON) -m benchmarks.power

cost: setup ## What a month costs and where the next limit is, counted from the running code: PEOPLE=n; PLOTS=1 draws docs/images/cost
	@POWERTOOLS_LOG_LEVEL=CRITICAL $(PYTHON) -m benchmarks.cost --people $(or $(PEOPLE),1000000) $(if $(PLOTS),--plots)

morning: setup ## Simulate a million first logins in half an hour: what breaks first, and when all are in; PEOPLE=n, PLOTS=1 draws docs/images/morning.svg
	@POWERTOOLS_LOG_LEVEL=CRITICAL $(PYTHON) -m benchmarks.morning --people $(or $(PEOPLE),1000000) $(if $(PLOTS),--plots)

fuzz: setup .local/stamps/fuzz ## Send malformed bytes to every edge; RUNS=n executions over all of them (Linux)
	@.local/fuzz-env/bin/python -m simulation.fuzz --runs $(or $(RUNS),1000000)

load: setup-stack ## Let 200 browsers activate for two minutes while an import runs: p50 and p95 of each page, and what it asks of AWS; PEOPLE=n SECONDS_OF_LOAD=s for less
	@$(PYTHON) -m benchmarks.load

##@ Operate a stack: STACK=NAME, or STACK=local, names it; YES=1 confirms where nobody can be asked

# Values go through the environment, so that no shell reads what a reason has in it.

FILES_ALONE = POWERTOOLS_LOG_LEVEL=CRITICAL POWERTOOLS_METRICS_DISABLED=true $(PYTHON) -m simulation.fire_drill
export ROSTER ACCOUNTS SETTINGS RATE PER_DAY STACK STACK_NAME DISTRICT IMPORT ACTION BY REASON PERSON KIND ACCOUNT SECRET FILE PRINCIPAL EXTERNAL_ID REPLACED
OPERATE = $(PYTHON) -m operations $@ $(if $(YES),--yes)
given = $(if $($(1)),--$(2)="$$$(1)")
WHO_AND_WHY = $(call given,BY,by) $(call given,REASON,reason)
PERSON_OF_A_DISTRICT = $(call given,DISTRICT,district) $(call given,PERSON,person) $(call given,KIND,kind)

deploy: setup-sam $(MO) ## Build and deploy, first time and every time: STACK= SENDER_DOMAIN= or SENDER_EMAIL=, and any parameter of template.yaml as ALARM_EMAIL=
	@$(PYTHON) -m operations.deploy

doctor: setup ## Look at a stack, and say of each thing whether it is in order and what to do; JSON=1 for JSON; DISTRICT= for its roster's source alone
	@$(OPERATE) $(if $(JSON),--json) $(call given,DISTRICT,district)

set-secret: setup ## Set a secret that is typed, or comes by a pipe: SECRET=google, clever, classlink, microsoft, or sources/{district}/{name}
	@$(OPERATE) $(call given,SECRET,secret) $(WHO_AND_WHY)

register-district: setup ## Register a district, or change its settings: DISTRICT= FILE=district.json
	@$(OPERATE) $(call given,DISTRICT,district) $(call given,FILE,file) $(WHO_AND_WHY)

data-manager-role: setup ## Make a role for a district's data managers, which reaches its own prefixes alone: DISTRICT= PRINCIPAL={ARN}
	@$(OPERATE) $(call given,DISTRICT,district) $(call given,PRINCIPAL,principal) $(call given,EXTERNAL_ID,external-id) $(WHO_AND_WHY)

sftp-user: setup ## Let a district's sender put its files by SFTP (SFTP=true, docs/sftp.md): DISTRICT= KEY="ssh-ed25519 …"
	@$(OPERATE) $(call given,DISTRICT,district) $(call given,KEY,key) $(WHO_AND_WHY)

decide: setup ## Approve or reject a held import, roll back a finished one, or apply a preview: DISTRICT= IMPORT= ACTION=approve|reject|roll_back|commit BY= REASON=
	@$(OPERATE) $(call given,DISTRICT,district) $(call given,IMPORT,import) $(call given,ACTION,action) $(call given,BY,by) $(call given,REASON,reason)

drill: setup ## Foretell what a district's newest preview, or ROSTER=path, will come to (B14): DISTRICT=; on files alone ROSTER= ACCOUNTS= [SETTINGS=district.json]
	@$(if $(ACCOUNTS),$(FILES_ALONE) $(call given,ROSTER,roster) $(call given,ACCOUNTS,accounts) $(call given,SETTINGS,settings) $(call given,RATE,rate) $(call given,PER_DAY,per-day),$(OPERATE) $(call given,DISTRICT,district) $(call given,ROSTER,roster))

resend: setup ## Send a teacher another activation mail: DISTRICT= PERSON={sourcedId}, and KIND= where numbers have one
	@$(OPERATE) $(PERSON_OF_A_DISTRICT) $(WHO_AND_WHY)

resume-mail: setup ## Let mail go out again after too many bounces or complaints stopped it: DISTRICT= (none: that of all) BY= REASON=
	@$(OPERATE) $(call given,DISTRICT,district) $(call given,BY,by) $(call given,REASON,reason)

redrive: setup ## Send on what lies in the dead-letter queues, and start broken imports and feeds again
	@$(OPERATE) $(WHO_AND_WHY)

audit: setup ## Print when, by whom and by which proof a person's links were made and undone, as CSV: DISTRICT= PERSON={sourcedId}, and KIND= where numbers have one
	@$(OPERATE) $(PERSON_OF_A_DISTRICT)

verify-audit: setup ## Compare the trail of who did what with its seals, and say what was removed, changed, added or moved: DISTRICT= (none: all); JSON=1 for JSON
	@$(OPERATE) $(call given,DISTRICT,district) $(if $(JSON),--json)

recount: setup ## Compare the counts of the funnel with what all items say: DISTRICT= (none: all); SET=1 sets them right
	@$(OPERATE) $(call given,DISTRICT,district) $(if $(SET),--set) $(WHO_AND_WHY)

reconcile: setup ## Recompute the receipts of all links, and say what was there before and is lost: DISTRICT= (none: all)
	@$(OPERATE) $(call given,DISTRICT,district)

export-person: setup ## Print all that is held about a person, as JSON: ACCOUNT=, or DISTRICT= PERSON={sourcedId}, and KIND= where numbers have one
	@$(OPERATE) $(call given,ACCOUNT,account) $(PERSON_OF_A_DISTRICT) $(WHO_AND_WHY)

delete-person: setup ## Delete all that is held about a person, for good: ACCOUNT=, or DISTRICT= PERSON={sourcedId}, and KIND= where numbers have one
	@$(OPERATE) $(call given,ACCOUNT,account) $(PERSON_OF_A_DISTRICT) $(WHO_AND_WHY)

after-restore: setup ## After a restore: bring what was mailed since over from the replaced table, and snapshots back: REPLACED={its name}
	@$(OPERATE) $(call given,REPLACED,replaced) $(WHO_AND_WHY)

offboard: setup ## End a district's contract: show what goes, ask, end its links and delete its data: DISTRICT=; PREVIEW=1 only shows, JSON=1 for JSON
	@$(OPERATE) $(call given,DISTRICT,district) $(if $(PREVIEW),--preview) $(if $(JSON),--json) $(WHO_AND_WHY)

##@ Build and maintain

build: setup-sam $(MO) ## Build deployable artifacts in .aws-sam/build; ARCHITECTURE=arm64 or x86_64
	@ARCHITECTURE=$(ARCHITECTURE) $(SAM) build --build-in-source --parameter-overrides Architecture=$(ARCHITECTURE)
	@$(call for-one-architecture,.aws-sam/build/template.yaml)

texts: setup ## Collect the texts to translate into shared/locale/*/LC_MESSAGES/messages.po
	@.venv/bin/pybabel -q extract -F shared/locale/babel.ini -o .local/messages.pot --no-location --sort-output --project=account-linking .
	@for po in shared/locale/*/LC_MESSAGES/messages.po; do .venv/bin/pybabel -q update --no-fuzzy-matching --ignore-pot-creation-date -i .local/messages.pot -o $$po -l $$(basename $$(dirname $$(dirname $$po))); done

link-decisions: setup ## Bring docs/link-decisions.md, what is linked, offered or refused, in step with the rule
	@$(PYTHON) -m tests.link_decisions

classroom: setup-browser ## A class of thirty in a browser, on ten devices that are handed on: linked, waiting, wrong, seconds; and the teacher's two minutes
	@$(PYTHON) -m pytest -q -p no:cacheprovider tests/browser/classroom.py

pictures: setup-browser ## Take the pictures of docs/pages.md again; ONLY= for those of the pages whose name begins so
	@UPDATE_SCREENSHOTS="$(or $(ONLY),1)" $(PYTHON) -m pytest -q -p no:cacheprovider tests/browser/test_every_page.py -k picture

ways: setup-browser ## Bring docs/ways.md, where each page leads, and docs/stop-watch.md, what a way costs, in step with the pages
	@$(PYTHON) -m tests.ways
	@$(PYTHON) -m tests.stop_watch

errors: setup ## Bring docs/errors.md, the list of all error codes, in step with the source
	@$(PYTHON) -m tests.error_codes

sbom: setup ## Print the software bill of materials of the dependency layer (CycloneDX, JSON), from requirements/runtime.txt
	@$(PYTHON) -m operations.sbom

permissions: setup ## Record which test uses which permission, for docs/permissions.md (minutes); TESTS= for those of a change alone
	@RECORD_PERMISSIONS=$(if $(TESTS),some,all) $(PYTHON) -m pytest -q $(if $(TESTS),$(TESTS),$(IN_PARALLEL) tests/unit -m "not slow and not deep")
	@$(PYTHON) -m tests.iam.page

%.mo: %.po .local/stamps/dev
	@.venv/bin/pybabel -q compile -i $< -o $@

setup: .local/stamps/dev $(MO)
setup-sam: setup .local/stamps/sam
setup-stack: setup-sam .local/stamps/stack
setup-browser: setup
	@$(PYTHON) -m local.install_browser

.local/stamps/bootstrap: requirements/bootstrap.txt
	@echo "Installing uv …"
	@python3 -m venv .local/bootstrap
	@.local/bootstrap/bin/python -m pip install -q --require-hashes -r $< 2>&1 | grep -v find-links || true
	@mkdir -p $(@D) && touch $@

.local/stamps/dev: requirements/dev.txt .local/stamps/bootstrap
	@echo "Installing the tools …"
	@[ -x $(PYTHON) ] || $(UV) venv -q --python 3.13 .venv
	@$(UV) pip sync -q --compile-bytecode --python $(PYTHON) --require-hashes $<
	@touch $@

.local/stamps/%: requirements/%.txt .local/stamps/bootstrap
	@echo "Installing what $* needs …"
	@[ -x .local/$*-env/bin/python ] || $(UV) venv -q --python 3.13 .local/$*-env
	@$(UV) pip sync -q --compile-bytecode --python .local/$*-env/bin/python --require-hashes $<
	@touch $@

# What `sam build` calls, once for each resource that is built here.

# Lambda's disk is read-only: without bytecode each new worker would compile every module. It is checked by the source's hash, as files have
# other times there, and names the place where the code will lie, so that two builds are alike.
compile = $(PYTHON) -m compileall -q --invalidation-mode checked-hash -s "$(ARTIFACTS_DIR)" -p
# The built template deploys to the one architecture that it was built for, and refuses the other.
for-one-architecture = sed -i.before -e '/^  Architecture:/,/^  [^ ]/{s/Default: .*/Default: $(ARCHITECTURE)/;/^ *- /d;s/^\( *\)AllowedValues:.*/\1AllowedValues: [$(ARCHITECTURE)]/;}' $(1)

build-DependencyLayer:
	@$(UV) pip install -q -r requirements/runtime.txt --require-hashes --target "$(ARTIFACTS_DIR)/python" \
	  --python-version 3.13 --python-platform $(PLATFORM_$(ARCHITECTURE)) --only-binary :all:
	@$(compile) /opt -j 0 "$(ARTIFACTS_DIR)"

# What else a new worker would compile: the methods of dataclasses, and templates.
COMPILED := .local/compiled-ahead
# One file stands for all of them. A folder is newer than it where a file was removed.
$(COMPILED)/shared/runtime/methods.bin: $(shell find shared functions operations/compile_ahead.py -name __pycache__ -prune -o ! -name "*.[mp]o" -print) requirements/dev.txt
	@PYTHONHASHSEED=0 $(PYTHON) -m operations.compile_ahead $(COMPILED)

build-%Function: $(COMPILED)/shared/runtime/methods.bin
	@name=$$(sed -E 's/([a-z])([A-Z])/\1_\2/g' <<< '$*' | tr A-Z a-z); \
	mkdir -p "$(ARTIFACTS_DIR)/functions"; \
	cp functions/__init__.py "$(ARTIFACTS_DIR)/functions/"; \
	cp -r "functions/$$name" "$(ARTIFACTS_DIR)/functions/"; \
	cp -r shared "$(ARTIFACTS_DIR)/"; \
	cp requirements/runtime.txt "$(ARTIFACTS_DIR)/"; \
	find "$(ARTIFACTS_DIR)" \( -name __pycache__ -o -name '*.po' -o -name babel.ini \) -prune -exec rm -rf {} +; \
	cp -r $(COMPILED)/shared "$(ARTIFACTS_DIR)/"; \
	if [ -d "$(COMPILED)/functions/$$name" ]; then cp -r "$(COMPILED)/functions/$$name" "$(ARTIFACTS_DIR)/functions/"; fi
	@$(compile) /var/task "$(ARTIFACTS_DIR)"

.PHONY: pictures help demo local test test-all test-long check faults year restore-drill drill-check pairs guards mutations bench start-up power cost fuzz load deploy doctor set-secret register-district data-manager-role sftp-user decide drill resend resume-mail audit verify-audit recount reconcile export-person delete-person after-restore offboard redrive build sbom texts errors ways link-decisions permissions setup setup-sam setup-stack setup-browser build-DependencyLayer classroom
.SECONDARY:
