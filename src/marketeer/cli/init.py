"""`marketeer init`: a workspace with its folders, and on request the example company to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketeer.adapters.workspace import DATABASE_NAME, FOLDERS, FileWorkspace
from marketeer.cli import output, text, wizard
from marketeer.cli.common import Call, JsonOption, WorkspaceOption, called, run
from marketeer.domain.document import CONTEXT_PATH
from marketeer.domain.errors import UsageError
from marketeer.runtime import open_office

EXAMPLE = Path(__file__).parent.parent / "team" / "example"
README = "context/README.md"

_README_TEXT = """\
# What belongs here

One file, `product-marketing-context.md`: what you sell, to whom, against whom, in whose words, with which proof.
Every specialist reads it before anything else, so an hour spent on it pays in every deliverable.

You may leave it to Marketeer. Without the file the first task of the first goal writes a draft out of the goal and
the material you give with `--input`, and puts `Unknown: ...` wherever nobody has told it. Correct the draft: your
version wins, and the next goal works from it.

To see a complete one, run `marketeer init --example --workspace somewhere-else`.
"""


def init(
    example: Annotated[
        bool, typer.Option("--example", help="Add the product context of a made-up company to try things on.")
    ] = False,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing. Without a terminal nothing is asked anyway.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Make a workspace, with --example for a made-up company to try things on."""
    call = called(workspace, as_json=as_json)
    made = _make(call, example=example)
    made += run(_make_database(call))
    if as_json:
        output.document({"workspace": str(call.settings.workspace_dir), "created": made, "error": None})
        return 0
    shown = text.shown_path(call.settings.workspace_dir)
    output.say(f"Workspace {shown}: {'made ' + ', '.join(made) if made else 'everything was there already'}")
    if not example and not no_input and wizard.is_wanted(call):
        wizard.ask_about_product(call)
    for line in _next_steps(call, example=example, wrote=CONTEXT_PATH in made):
        output.say(line)
    return 0


def _make(call: Call, *, example: bool) -> list[str]:
    """What was not there before, relative to the workspace. Nothing that exists is touched."""
    root = call.settings.workspace_dir
    place = FileWorkspace(root)
    before = {name for name in (".gitignore", *FOLDERS) if (root / name).exists()}
    place.make()
    try:
        place.make_folders()
        made = [name if name.startswith(".") else f"{name}/" for name in (".gitignore", *FOLDERS) if name not in before]
        files = {README: _README_TEXT}
        if example:
            files[CONTEXT_PATH] = (EXAMPLE / "product-marketing-context.md").read_text("utf-8")
        for path, content in files.items():
            if not (root / path).exists():
                (root / path).write_text(content, "utf-8")
                made.append(path)
    except OSError as exc:
        msg = f"workspace {str(root)!r} cannot be written ({exc.strerror}); change its permissions or give another"
        raise UsageError(msg) from exc
    return made


async def _make_database(call: Call) -> list[str]:
    """An empty one, so that from now on every command says what there is here, and what there is not."""
    if FileWorkspace(call.settings.workspace_dir).exists:
        return []
    async with open_office(call.settings):
        return [DATABASE_NAME]


def _next_steps(call: Call, *, example: bool, wrote: bool) -> list[str]:
    context = text.shown_path(call.settings.workspace_dir / CONTEXT_PATH)
    goal = '"Increase signup conversion by 20%"'
    lines = []
    if example and not wrote:
        lines.append(f"{context} exists and was left as it is.")
    if example:
        lines.append("The example company is Fieldnod, change-order approvals for contractors. It is made up.")
    return [
        *lines,
        "",
        "Next:",
        f"  {call.command(f'start {goal} --rehearse')}   to see the whole machine run, offline and free",
        f"  {call.command(f'start {goal}')}   for real, with ANTHROPIC_API_KEY set",
        f"  {call.command('doctor')}   to see what is missing",
    ]
