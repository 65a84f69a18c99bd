"""Reads a configuration: every mistake is found at once, before anything starts."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from oneuser.config.base import Section
from oneuser.config.default_id_types import DEFAULT_ID_TYPES
from oneuser.config.document import Document, apply_overrides, read_document
from oneuser.config.hashed_emails import with_hashes_of_emails
from oneuser.config.model import Config
from oneuser.config.not_yet import refused_keys
from oneuser.config.problems import place_of, translate
from oneuser.core.errors import ConfigError, ConfigProblem

_NEXT_STEP = "mend the configuration and try again; `oneuser config schema` describes every key"
_MAX_BYTES = 4 * 1024 * 1024

Model = TypeVar("Model", bound=Section)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file.

    Relative paths in it start at the working directory, like those on the command line, and are absolute in what is
    returned: whoever changes the directory afterwards changes none of them. `~` is the home folder.

    Args:
        path: The file.
        overrides: `KEY=VALUE`, as `--set` takes them; the value is YAML.

    Raises:
        ConfigError: with every problem of the file and of the overrides, each with file and line.
    """
    return with_hashes_of_emails(checked(read_file(path, overrides), Config))


def make_config(values: Mapping[str, Any]) -> Config:
    """Check values given from Python in the shape of the YAML file.

    Raises:
        ConfigError: with every problem.
    """
    return with_hashes_of_emails(checked(read_values(values), Config))


def read_file(path: str | Path, overrides: Sequence[str] = ()) -> Document:
    """What a YAML file and the overrides say, unchecked. Problems of the text are in the document.

    Raises:
        ConfigError: where the file cannot be read.
    """
    document = read_document(_text_of(Path(path)), file=str(path))
    if _is_readable(document):
        _spell_out_id_types(document)
        apply_overrides(document, overrides)
    return document


def read_values(values: Mapping[str, Any], overrides: Sequence[str] = ()) -> Document:
    """What values from Python, in the shape of the file, and the overrides say, unchecked."""
    document = Document(copy.deepcopy(dict(values)))
    _spell_out_id_types(document)
    apply_overrides(document, overrides)
    return document


def _spell_out_id_types(document: Document) -> None:
    """Write the default types where none are declared: an override of one of them changes that one alone."""
    identity = document.values.setdefault("identity", {})
    if isinstance(identity, dict):
        identity.setdefault("id_types", copy.deepcopy(DEFAULT_ID_TYPES))


def checked(document: Document, model: type[Model]) -> Model:
    """A document as what it should be: the whole configuration, or some sections of it.

    Raises:
        ConfigError: with every problem.
    """
    problems = list(document.problems)
    config: Model | None = None
    if _is_readable(document):
        not_yet = refused_keys(document)
        try:
            config = model.model_validate(document.values)
        except ValidationError as refusal:
            # what is refused as not implemented needs no second text that calls it unknown
            errors = [
                error
                for error in refusal.errors(include_url=False)
                if not any(_concerns(place_of(error["loc"], document), refused) for refused in not_yet)
            ]
            unread = {problem.key for problem in document.problems if problem.code == "config.yaml"}
            problems += [found for found in translate(errors, model, document) if found.key not in unread]
        problems += not_yet.values()
    if problems or config is None:
        raise ConfigError(sorted(problems, key=_order), next_step=_NEXT_STEP)
    return config


def _is_readable(document: Document) -> bool:
    return not any(problem.code == "config.yaml" and not problem.key for problem in document.problems)


def _concerns(place: tuple[str | int, ...], refused: tuple[str | int, ...]) -> bool:
    """Whether an error is at a refused key or below it."""
    return place[: len(refused)] == refused


def _order(problem: ConfigProblem) -> tuple[bool, int, str]:
    # those of one key stay as they were found: in the order of a file's lines
    return (problem.line is None, problem.line or 0, problem.key)


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError([ConfigProblem("", "is larger than 4 MB: not a configuration", file=str(path))])
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError([ConfigProblem("", "is not UTF-8 text", file=str(path), code="config.yaml")]) from None
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise ConfigError(
            [ConfigProblem("", f"cannot be read: {reason}", file=str(path), code="config.usage")],
            next_step="name the file with --config, or write one with `oneuser init`",
        ) from None
