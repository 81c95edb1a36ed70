"""Settings: where values come from, what is refused, and how a refusal reads."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from marketeer.domain.errors import ConfigurationError
from marketeer.settings import Settings, load_settings, settings_table, unknown_variables

KEY = "sk-ant-0123456789"


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, _, _ in settings_table():
        monkeypatch.delenv(variable, raising=False)


def refusal(**overrides: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**overrides)
    return str(caught.value)


def test_without_any_variable_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.anthropic_api_key is None
    assert settings.workspace_dir == Path("workspace")
    assert settings.budget_monthly == Decimal(100)
    assert (settings.log_level, settings.logs_asked_for) == ("info", False)
    assert (settings.max_parallel_agents, settings.webhook_port, settings.redis_port) == (3, 8321, 6379)
    assert settings.notify_urls == ()
    assert settings.secrets() == ()


def test_overrides_win_over_the_environment_and_the_environment_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("REDIS_PORT=1\nWEBHOOK_PORT=1\nMAX_PARALLEL_AGENTS=7\n# a note\n")
    monkeypatch.setenv("REDIS_PORT", "2")
    monkeypatch.setenv("WEBHOOK_PORT", "2")
    settings = load_settings(webhook_port=3)
    assert (settings.max_parallel_agents, settings.redis_port, settings.webhook_port) == (7, 2, 3)


def test_a_variable_may_be_written_in_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("BUDGET_MONTHLY=7\nlog_level=debug\n")
    monkeypatch.setenv("budget_monthly", "8")
    settings = load_settings()
    assert (settings.budget_monthly, settings.log_level) == (Decimal(8), "debug")


def test_an_override_of_none_means_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSPACE_DIR", "elsewhere")
    assert load_settings(workspace_dir=None).workspace_dir == Path("elsewhere")


def test_an_override_nobody_knows_is_a_bug() -> None:
    with pytest.raises(TypeError, match="redis_prot"):
        load_settings(redis_prot=1)


def test_an_empty_variable_is_not_set_and_hides_its_line_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("ANTHROPIC_BASE_URL=http://localhost:11434\nREDIS_PORT=9\n")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "")
    monkeypatch.setenv("REDIS_PORT", "  ")
    settings = load_settings()
    assert (settings.anthropic_base_url, settings.redis_port) == (None, 6379)


def test_other_programs_lines_in_the_file_are_left_alone() -> None:
    Path(".env").write_text("DJANGO_DEBUG=1\n")
    assert load_settings() == Settings()


def test_a_file_that_is_no_text_is_refused() -> None:
    Path(".env").write_bytes(b"REDIS_HOST=\xff\xfe\n")
    assert "'.env' cannot be read" in refusal()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        unknown_variables()


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("REDIS_PORT", "abc", "REDIS_PORT='abc' is not valid: a whole number from 1 to 65535"),
        ("REDIS_PORT", "0", "REDIS_PORT='0' is not valid: a whole number from 1 to 65535"),
        ("WEBHOOK_PORT", "65536", "WEBHOOK_PORT='65536' is not valid: a whole number from 0 to 65535"),
        ("MAX_PARALLEL_AGENTS", "0", "MAX_PARALLEL_AGENTS='0' is not valid: a whole number from 1 to 1000"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL='loud' is not valid: one of debug, info, warning, error"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT='xml' is not valid: one of json, pretty"),
        ("MARKETEER_LEASE_S", "0", "MARKETEER_LEASE_S='0' is not valid: a number of seconds from 0.1 to 86400"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert refusal() == expected


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "a lot", "1e30", "0.0000001"])
def test_a_budget_is_a_finite_amount_of_money(monkeypatch: pytest.MonkeyPatch, amount: str) -> None:
    monkeypatch.setenv("BUDGET_MONTHLY", amount)
    assert refusal().startswith(f"BUDGET_MONTHLY={amount!r} is not valid: an amount in US dollars")


@pytest.mark.parametrize("amount", ["0", "49.50", "0.000001"])
def test_a_budget_is_kept_exactly(monkeypatch: pytest.MonkeyPatch, amount: str) -> None:
    monkeypatch.setenv("BUDGET_MONTHLY", amount)
    assert load_settings().budget_monthly == Decimal(amount)


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://host", "http://", "http://host:99999", "http://a b"])
def test_a_base_url_must_be_http(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    assert refusal() == f"ANTHROPIC_BASE_URL={url!r} is not valid: an http:// or https:// address with a host"


def test_several_bad_values_share_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PORT", "abc")
    monkeypatch.setenv("LOG_LEVEL", "two\nlines")
    message = refusal()
    assert "\n" not in message
    assert [part.partition("=")[0] for part in message.split("; ")] == ["REDIS_PORT", "LOG_LEVEL"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANTHROPIC_API_KEY", "hunter2 hunter2"),
        ("REDIS_URL", "http://:hunter2@host"),
        ("DATABASE_URL", "mysql://u:hunter2@host"),
        ("NOTIFY_URLS", "hunter2"),
        ("ANTHROPIC_BASE_URL", "ftp://user:hunter2@host"),
    ],
)
def test_a_bad_value_that_holds_a_secret_is_masked(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    message = refusal()
    assert message.startswith(f"{variable}='")
    assert "***" in message
    assert "hunter2" not in message


def test_levels_and_formats_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    monkeypatch.setenv("LOG_FORMAT", "JSON")
    settings = load_settings()
    assert (settings.log_level, settings.log_format, settings.logs_asked_for) == ("info", "json", True)


@pytest.mark.parametrize("secret", ["ANTHROPIC_API_KEY", "REDIS_PASSWORD", "WEBHOOK_TOKEN"])
def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    Path("secret.txt").write_text(f"{KEY}\n")
    monkeypatch.setenv(f"{secret}_FILE", "secret.txt")
    assert getattr(load_settings(), secret.lower()).get_secret_value() == KEY
    monkeypatch.setenv(secret, "another")
    assert refusal() == (
        f"{secret}='***' is not valid: printable characters without spaces, given here or in {secret}_FILE but not both"
    )


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_secret_file_that_gives_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    if content is not None:
        Path("secret.txt").write_bytes(content)
    monkeypatch.setenv("REDIS_PASSWORD_FILE", "secret.txt")
    assert refusal() == "REDIS_PASSWORD_FILE='secret.txt' is not valid: the path of a readable text file"


def test_a_secret_file_with_two_lines_is_refused_without_showing_them(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("secret.txt").write_text("hunter2\nhunter3\n")
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", "secret.txt")
    message = refusal()
    assert message.startswith("ANTHROPIC_API_KEY='***'")
    assert "hunter" not in message


@pytest.mark.parametrize(
    "address", ["redis://host:port/0", "redis://host:0", "redis://host:6379/first", "redis://[::1"]
)
def test_a_redis_url_whose_port_or_database_is_no_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("REDIS_URL", address)
    assert "REDIS_URL='***' is not valid: an address such as redis://host:6379/0" in refusal()


@pytest.mark.parametrize(
    ("address", "with_password"),
    [
        ("redis://host:1/2", "redis://:p%40ss@host:1/2"),
        ("rediss://user@host", "rediss://user:p%40ss@host"),
        ("unix:///run/redis.sock?db=1", "unix://:p%40ss@/run/redis.sock?db=1"),
        ("redis://:its-own@host", "redis://:its-own@host"),
        ("redis://host?password=its-own", "redis://host?password=its-own"),
    ],
)
def test_a_redis_url_without_a_password_takes_the_one_that_is_set(
    monkeypatch: pytest.MonkeyPatch, address: str, with_password: str
) -> None:
    monkeypatch.setenv("REDIS_URL", address)
    monkeypatch.setenv("REDIS_PASSWORD", "p@ss")
    assert load_settings().redis_address() == with_password


def test_a_redis_url_wins_over_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().redis_address() is None
    monkeypatch.setenv("REDIS_HOST", "queue")
    monkeypatch.setenv("REDIS_PASSWORD", "p@ss/word")
    assert load_settings().redis_address() == "redis://:p%40ss%2Fword@queue:6379/0"
    monkeypatch.setenv("REDIS_URL", "rediss://other:1/2")
    monkeypatch.delenv("REDIS_PASSWORD")
    assert load_settings().redis_address() == "rediss://other:1/2"


def test_secrets_never_show_in_a_repr_and_are_all_named_for_masking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@host/db")
    monkeypatch.setenv("NOTIFY_URLS", "tgram://token/chat, mailto://a:b@c ,")
    settings = load_settings()
    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)
    assert {KEY, "hunter2", "postgresql://u:hunter2@host/db", "tgram://token/chat", "b"} <= set(settings.secrets())
    assert len(settings.notify_urls) == 2


def test_a_time_zone_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETEER_TIMEZONE", "Europe/Berlin")
    assert load_settings().marketeer_timezone == "Europe/Berlin"
    monkeypatch.setenv("MARKETEER_TIMEZONE", "../Berlin")
    assert refusal().startswith("MARKETEER_TIMEZONE='../Berlin' is not valid: a name of the IANA time zone database")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().redis_port = 1


def test_misspelt_variables_of_ours_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("MARKETEER_LEASE=5\n")
    monkeypatch.setenv("MARKETEER_TIMEZOME", "UTC")
    monkeypatch.setenv("MARKETEER_LEASE_S", "5")
    monkeypatch.setenv("MARKETEER_JSON", "1")
    assert unknown_variables(known=["MARKETEER_JSON"]) == ("MARKETEER_LEASE", "MARKETEER_TIMEZOME")


def test_the_table_explains_every_setting() -> None:
    rows = {variable: (default, meaning) for variable, default, meaning in settings_table()}
    assert rows.keys() == {name.upper() for name in Settings.model_fields}
    assert rows["BUDGET_MONTHLY"][0] == "100"
    assert rows["WORKSPACE_DIR"][0] == "workspace"
    assert rows["SHUTDOWN_GRACE_S"][0] == "30"
    assert rows["ANTHROPIC_API_KEY"][0] == rows["NOTIFY_URLS"][0] == ""
    assert all(meaning.endswith(".") for _, meaning in rows.values())


def test_notify_addresses_are_separated_by_commas_or_spaces_and_may_have_commas_themselves() -> None:
    given = "mailto://a.example?to=x@b.example,y@b.example, slack://t  json://c.example/"
    settings = load_settings(notify_urls=given)
    assert [address.get_secret_value() for address in settings.notify_urls] == [
        "mailto://a.example?to=x@b.example,y@b.example",
        "slack://t",
        "json://c.example/",
    ]
    assert "NOTIFY_URLS" in refusal(notify_urls="somewhere")


@pytest.mark.parametrize("given", ["22:00-07:00", " 22:00 - 07:00 "])
def test_quiet_hours_are_two_times_of_day(given: str) -> None:
    assert load_settings(notify_quiet_hours=given).notify_quiet_hours == "22:00-07:00"


@pytest.mark.parametrize("given", ["22:00", "night", "22:00-22:00", "25:00-07:00", "22:00-07:00-08:00"])
def test_quiet_hours_that_are_none_are_refused(given: str) -> None:
    assert "22:00-07:00" in refusal(notify_quiet_hours=given)
