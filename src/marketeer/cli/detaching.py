"""`start --detach`: the goal is stored, and whoever works here does it."""

from __future__ import annotations

from marketeer.adapters.workspace import FileWorkspace
from marketeer.cli import output
from marketeer.cli.common import Call
from marketeer.cli.finishing import begin_logs, make_workspace
from marketeer.cli.working import covers
from marketeer.domain.submission import Submission
from marketeer.engine.summary import goal_document
from marketeer.runtime import open_office


async def store_only(call: Call, submission: Submission) -> int:
    """Prints the id alone, or the document, so that scripts can read it; who takes the goal up is said beside it."""
    workspace = FileWorkspace(call.settings.workspace_dir)
    make_workspace(workspace)
    begin_logs(call)
    async with open_office(call.settings) as office:
        goal = await office.submit(submission)
        if call.as_json:
            output.document(await goal_document(office.store, goal.goal_id, office.clock))
        else:
            output.say(goal.goal_id)
    output.note(f"marketeer: {_who_takes_it(call, workspace, goal.goal_id)}")
    return 0


def _who_takes_it(call: Call, workspace: FileWorkspace, goal_id: str) -> str:
    holder = workspace.worker()
    go_on = f"`{call.command(f'resume {goal_id}')}` or `{call.command('start --daemon')}`"
    if holder is None:
        return f"stored; nobody works here, so it waits for {go_on}"
    who = f"process {holder.get('pid', 'unknown')}"
    if covers(holder, goal_id):
        return f"stored; {who} works here and takes it up"
    return f"stored; {who} works here on another goal, so it waits for {go_on}"
