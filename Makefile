# Everything a newcomer or a CI machine needs, from nothing but Python 3.11 and make.
# The first target builds .venv; a stamp in it says what was installed, so the second run starts at once.

VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-workspace
DEMO_GOAL := Increase signup conversion by 20%
JOBS ?= 2

# A pyenv shim exists even when its version is not installed, so each candidate is run, not only looked up.
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c "$(IS_NEW_ENOUGH)" >/dev/null 2>&1 && { echo "$$p"; break; }; done)

# The constraints reach pip's isolated build environments only through the variable.
PIP := PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install -qq --disable-pip-version-check --retries 5

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-redis redis test check bench prove picture docs clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

demo: $(VENV)/.runtime ## rehearse a whole goal offline: no key, no cost
	@rm -rf $(DEMO)
	@$(BIN)/marketeer init --example --workspace $(DEMO)
	@$(BIN)/marketeer start "$(DEMO_GOAL)" --rehearse --workspace $(DEMO)
	@echo "Files it made:"
	@find $(DEMO) -type f | LC_ALL=C sort | sed 's/^/  /'

demo-redis: $(VENV)/.dev redis ## the same with two workers and a real Redis between them
	@rm -rf $(DEMO)
	@$(BIN)/python scripts/demo_redis.py

test: $(VENV)/.dev redis ## run the tests (JOBS=2 processes; ARGS="-k word" picks some)
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

check: $(VENV)/.dev ## lint, formatting, types, layers, skill folders
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -c "$$VALIDATE_SKILLS"
	@$(BIN)/marketeer skills validate src/marketeer/team/skills

redis: $(VENV)/.dev
	@$(BIN)/python -m marketeer.testing.redis_server >/dev/null 2>&1 || scripts/install_redis.sh

bench: $(VENV)/.dev redis ## measure it all, into docs/benchmarks.md (10 minutes; NAMES="overhead memory" only prints those)
	@$(BIN)/python -m benchmarks $(or $(NAMES),--markdown docs/benchmarks.md)

prove: $(VENV)/.dev ## try every promise at length, into docs/proofs.md (over an hour; NAMES="weather outage" runs some)
	@$(BIN)/python -m proofs --jobs $(JOBS) --markdown docs/proofs.md $(NAMES)

picture: $(VENV)/.runtime ## draw docs/terminal.svg anew, from a rehearsal, and docs/learning.svg, from a simulated world
	@$(BIN)/python scripts/terminal_picture.py
	@PYTHONPATH=. $(BIN)/python -m benchmarks.learning docs/learning.svg

docs: $(VENV)/.runtime ## write docs/team.md anew, from the team's files
	@$(BIN)/python scripts/team_page.py

wording: $(VENV)/.runtime ## count the example goals of team/wording.yaml into wording.json, which routing reads
	@$(BIN)/python scripts/count_wording.py

clean: ## remove what make built: .venv, caches, the demo (never ./workspace)
	@rm -rf $(VENV) $(DEMO) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c "$(IS_NEW_ENOUGH)" 2>/dev/null \
		|| { echo "Marketeer needs Python 3.11 or newer: install it, or name it with make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) >/dev/null && $(BIN)/python -m pip --version >/dev/null 2>&1 \
		|| { rm -rf $(VENV); echo "$(PYTHON) cannot make $(VENV): install its venv module (Debian and Ubuntu:" \
		"apt install $$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'))" >&2; exit 1; }

$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing Marketeer into $(VENV) ..."
	@$(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing Marketeer and its development tools into $(VENV) ..."
	@$(PIP) -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.runtime

# One process for all folders: starting the validator's own command 26 times takes seconds.
define VALIDATE_SKILLS
import pathlib, sys
from skills_ref import validate

folders = sorted(path for path in pathlib.Path("src/marketeer/team/skills").glob("*") if path.is_dir())
problems = [f"{folder}: {problem}" for folder in folders for problem in validate(folder)]
print("\n".join([*problems, f"{len(folders)} skill folders, {len(problems)} problems"]))
sys.exit(bool(problems) or not folders)
endef
export VALIDATE_SKILLS
