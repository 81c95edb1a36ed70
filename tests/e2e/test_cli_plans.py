"""Plans as users see them with --dry-run: every pipeline by its name, mistakes in their own files by their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Cli

STEPS = {
    "Content Production": ["content-strategy", "copywriting", "copy-editing", "seo-audit", "schema-markup"],
    "Page Launch": ["copywriting", "page-cro", "ab-test-setup", "analytics-tracking"],
    "Product Launch": [
        "launch-strategy", "copywriting", "email-sequence", "social-content", "paid-ads", "analytics-tracking",
    ],
    "Conversion Sprint": ["page-cro", "copywriting", "ab-test-setup", "analytics-tracking"],
    "Competitive Response": [
        "competitor-alternatives", "copywriting", "pricing-strategy", "paid-ads", "analytics-tracking",
    ],
    "Retention Sprint": [
        "onboarding-cro", "email-sequence", "paywall-upgrade-cro", "ab-test-setup", "analytics-tracking",
    ],
    "SEO Audit Cycle": ["seo-audit", "programmatic-seo", "schema-markup", "content-strategy"],
    "Outreach Campaign": ["cold-email", "ab-test-setup", "analytics-tracking"],
    "Social Content": ["social-content", "copy-editing", "analytics-tracking"],
    "Director Morning Review": [],
    "Performance Review": [],
}  # fmt: skip
A_CUE = "cues:\n  - id: x\n    why: y\n"
A_CATEGORY = "categories:\n  content:\n    priority: P2\n    phases: [{name: A}]\n"
NO_PIPELINE = """pipelines:
  - name: Own
    category: content
    priority: P2
    phases:
      - name: Do
        steps:
"""


@pytest.mark.parametrize("name", list(STEPS))
def test_a_named_pipeline_plans_these_steps_in_this_order(cli: Cli, name: str) -> None:
    result = cli("start", "Do the usual", "--pipeline", name, "--dry-run", "--json")
    assert result.code == 0
    planned = [task["skill"] for phase in result.document["phases"] for task in phase["tasks"]]
    assert [skill for skill in planned if skill != "product-marketing-context"] == STEPS[name]


def test_a_wait_ends_the_plan_and_the_report_says_what_continues_it(cli: Cli) -> None:
    result = cli("start", "Do the usual", "--pipeline", "Conversion Sprint", "--rehearse")
    assert result.code == 0
    report = next(cli.folder.rglob("report.md")).read_text(encoding="utf-8")
    assert "the planned end of the test" in report
    assert "start a goal with its result" in report


@pytest.mark.parametrize(
    ("file", "text", "line", "remedy"),
    [
        ("pipelines.yaml", f"{NO_PIPELINE}          - {{skill: copywritin}}\n", 8, "did you mean 'copywriting'?"),
        ("pipelines.yaml", NO_PIPELINE + "          - {skill: copywriting, uses: [seo-audit]}\n", 8, "move it"),
        ("pipelines.yaml", f"{NO_PIPELINE}          - {{skil: copywriting}}\n", 8, "did you mean 'skill'?"),
        ("routing.yaml", A_CUE + "    say: [z]\n    skills: {copywritin: 5}\n", 5, "'copywriting'"),
        ("routing.yaml", A_CUE + "    say: [z]\n    pipelines: {Page Lunch: 5}\n", 5, "'Page Launch'"),
        ("routing.yaml", A_CUE + "    say: [z]\n    categry: {content: 5}\n", 5, "'category'"),
        ("routing.yaml", "measured_by:\n  copywriting: seo-audt\n", 2, "'seo-audit'"),
        ("routing.yaml", A_CATEGORY + "    skills: [x]\n", 5, "skill 'x'"),
        ("routing.yaml", "ask_below: 7\n", 1, "less than or equal to 1"),
        ("routing.yaml", A_CUE + "    say: [\"(open\"]\n", 4, "check its brackets"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_users_own_file_names_file_line_and_remedy(
    cli: Cli, file: str, text: str, line: int, remedy: str
) -> None:
    own = Path(cli.folder) / "workspace" / "team" / file
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(text, encoding="utf-8")
    result = cli("start", "Write a page", "--dry-run")
    assert result.code == 2
    assert f"team/{file}:{line}:" in result.err
    assert remedy in result.err
    assert len(result.err.strip().splitlines()) == 1
