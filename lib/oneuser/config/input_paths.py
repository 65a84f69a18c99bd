"""All input files that a configuration names, of sources and reference inputs; whether it names S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oneuser.config.model import Config

SOURCES = "sources"
# an input by its section of the configuration and its name there
Input = tuple[str, str]


def input_paths(config: Config) -> dict[Input, str]:
    """The path or pattern of each input. All but those of `sources` are reference inputs."""
    paths = {(SOURCES, name): source.path for name, source in config.sources.items()}
    paths |= {("links", name): table.path for name, table in config.links.items()}
    for section, files in config.commercial.items():
        paths |= {(section, name): file.path for name, file in files.items()}
    return paths | {("accounts.files", name): file.path for name, file in config.accounts.files.declared.items()}


def names_s3a(config: Config) -> bool:
    """Whether any path is one of `s3a://`, be it that paths without a scheme are."""
    default = config.spark.conf.get("spark.hadoop.fs.defaultFS", "")
    return any(map(is_on_s3a, [config.warehouse, config.raw_root or "", default, *input_paths(config).values()]))


def is_on_s3a(path: str) -> bool:
    """Whether a path is one of `s3a://`."""
    return path.startswith("s3a://")
