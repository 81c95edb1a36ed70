"""The team loader: folders become skills, the workspace lies over the built-in team, mistakes are named."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import fields
from pathlib import Path

import pytest

from marketeer.adapters.team_files import BUILT_IN, FileTeam, load_team, schema
from marketeer.adapters.team_files.source import Strict
from marketeer.domain import contract as domain
from marketeer.domain.approval import ApprovalKind
from marketeer.domain.errors import ConfigurationError, UsageError
from marketeer.domain.goal import Category, Priority
from marketeer.domain.review import Severity
from marketeer.domain.rubric import ReviewDepth
from marketeer.domain.skill import FOUNDATION_SKILL
from marketeer.domain.usage import Tier

CONTRACT = """\
squad: creative
tier: sonnet
upstream: [planner]
brief:
  objective: "Write a page for this goal: {goal}"
  acceptance: ["One action"]
words: {min: 100, max: 900}
sections:
  - heading: Page Brief
    hint: What was decided.
    checks:
      - field: {label: Headline, hint: "The promise", max_chars: 70}
      - table:
          columns: [Element, {name: Reason, max_chars: 90}]
          min_rows: 2
  - heading: Copy
    instead_of: ["None"]
    checks:
      - list: {min_items: 3, hint: Reasons}
      - code: {info: [copy], min_words: 50}
      - contains: {text: Requires human approval, severity: critical}
      - quotes: {min_quotes: 2}
      - subsections:
          titled:
            - {title: Hero, checks: [{field: {label: CTA, ref: registry}}]}
            - {title: Proof}
"""

PLANNER = """\
squad: strategy
tier: opus
brief: {objective: "Plan {goal}"}
sections: [{heading: Plan}]
"""

FOUNDATION = PLANNER.replace("squad: strategy\n", "envelope: false\n")

PIPELINES = """\
pipelines:
  - name: Page Launch
    aliases: [New Page]
    category: content
    priority: P1
    recurring: true
    description: A page, planned and written.
    gates:
      - {kind: legal_risk, question: "May we?"}
    before_you_publish: ["Check the price"]
    phases:
      - name: Plan
        steps:
          - {skill: planner, latest: [writer]}
      - name: Create
        steps:
          - {skill: writer, uses: [planner], note: Keep it short}
          - {review: Publish gate}
          - {wait: the test has run}
"""

INSTRUCTIONS = "---\nname: {name}\ndescription: {name} does its work.\n---\n\n# How\n\nWork well.\n"


def put_skill(team: Path, name: str, contract: str) -> Path:
    folder = team / "skills" / name
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(INSTRUCTIONS.format(name=name))
    (folder / "contract.yaml").write_text(contract)
    return folder


@pytest.fixture
def built_in(tmp_path: Path) -> Path:
    root = tmp_path / "built_in"
    root.mkdir()
    for name in ("models.toml", "squads.yaml", "house-rules.md"):
        shutil.copy(BUILT_IN / name, root / name)
    (root / "pipelines.yaml").write_text(PIPELINES)
    (root / "gates.yaml").write_text("loop:\n  stops: always\n")
    put_skill(root, "writer", CONTRACT)
    put_skill(root, "planner", PLANNER)
    put_skill(root, FOUNDATION_SKILL, FOUNDATION)
    return root


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The workspace's team folder."""
    root = tmp_path / "workspace" / "team"
    root.mkdir(parents=True)
    return root


def mistake(team: FileTeam) -> str:
    with pytest.raises(ConfigurationError) as raised:
        team.validate()
    assert "\n" not in str(raised.value)
    return str(raised.value)


class TestSkills:
    def test_a_contract_becomes_domain_data(self, built_in: Path) -> None:
        skill = FileTeam(built_in=built_in).skill("writer")
        assert (skill.info.squad, skill.info.tier, skill.info.upstream) == ("creative", Tier.SONNET, ("planner",))
        assert (skill.info.timeout_s, skill.info.max_output_tokens) == (300, 12_000)
        assert skill.info.review_depth is ReviewDepth.STANDARD
        assert skill.info.brief.objective == "Write a page for this goal: {goal}"
        assert skill.info.description == "writer does its work."
        assert skill.body == "# How\n\nWork well."
        assert (skill.contract.min_words, skill.contract.max_words, skill.contract.envelope) == (100, 900, True)
        brief, copy = skill.contract.sections
        assert brief.checks == (
            domain.Field(label="Headline", hint="The promise", max_chars=70),
            domain.Table(
                columns=(domain.Column(name="Element"), domain.Column(name="Reason", max_chars=90)), min_rows=2
            ),
        )
        assert copy.instead_of == ("None",)
        assert copy.checks == (
            domain.ListOf(min_items=3, hint="Reasons"),
            domain.Code(info=("copy",), min_words=50),
            domain.Contains(text="Requires human approval", severity=Severity.CRITICAL),
            domain.Quotes(min_quotes=2),
            domain.Subsections(
                titled=(
                    domain.Subsection(title="Hero", checks=(domain.Field(label="CTA", ref="registry"),)),
                    domain.Subsection(title="Proof"),
                )
            ),
        )

    def test_planning_reads_the_same_facts_as_the_full_skill(self, built_in: Path) -> None:
        planning, doing = FileTeam(built_in=built_in), FileTeam(built_in=built_in)
        for name in planning.skill_names():
            assert planning.skill_info(name) == doing.skill(name).info

    def test_keys_below_the_sections_count_for_planning_too(self, built_in: Path) -> None:
        path = built_in / "skills" / "writer" / "contract.yaml"
        path.write_text(path.read_text() + "timeout_s: 77\n")
        assert FileTeam(built_in=built_in).skill_info("writer").timeout_s == 77

    def test_names_come_from_folders_without_opening_them(self, built_in: Path) -> None:
        (built_in / "skills" / "broken").mkdir()
        (built_in / "skills" / ".hidden").mkdir()
        assert FileTeam(built_in=built_in).skill_names() == ("broken", "planner", FOUNDATION_SKILL, "writer")

    def test_references_are_read_in_alphabetical_order(self, built_in: Path) -> None:
        folder = built_in / "skills" / "writer" / "references"
        folder.mkdir()
        for name in ("b.md", "a.md", "notes.txt"):
            (folder / name).write_text(f"text of {name}\n")
        references = FileTeam(built_in=built_in).skill("writer").references
        assert [(ref.name, ref.text) for ref in references] == [("a.md", "text of a.md"), ("b.md", "text of b.md")]

    def test_an_unknown_skill_is_a_usage_error_with_the_nearest_name(self, built_in: Path) -> None:
        with pytest.raises(UsageError, match=r"no skill 'writter'; did you mean 'writer'\?"):
            FileTeam(built_in=built_in).skill_info("writter")

    def test_yes_dates_and_clock_times_are_texts(self, built_in: Path) -> None:
        path = built_in / "skills" / "writer" / "contract.yaml"
        path.write_text(CONTRACT.replace("max_chars: 70", "one_of: [yes, no, 2026-01-31, 06:30, 010]"))
        field = FileTeam(built_in=built_in).skill("writer").contract.sections[0].checks[0]
        assert isinstance(field, domain.Field)
        assert field.one_of == ("yes", "no", "2026-01-31", "06:30", "010")

    @pytest.mark.parametrize(
        ("rule", "made"),
        [
            (schema.FieldCheck, domain.Field),
            (schema.ColumnRule, domain.Column),
            (schema.TableCheck, domain.Table),
            (schema.ListCheck, domain.ListOf),
            (schema.CodeCheck, domain.Code),
            (schema.ContainsCheck, domain.Contains),
            (schema.QuotesCheck, domain.Quotes),
            (schema.SubsectionRule, domain.Subsection),
            (schema.SubsectionsCheck, domain.Subsections),
            (schema.SectionRule, domain.Section),
        ],
    )
    def test_the_file_format_offers_all_the_domain_knows(self, rule: type[Strict], made: type) -> None:
        assert set(rule.model_fields) == {field.name for field in fields(made)}


class TestOverlay:
    def test_a_folder_in_the_workspace_adds_a_skill(self, built_in: Path, own: Path) -> None:
        put_skill(own, "podcast-notes", PLANNER.replace("strategy", "creative"))
        team = FileTeam(built_in=built_in, workspace=own)
        team.validate()
        assert "podcast-notes" in team.skill_names()
        assert team.skill("podcast-notes").info.squad == "creative"

    def test_a_namesake_in_the_workspace_replaces_a_skill(self, built_in: Path, own: Path) -> None:
        put_skill(own, "planner", PLANNER.replace("tier: opus", "tier: haiku"))
        assert FileTeam(built_in=built_in, workspace=own).skill_info("planner").tier is Tier.HAIKU

    def test_own_house_rules_replace_the_built_in_ones(self, built_in: Path, own: Path) -> None:
        (own / "house-rules.md").write_text("# Mine\n")
        assert FileTeam(built_in=built_in, workspace=own).house_rules() == "# Mine"

    def test_own_pipelines_replace_namesakes_and_join_the_rest(self, built_in: Path, own: Path) -> None:
        mine = PIPELINES.replace("Page Launch", "page launch").replace("P1", "P3")
        (own / "pipelines.yaml").write_text(mine + PIPELINES.split("\n", 1)[1].replace("Page", "Shop"))
        team = FileTeam(built_in=built_in, workspace=own)
        assert [(pipe.name, pipe.priority) for pipe in team.pipelines()] == [
            ("page launch", Priority.P3),
            ("Shop Launch", Priority.P1),
        ]

    def test_a_raw_file_comes_in_both_versions_with_its_lines(self, built_in: Path, own: Path) -> None:
        (built_in / "routing.yaml").write_text("cues:\n  - {word: price}\n")
        team = FileTeam(built_in=built_in, workspace=own)
        assert team.raw("routing.yaml") == ({"cues": [{"word": "price"}]}, None)
        (own / "routing.yaml").write_text("# mine\n\ncues: []\n")
        assert team.raw("routing.yaml")[1] == {"cues": []}
        assert team.where("routing.yaml", ("cues", 0, "word")) == "marketeer/team/routing.yaml:2"
        assert team.where("routing.yaml", ("cues",), workspace=True) == "team/routing.yaml:3"

    def test_a_workspace_without_team_files_is_the_built_in_team(self, own: Path) -> None:
        assert load_team(own).skill_names() == load_team(own / "missing").skill_names() == load_team(None).skill_names()


class TestPipelines:
    def test_a_pipeline_becomes_domain_data(self, built_in: Path) -> None:
        (pipeline,) = FileTeam(built_in=built_in).pipelines()
        assert (pipeline.name, pipeline.category, pipeline.recurring) == ("Page Launch", Category.CONTENT, True)
        assert pipeline.gates[0].kind is ApprovalKind.LEGAL_RISK
        assert pipeline.before_you_publish == ("Check the price",)
        plan, create = pipeline.phases
        assert (plan.steps[0].skill, plan.steps[0].uses, plan.steps[0].latest) == ("planner", None, ("writer",))
        assert (create.steps[0].uses, create.steps[0].note) == (("planner",), "Keep it short")
        assert (create.steps[1].review, create.steps[2].wait) == ("Publish gate", "the test has run")

    @pytest.mark.parametrize("name", ["Page Launch", "page  launch", "NEW PAGE"])
    def test_a_pipeline_is_found_by_name_or_alias_in_any_case(self, built_in: Path, name: str) -> None:
        assert FileTeam(built_in=built_in).find_pipeline(name).name == "Page Launch"

    def test_an_unknown_pipeline_is_a_usage_error_with_the_nearest_name(self, built_in: Path) -> None:
        with pytest.raises(UsageError) as raised:
            FileTeam(built_in=built_in).find_pipeline("Page Lunch")
        assert str(raised.value) == "no pipeline 'Page Lunch'; did you mean 'Page Launch'? (all: Page Launch)"

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (
                "skill: writer",
                "skill: writr",
                "17: no skill 'writr' for pipeline 'Page Launch'; did you mean 'writer'?",
            ),
            ("uses: [planner]", "uses: [writer]", "17: 'writer' does not come before this step"),
            ("New Page", "Page launch", "3: the pipeline name 'Page launch' is taken by 'Page Launch'; choose another"),
            (
                "category: content",
                "category: contents",
                "4: pipelines[1].category is 'contents'; it must be 'strategic'",
            ),
            ("recurring: true", "recurring: yes", "6: pipelines[1].recurring is 'yes'; it must be true or false"),
            ("review: Publish", "reviw: Publish", "18: unknown key 'reviw' in steps; did you mean 'review'?"),
            ("{review: Publish gate}", "{note: hm}", "18: a step has exactly one of skill, review, wait"),
        ],
    )
    def test_a_mistake_is_named_with_line_and_remedy(self, built_in: Path, old: str, new: str, expected: str) -> None:
        (built_in / "pipelines.yaml").write_text(PIPELINES.replace(old, new))
        assert mistake(FileTeam(built_in=built_in)).startswith(f"marketeer/team/pipelines.yaml:{expected}")

    def test_an_own_pipeline_may_not_take_a_built_in_alias(self, built_in: Path, own: Path) -> None:
        (own / "pipelines.yaml").write_text(PIPELINES.replace("Page Launch", "Mine"))
        message = mistake(FileTeam(built_in=built_in, workspace=own))
        assert message.startswith("team/pipelines.yaml:2: 'New Page' already means the built-in pipeline 'Page Launch'")


class TestMistakes:
    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("columns:", "colums:", "14: unknown key 'colums' in table; did you mean 'columns'?"),
            ("- list:", "- liste:", "19: unknown key 'liste' in checks; did you mean 'list'?"),
            ("tier: sonnet", "tier: sonett", "2: tier is 'sonett'; it must be 'opus', 'sonnet' or 'haiku'"),
            ("tier: sonnet\n", "", "1: tier is missing; add it"),
            ("squad: creative", "squad: creativ", "1: no squad 'creativ'; did you mean 'creative'?"),
            ("squad: creative\n", "", "1: squad is missing; add one of strategy, creative, convert, activate, measure"),
            ("upstream: [planner]", "upstream: planner", "3: upstream is 'planner'; it must be a list"),
            ("[planner]", "[planer]", "3: no skill 'planer' for upstream; did you mean 'planner'?"),
            (
                "max_chars: 70",
                'max_chars: "70"',
                "12: sections[1].checks[1].field.max_chars is '70'; it must be a whole",
            ),
            ("max_chars: 70", "max_chars: 7, min_chars: 9", "12: min_chars 9 is more than max_chars 7"),
            ("max_chars: 70", 'pattern: "(a"', "12: pattern '(a' is not a regular expression"),
            ("max_chars: 70", "ref: table:Copy.Elemnt", "12: 'table:Copy.Elemnt' names no table column"),
            ("max_chars: 70", "ref: personas", "12: ref 'personas' points nowhere; it must be registry"),
            ("max_chars: 70", "one_of: [1]", "12: sections[1].checks[1].field.one_of[1] is 1; it must be a text"),
            ("min_rows: 2", "sorted_desc: Rank", "15: sorted_desc 'Rank' is no column; choose one of Element, Reason"),
            ("heading: Copy", "heading: page brief", "16: the section 'page brief' stands twice"),
            ("heading: Copy", "heading: Summary", "16: the section 'Summary' stands twice"),
            ("hint: Reasons}", "hint: Reasons}\n        quotes: {}", "19: a check has exactly one of field, table"),
            ("{title: Proof}", "{hint: Proof}", "24: every entry of titled needs its title"),
            ("max: 900", "max: 90", "7: min 100 is more than max 90"),
            ("tier: sonnet", "tier: sonnet\ntier: opus", "3: the key 'tier' stands twice in one block"),
            ("tier: sonnet", "tier: [sonnet", "3: "),
            ("tier: sonnet", "tier: sonnet\n\ttabbed: 1", "3: "),
        ],
    )
    def test_a_contract_mistake_is_named_with_line_and_remedy(
        self, built_in: Path, own: Path, old: str, new: str, expected: str
    ) -> None:
        assert old in CONTRACT
        put_skill(own, "my-skill", CONTRACT.replace(old, new))
        message = mistake(FileTeam(built_in=built_in, workspace=own))
        assert message.startswith(f"team/skills/my-skill/contract.yaml:{expected}")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("# How\n", ":1: no frontmatter; begin the file with ---"),
            ("---\nname: my-skill\n---\nBody", ":2: description is missing; add it"),
            ("---\nname: other\ndescription: x\n---\nBody", ":2: name 'other' differs from the folder 'my-skill'"),
            ("---\nname: My_Skill\ndescription: x\n---\nBody", ":2: name 'My_Skill' must be 1 to 64 lowercase"),
            (f"---\nname: my-skill\ndescription: {'x' * 1025}\n---\nB", ":3: description has 1025 characters; shorten"),
            (
                "---\nname: my-skill\ndescription: x\nauthor: me\n---\nBody",
                ":4: unknown key 'author'; choose one of name",
            ),
            ("---\nname: my-skill\ndescription: x\n---\n \n", ": no instructions below the frontmatter"),
        ],
    )
    def test_a_mistake_in_the_instructions_is_named(self, built_in: Path, own: Path, text: str, expected: str) -> None:
        folder = put_skill(own, "my-skill", PLANNER)
        (folder / "SKILL.md").write_text(text)
        message = mistake(FileTeam(built_in=built_in, workspace=own))
        assert message.startswith(f"team/skills/my-skill/SKILL.md{expected}")

    def test_a_missing_contract_is_named(self, built_in: Path, own: Path) -> None:
        (put_skill(own, "my-skill", PLANNER) / "contract.yaml").unlink()
        message = mistake(FileTeam(built_in=built_in, workspace=own))
        assert message.startswith("team/skills/my-skill/contract.yaml: the file is missing; add it")

    def test_text_that_is_not_utf8_is_named(self, built_in: Path, own: Path) -> None:
        (put_skill(own, "my-skill", PLANNER) / "contract.yaml").write_bytes(b"squad: x\ntier: \xff\n")
        message = mistake(FileTeam(built_in=built_in, workspace=own))
        assert message == "team/skills/my-skill/contract.yaml:2: not UTF-8 text; save the file as UTF-8"

    @pytest.mark.parametrize("text", ["", "- a list", "just words", "\x01", "[" * 5_000, "&a [*a]"])
    def test_no_file_content_gets_past_as_a_traceback(self, built_in: Path, own: Path, text: str) -> None:
        (put_skill(own, "my-skill", PLANNER) / "contract.yaml").write_text(text)
        message = mistake(FileTeam(built_in=built_in, workspace=own))
        assert message.startswith("team/skills/my-skill/contract.yaml")

    def test_windows_line_ends_and_a_byte_order_mark_are_fine(self, built_in: Path, own: Path) -> None:
        folder = put_skill(own, "my-skill", PLANNER)
        for name in ("SKILL.md", "contract.yaml"):
            text = (folder / name).read_text().replace("\n", "\r\n")
            (folder / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        FileTeam(built_in=built_in, workspace=own).validate()

    def test_handoffs_in_a_circle_are_named(self, built_in: Path, own: Path) -> None:
        put_skill(own, "my-skill", PLANNER + "upstream: [writer]\ndownstream: [planner]\n")
        message = mistake(FileTeam(built_in=built_in, workspace=own))
        assert re.match(r"team/skills/my-skill/contract\.yaml:[56]: the handoffs go in a circle: ", message)
        for name in ("my-skill", "writer", "planner"):
            assert name in message

    @pytest.mark.parametrize("name", ["director", "human"])
    def test_a_skill_cannot_take_the_name_of_someone_else(self, built_in: Path, own: Path, name: str) -> None:
        put_skill(own, name, PLANNER)
        assert f"{name!r} is not a name for a skill" in mistake(FileTeam(built_in=built_in, workspace=own))

    def test_only_the_foundation_skill_goes_without_a_squad(self, built_in: Path, own: Path) -> None:
        put_skill(own, FOUNDATION_SKILL, PLANNER)
        message = mistake(FileTeam(built_in=built_in, workspace=own))
        assert "contract.yaml:1: the foundation skill 'product-marketing-context' belongs to no squad" in message

    def test_loading_a_workspace_with_a_mistake_fails_at_once(self, own: Path) -> None:
        put_skill(own, "my-skill", CONTRACT)
        with pytest.raises(ConfigurationError, match=r"^team/skills/my-skill/contract\.yaml:3: no skill 'planner'"):
            load_team(own)


class TestTheBuiltInTeam:
    def test_it_is_valid_and_has_twenty_six_skills(self) -> None:
        team = load_team(None)
        team.validate()
        assert len(team.skill_names()) == 26

    def test_its_squads_have_the_sizes_they_should(self) -> None:
        team = load_team(None)
        squads = [team.skill_info(name).squad for name in team.skill_names()]
        assert [(squad.name, squads.count(squad.name)) for squad in team.squads()] == [
            ("strategy", 6),
            ("creative", 7),
            ("convert", 5),
            ("activate", 4),
            ("measure", 3),
        ]
        assert squads.count(None) == 1
        assert all(squad.job for squad in team.squads())

    def test_every_other_skill_builds_on_the_product_context(self) -> None:
        team = load_team(None)
        for name in set(team.skill_names()) - {FOUNDATION_SKILL}:
            assert FOUNDATION_SKILL in team.skill_info(name).upstream

    def test_its_eleven_pipelines_are_all_found(self) -> None:
        team = load_team(None)
        assert {pipe.name for pipe in team.pipelines()} == {
            "Content Production",
            "Page Launch",
            "Product Launch",
            "Conversion Sprint",
            "Competitive Response",
            "Retention Sprint",
            "SEO Cycle",
            "Outreach Campaign",
            "Social Content",
            "Director Morning Review",
            "Performance Review",
        }

    def test_its_house_rules_are_short_and_name_every_provenance_tag(self) -> None:
        rules = load_team(None).house_rules()
        assert len(rules.splitlines()) <= 60
        for tag in ("[ctx]", "[in:path]", "[calc]", "[A1]", "[target]", "[example]", "[bench: source, year]"):
            assert f"`{tag}`" in rules
        assert "<external-content>" in rules

    def test_all_that_planning_needs_loads_in_a_moment(self) -> None:
        def seconds() -> float:
            team, begun = load_team(None), time.process_time()
            for name in team.skill_names():
                team.skill_info(name)
            return time.process_time() - begun

        assert min(seconds() for _ in range(3)) < 0.15
