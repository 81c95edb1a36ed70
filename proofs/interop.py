"""Other BullMQ programs beside us: Node reads our queue, bull-board lists it, and what they put there harms nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from proofs.crew import LIMIT_S, Crew, a_crew
from proofs.figures import Figure, Options, Proof
from tests.e2e.harness import run, wait_until

PACKAGES = {"bullmq": "6.7.0", "ioredis": "6.0.0", "@bull-board/api": "9.10.2"}
PROGRAM = Path(__file__).with_name("interop.mjs")
PREFIX = "marketeer"


class Node:
    """Node with the packages in a folder of its own. Raises AssertionError without Node, npm or a registry."""

    def __init__(self, folder: Path) -> None:
        assert shutil.which("node"), "there is no node on PATH: install Node.js"
        assert shutil.which("npm"), "there is no npm on PATH: install Node.js with npm"
        self._folder = folder
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
        shutil.copy(PROGRAM, folder)
        words = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=LIMIT_S)
        assert done.returncode == 0, done.stderr

    def ask(self, crew: Crew, what: str) -> Any:
        ((name,),) = crew.rows("SELECT workspace_id FROM workspace")
        # The crew has no key, and a queue of its own.
        words = ["node", PROGRAM.name, str(crew.server.port), PREFIX, f"{name}-rehearsals", what]
        done = subprocess.run(words, cwd=self._folder, capture_output=True, text=True, check=False, timeout=LIMIT_S)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def run_proof(options: Options) -> Proof:
    node = Node(_folder(options.folder, "node"))
    with a_crew(_folder(options.folder, "desk")) as crew:
        asked = ("start", "--pipeline", "Director Morning Review", "--rehearse", "--no-work")
        # Nobody works yet: what the goal owes waits on the queue.
        assert run(*asked, cwd=crew.folder, env=crew.env).returncode == 4
        ((owed,),) = crew.rows("SELECT work_item_id FROM work_items WHERE state = 'ready'")
        seen = node.ask(crew, "look")
        assert seen["counts"]["prioritized"] == 1
        assert [job["data"] for job in seen["jobs"]] == [{"item": f"{owed}@0"}]
        assert seen["board"]["counts"]["prioritized"] == 1
        assert seen["board"]["jobs"] == [f"{owed}@0"]
        assert node.ask(crew, "stranger")["added"]
        crew.hire()
        crew.wait_until_completed()
        wait_until(lambda: bool(node.ask(crew, "gone")["gone"]), seconds=LIMIT_S)
        counts = node.ask(crew, "gone")["counts"]
        assert not any(counts.values()), counts
        crew.dismiss()
    return Proof(
        name="interop",
        shows="Node's `bullmq` counts and reads the jobs of our queue, and `@bull-board/api` lists them. A job that "
        "Node puts there and no workspace knows is taken off and refused; the goal beside it completes, and nothing is "
        "left on the queue.",
        figures=tuple(Figure(name, version) for name, version in PACKAGES.items()),
    )


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
