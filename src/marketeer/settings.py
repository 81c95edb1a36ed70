"""Settings: what the environment and `.env` say, checked once. The only file that reads the environment.

A field is its variable in lower case; `settings_table()` is what the README shows of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from marketeer import setting_values as values
from marketeer.domain.errors import ConfigurationError
from marketeer.domain.rubric import ReviewDepth

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["json", "pretty"]
PlannerName = Literal["model", "template"]

ENV_FILE = Path(".env")
MASK = "***"

_OWN_PREFIX = "MARKETEER_"
_FILE_SUFFIX = "_file"
_URL_PASSWORD = re.compile(r"//[^/@\s]*@")


def _setting(default: object, meaning: str, allowed: str = "any text", *, secret: bool = False, **limits: Any) -> Any:
    return Field(default, description=meaning, json_schema_extra={"allowed": allowed, "secret": secret}, **limits)


def _whole(default: int, meaning: str, lowest: int, highest: int) -> Any:
    return _setting(default, meaning, f"a whole number from {lowest} to {highest}", ge=lowest, le=highest)


def _limit(meaning: str) -> Any:
    return _setting(None, f"{meaning} Not set: no limit.", "a whole number from 1 to 100000", ge=1, le=100_000)


def _seconds(default: float, meaning: str, lowest: float, highest: int) -> Any:
    allowed = f"a number of seconds from {lowest:g} to {highest}"
    return _setting(default, meaning, allowed, ge=lowest, le=highest, allow_inf_nan=False)


class Settings(BaseModel):
    """Everything that can be set. An empty value means "not set"; secrets never show in its repr."""

    # `.env` may hold other programs' variables, so what is unknown is ignored and `unknown_variables` names it.
    # Validators raise bare ValueErrors: what a user reads is the field's `allowed`.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    # Each secret stands behind the file that may hold it, because its check looks at what the file gave.
    anthropic_api_key_file: SecretStr | None = _setting(
        None, "File that holds ANTHROPIC_API_KEY.", "the path of a readable text file"
    )
    anthropic_api_key: SecretStr | None = _setting(
        None,
        "Key for the Claude API. Without it only rehearsals run.",
        "printable characters without spaces, given here or in ANTHROPIC_API_KEY_FILE but not both",
        secret=True,
        validate_default=True,
    )
    anthropic_base_url: str | None = _setting(
        None,
        "Another server that speaks the Claude Messages API, without `/v1`.",
        "an http:// or https:// address with a host",
    )
    redis_url: SecretStr | None = _setting(
        None,
        "Redis that carries the queue, in one address. Wins over REDIS_HOST.",
        "an address such as redis://host:6379/0, rediss://host:6379/0 or unix:///path/of/socket",
        secret=True,
    )
    redis_host: str | None = _setting(
        None, "Host of that Redis. Without REDIS_HOST and REDIS_URL the queue lives in the process."
    )
    redis_port: int = _whole(6379, "Port of that Redis.", 1, 65535)
    redis_password_file: SecretStr | None = _setting(
        None, "File that holds REDIS_PASSWORD.", "the path of a readable text file"
    )
    redis_password: SecretStr | None = _setting(
        None,
        "Password of that Redis.",
        "printable characters without spaces, given here or in REDIS_PASSWORD_FILE but not both",
        secret=True,
        validate_default=True,
    )
    marketeer_redis_prefix: str = _setting(
        "marketeer",
        "What every key and channel of ours in that Redis begins with.",
        "letters, digits, hyphens and underscores",
        pattern=r"^[A-Za-z0-9_-]+$",
    )
    database_url: SecretStr | None = _setting(
        None,
        "PostgreSQL that keeps the store. Without it: SQLite in the workspace.",
        "an address that begins with postgresql:// or postgres://",
        secret=True,
    )
    workspace_dir: Path = _setting(Path("workspace"), "Folder with your context, outputs and database.", "a path")
    budget_monthly: Decimal = _setting(
        Decimal(100),
        "Hard limit for a calendar month, in US dollars, kept in the workspace. 0 forbids every paid call.",
        "an amount in US dollars from 0 to 1000000, with at most 6 decimals",
        ge=0,
        le=1_000_000,
        # the store counts whole micro-dollars
        decimal_places=6,
        allow_inf_nan=False,
    )
    log_level: LogLevel = _setting(
        "info",
        "Least severe log line: debug, info, warning or error. Neither this nor LOG_FORMAT set: from warning up.",
        "one of debug, info, warning, error",
    )
    log_format: LogFormat | None = _setting(
        None, "json or pretty. Not set: pretty on a terminal, json elsewhere.", "one of json, pretty"
    )
    max_parallel_agents: int = _whole(3, "How many tasks one process works on at the same time.", 1, 1000)
    marketeer_calls_at_once: int | None = _limit(
        "Most model calls at the same time, over all processes of a workspace."
    )
    marketeer_calls_per_minute: int | None = _limit(
        "Most model calls that begin within a minute, over all processes of a workspace."
    )
    webhook_host: str = _setting("127.0.0.1", "Address the webhook server listens on.")
    webhook_port: int = _whole(8321, "Port the webhook server listens on; 0 takes a free one.", 0, 65535)
    webhook_token_file: SecretStr | None = _setting(
        None, "File that holds WEBHOOK_TOKEN.", "the path of a readable text file"
    )
    webhook_token: SecretStr | None = _setting(
        None,
        "Secret that callers of the webhook server must show.",
        "printable characters without spaces, given here or in WEBHOOK_TOKEN_FILE but not both",
        secret=True,
        validate_default=True,
    )
    webhook_sources_file: SecretStr | None = _setting(
        None, "File that holds WEBHOOK_SOURCES, one source a line.", "the path of a readable text file"
    )
    webhook_sources: tuple[SecretStr, ...] = _setting(
        (),
        "Who may sign webhooks (Standard Webhooks): name=secret, several separated with commas.",
        "name=secret, where the secret is 16 bytes or more in base64 as in whsec_..., given here or in "
        "WEBHOOK_SOURCES_FILE but not both",
        secret=True,
        validate_default=True,
    )
    webhook_per_minute: int = _whole(600, "How many webhooks a minute each source may send.", 1, 1_000_000)
    notify_urls: tuple[SecretStr, ...] = _setting(
        (),
        "Where the daemon announces questions, failures and reviews: apprise addresses, separated with commas.",
        "addresses such as mailtos://user:password@example.com or slack://token, separated with commas or spaces",
        secret=True,
    )
    notify_quiet_hours: str | None = _setting(
        None,
        "When only urgent things are announced, such as 22:00-07:00, in the workspace's time zone.",
        "two times of day such as 22:00-07:00",
    )
    otel_exporter_otlp_endpoint: str | None = _setting(
        None,
        "OpenTelemetry collector that is sent traces over HTTP; needs `marketeer[otel]`. Not set: no traces.",
        "an http:// or https:// address with a host",
    )
    otel_exporter_otlp_headers: SecretStr | None = _setting(
        None, "Headers for that collector: name=value, several separated with commas.", "name=value", secret=True
    )
    shutdown_grace_s: float = _seconds(30, "Seconds that running calls get to finish when the process stops.", 0, 3600)
    marketeer_model_opus: str | None = _setting(None, "Model id to use for the opus tier.")
    marketeer_model_sonnet: str | None = _setting(None, "Model id to use for the sonnet tier.")
    marketeer_model_haiku: str | None = _setting(None, "Model id to use for the haiku tier.")
    marketeer_review: ReviewDepth | None = _setting(
        None,
        "How every output is reviewed: quick (by its contract, and a goal's outputs compared by rules, without a "
        "model), standard or deep (a model judges it by the skill's rubric). Not set: as each skill says.",
        "one of quick, standard, deep",
    )
    marketeer_planner: PlannerName = _setting(
        "model",
        "Who plans a goal that names no pipeline: model (the Director asks Claude, and goes by the rules where that "
        "fails) or template (the rules alone).",
        "one of model, template",
    )
    marketeer_rehearsal_latency_s: float = _seconds(0, "Seconds each call of a rehearsal pretends to take.", 0, 3600)
    marketeer_timezone: str | None = _setting(
        None,
        "Time zone of schedules and dates, such as Europe/Berlin. Not set: the machine's.",
        "a name of the IANA time zone database such as Europe/Berlin or UTC",
    )
    marketeer_lease_s: float = _seconds(
        60, "Seconds after which a silent worker's work is taken over. Not set and with Redis: 10.", 0.1, 86400
    )

    @property
    def logs_asked_for(self) -> bool:
        """Whether somebody set a log level or format, rather than nobody any."""
        return bool({"log_level", "log_format"} & self.model_fields_set)

    @property
    def sets_lease(self) -> bool:
        """Whether somebody set MARKETEER_LEASE_S, rather than nobody any."""
        return "marketeer_lease_s" in self.model_fields_set

    @property
    def sets_month_cap(self) -> bool:
        """Whether somebody set BUDGET_MONTHLY, rather than nobody any."""
        return "budget_monthly" in self.model_fields_set

    def redis_address(self) -> str | None:
        """One address for the Redis that is configured, None when there is none."""
        password = quote(self.redis_password.get_secret_value(), safe="") if self.redis_password else ""
        if self.redis_url is not None:
            return values.with_password(self.redis_url.get_secret_value(), password)
        if self.redis_host is None:
            return None
        user = f":{password}@" if password else ""
        host = f"[{self.redis_host}]" if ":" in self.redis_host else self.redis_host
        return f"redis://{user}{host}:{self.redis_port}/0"

    def webhook_secrets(self) -> tuple[tuple[str, str], ...]:
        """(source, secret) of everybody who may sign webhooks; a source that changes its secret has two for a while."""
        pairs = [pair.get_secret_value().partition("=") for pair in self.webhook_sources]
        return tuple((name.strip(), secret.strip()) for name, _, secret in pairs)

    def secrets(self) -> tuple[str, ...]:
        """Every text that must not show in a log: secrets, and the passwords inside addresses."""
        found = [value.get_secret_value() for value in _secret_values(self)]
        addresses = [*found, self.anthropic_base_url or "", self.otel_exporter_otlp_endpoint or ""]
        found += [secret for _, secret in self.webhook_secrets()]
        # each header's value may be shown without its name
        headers = self.otel_exporter_otlp_headers
        found += [part.partition("=")[2].strip() for part in headers.get_secret_value().split(",")] if headers else []
        passwords = [urlsplit(text).password for text in addresses if "://" in text]
        return tuple(dict.fromkeys([*found, *filter(None, passwords)]))

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: dict[str, Any]) -> dict[str, Any]:
        # After the merge, so that an empty variable also hides the line in `.env`.
        trimmed = {name: value.strip() if isinstance(value, str) else value for name, value in data.items()}
        return {name: value for name, value in trimmed.items() if value not in ("", None)}

    @field_validator(
        "anthropic_api_key_file", "redis_password_file", "webhook_token_file", "webhook_sources_file", mode="before"
    )
    @classmethod
    def _read_file(cls, path: object) -> str:
        return values.content_of(str(path))

    @field_validator("anthropic_api_key", "redis_password", "webhook_token")
    @classmethod
    def _take_from_file(cls, given: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        from_file: SecretStr | None = info.data.get(f"{info.field_name}{_FILE_SUFFIX}")
        if given is not None and from_file is not None:
            raise ValueError
        secret = given or from_file
        if secret is not None:
            values.check_printable(secret.get_secret_value())
        return secret

    @field_validator("anthropic_base_url", "otel_exporter_otlp_endpoint")
    @classmethod
    def _check_http(cls, value: str) -> str:
        return values.http_address(value)

    @field_validator("redis_url")
    @classmethod
    def _check_redis(cls, value: SecretStr) -> SecretStr:
        values.check_redis_address(value.get_secret_value())
        return value

    @field_validator("database_url")
    @classmethod
    def _check_postgres(cls, value: SecretStr) -> SecretStr:
        values.check_postgres_address(value.get_secret_value())
        return value

    @field_validator("webhook_sources", mode="before")
    @classmethod
    def _take_sources(cls, given: object, info: ValidationInfo) -> object:
        from_file: SecretStr | None = info.data.get("webhook_sources_file")
        if given and from_file is not None:
            raise ValueError
        if from_file is None:
            return values.parts(given, ",")
        return values.lines_of(from_file.get_secret_value())

    @field_validator("webhook_sources")
    @classmethod
    def _check_sources(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for pair in value:
            values.check_source(pair.get_secret_value())
        return value

    @field_validator("notify_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return values.parts(value, values.BETWEEN_ADDRESSES)

    @field_validator("notify_urls")
    @classmethod
    def _check_notify(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for address in value:
            values.check_notify_address(address.get_secret_value())
        return value

    @field_validator("notify_quiet_hours")
    @classmethod
    def _check_quiet_hours(cls, value: str) -> str:
        return values.quiet_hours(value)

    @field_validator("log_level", "log_format", "marketeer_review", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("workspace_dir")
    @classmethod
    def _expand_home(cls, value: Path) -> Path:
        try:
            return value.expanduser()
        except RuntimeError as exc:
            raise ValueError from exc

    @field_validator("marketeer_timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        return values.known_zone(value)


def load_settings(**overrides: object) -> Settings:
    """Settings from `overrides`, else the environment, else `.env` in the current directory, else the defaults.

    Overrides are fields by name, such as the options of a command; None means "not given". Raises ConfigurationError
    with one line that names every bad variable, its value and what is allowed.
    """
    unknown = sorted(overrides.keys() - Settings.model_fields.keys())
    if unknown:
        msg = f"no such settings: {', '.join(unknown)}"
        raise TypeError(msg)
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(_surroundings() | given)
    except ValidationError as exc:
        raise ConfigurationError(_explain(exc)) from None
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(_env_file_trouble()) from exc


def _surroundings() -> dict[str, str | None]:
    """By field what the environment says, and `.env` where it says nothing. An empty variable is something."""
    said = [*dotenv_values(ENV_FILE, encoding="utf-8").items(), *os.environ.items()]
    return {field: value for name, value in said if (field := name.lower()) in Settings.model_fields}


def unknown_variables(known: Collection[str] = ()) -> tuple[str, ...]:
    """MARKETEER_* variables, set or in `.env`, that nothing reads: spelling mistakes, most likely.

    `known` are variables that others read, such as those of command line options.
    """
    try:
        names = {*os.environ, *dotenv_values(ENV_FILE)}
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(_env_file_trouble()) from exc
    expected = {_variable(field) for field in Settings.model_fields} | set(known)
    return tuple(sorted(name for name in names if name.startswith(_OWN_PREFIX) and name not in expected))


def editor_command() -> str | None:
    """The user's editor, as every program asks for it: VISUAL, else EDITOR."""
    return next((command for name in ("VISUAL", "EDITOR") if (command := os.environ.get(name, "").strip())), None)


def settings_table() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting; the default is empty where there is none."""
    return [
        (_variable(name), _default_text(field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def changed_variables(before: Settings, after: Settings) -> tuple[str, ...]:
    """Names alone: values may be secret."""
    changed = [name for name in Settings.model_fields if getattr(before, name) != getattr(after, name)]
    return tuple(_variable(name) for name in changed)


def _secret_values(settings: Settings) -> list[SecretStr]:
    values = [getattr(settings, name) for name in Settings.model_fields]
    flat = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
    return [item for item in flat if isinstance(item, SecretStr)]


def _explain(error: ValidationError) -> str:
    problems = {str(item["loc"][0]): item.get("input") for item in error.errors(include_url=False)}
    return "; ".join(_problem(name, value) for name, value in problems.items())


def _problem(name: str, value: object) -> str:
    extra = _extra(Settings.model_fields[name])
    shown = MASK if extra["secret"] else _URL_PASSWORD.sub(f"//{MASK}@", str(value))
    return f"{_variable(name)}={shown!r} is not valid: {extra['allowed']}"


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _env_file_trouble() -> str:
    return f"{str(ENV_FILE)!r} cannot be read: make it a readable UTF-8 file, or remove it"


def _variable(field: str) -> str:
    return field.upper()


def _default_text(field: FieldInfo) -> str:
    if field.default in (None, ()):
        return ""
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
