"""The JARs oneuser needs: found in a folder, or fetched into it once by Spark's own resolver.

Three sets, resolved apart, because one missing coordinate fails a whole resolution: Delta, which everything needs;
GraphFrames, which only the engine of that name needs and which not every Maven repository has; and S3A, which only
paths of `s3a://` need. That has a folder of its own below the others', since it is put on the class path on demand.

`python -m oneuser.spark.jars FOLDER` fetches the first two, `--with s3` the third one as well.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from oneuser.core.errors import EnvironmentProblem, OneUserError
from oneuser.spark.java import require_java

FOLDER_VARIABLE = "ONEUSER_JARS"

_log = logging.getLogger(__name__)
# A repository that does not answer must not cost minutes. Milliseconds, read by Java's own HTTP client.
_TIMEOUTS = "-Dsun.net.client.defaultConnectTimeout=10000 -Dsun.net.client.defaultReadTimeout=60000"
_RESOLVE_SECONDS = 300
_ATTEMPTS = 2


@dataclass(frozen=True)
class JarSet:
    """Coordinates that are resolved together.

    `excludes` are patterns of transitive artifacts that are not fetched. Spark applies them to the coordinates
    themselves too, so no pattern may cover those.
    """

    name: str
    coordinates: tuple[str, ...]
    excludes: tuple[str, ...]

    def jars_in(self, folder: Path) -> list[Path] | None:
        """The set's own JARs in a folder, in order of the coordinates; None where one is missing.

        Ivy prefixes the file's name with the group, Maven does not: both are recognised.
        """
        found = []
        for coordinate in self.coordinates:
            group, artifact, version = coordinate.split(":")
            names = (f"{group}_{artifact}-{version}.jar", f"{artifact}-{version}.jar")
            jar = next((folder / name for name in names if (folder / name).is_file()), None)
            if jar is None:
                return None
            found.append(jar)
        return found


# Tables by path need two JARs. The transitive rest is 80 MB, brings an older Hadoop and Parquet, and buys nothing.
DELTA = JarSet(
    "Delta",
    ("io.delta:delta-spark_4.2_2.13:4.4.0", "io.delta:delta-storage:4.4.0"),
    ("com.*:*", "net.*:*", "org.*:*", "javax.*:*", "jakarta.*:*", "io.unitycatalog:*", "io.delta:delta-kernel-*"),
)
GRAPHFRAMES = JarSet(
    "GraphFrames",
    ("io.graphframes:graphframes-spark4_2.13:0.12.3", "io.graphframes:graphframes-graphx-spark4_2.13:0.12.3"),
    ("org.apache.spark:*", "org.scala-lang:*", "org.slf4j:*"),
)
_AWS_SDK = "2.35.4"
# hadoop-aws must be of the version of Spark's Hadoop. The bundle of the whole AWS SDK that it asks for is 686 MB; these
# parts, 13 MB with all that they need, are what S3A uses of it. The rest of the excluded comes with Spark.
S3A = JarSet(
    "S3A",
    (
        "org.apache.hadoop:hadoop-aws:3.5.0",
        "software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.3.1",
        f"software.amazon.awssdk:s3:{_AWS_SDK}",
        f"software.amazon.awssdk:sts:{_AWS_SDK}",
        f"software.amazon.awssdk:s3-transfer-manager:{_AWS_SDK}",
        f"software.amazon.awssdk:apache-client:{_AWS_SDK}",
        f"software.amazon.awssdk:netty-nio-client:{_AWS_SDK}",
    ),
    (
        "software.amazon.awssdk:bundle",
        "io.netty:*",
        "org.apache.httpcomponents:*",
        "commons-codec:*",
        "commons-logging:*",
        "org.slf4j:*",
    ),
)
_S3A_FOLDER = "s3"
DELTA_COORDINATES = ",".join(DELTA.coordinates)
GRAPHFRAMES_COORDINATES = ",".join(GRAPHFRAMES.coordinates)


@dataclass(frozen=True)
class ResolvedJars:
    """What a folder holds: the JARs for the class path, and why GraphFrames is not among them (None where it is)."""

    folder: Path
    jars: tuple[Path, ...]
    graphframes_missing: str | None


def find_jars(folder: str | None = None) -> list[Path]:
    """The JARs for the class path of a session that is about to start.

    Looks into Spark's own folder of JARs (then there is nothing to add), the folder asked for, `ONEUSER_JARS`,
    `.jars` of the project, and the user's cache; what is nowhere is fetched once into the folder asked for, or into
    the cache.

    Raises:
        EnvironmentProblem: where Delta is nowhere and cannot be fetched.
    """
    found = look_for_jars(folder)
    return found if found is not None else list(resolve_jars(_places(folder)[-1]).jars)


def look_for_jars(folder: str | None = None) -> list[Path] | None:
    """As `find_jars`, but never fetches: null where Delta is nowhere."""
    if DELTA.jars_in(_spark_home() / "jars") is not None:
        return []
    return next((_all_jars(place) for place in _places(folder) if DELTA.jars_in(place) is not None), None)


def look_for_s3a_jars(folder: str | None = None) -> list[Path] | None:
    """The JARs that `s3a://` needs beside those of `find_jars`; null where they are nowhere. Never fetches."""
    if S3A.jars_in(_spark_home() / "jars") is not None:
        return []
    places = (place / _S3A_FOLDER for place in _places(folder))
    return next((_all_jars(place) for place in places if S3A.jars_in(place) is not None), None)


def _places(folder: str | None) -> list[Path]:
    asked_for = folder or os.environ.get(FOLDER_VARIABLE)
    return [Path(asked_for).expanduser()] if asked_for else [_project_folder(), _cache_folder()]


def resolve_jars(folder: str | Path, *, graphframes: bool = True) -> ResolvedJars:
    """Make a folder hold the JARs. Writes nothing where they are there already; never leaves half a JAR.

    Args:
        folder: Created where it does not exist.
        graphframes: Try the GraphFrames JARs too. That they cannot be had is no error.

    Raises:
        EnvironmentProblem: where Delta's JARs are missing and cannot be fetched, or no Java runs.
    """
    target = Path(folder).absolute()  # Ivy refuses a relative folder
    # each waits for the network and starts a Java of its own: together they take as long as one
    with ThreadPoolExecutor(1) as beside:
        optional = beside.submit(_try_graphframes, target) if graphframes else None
        _fetch(DELTA, target)
    missing = "not asked for" if GRAPHFRAMES.jars_in(target) is None else None
    return ResolvedJars(target, tuple(_all_jars(target)), optional.result() if optional else missing)


def resolve_s3a_jars(folder: str | Path) -> list[Path]:
    """Make a folder hold the JARs that `s3a://` needs, in one of their own below it.

    Raises:
        EnvironmentProblem: where they are missing and cannot be fetched, or no Java runs.
    """
    target = Path(folder).absolute() / _S3A_FOLDER
    if S3A.jars_in(target) is None:
        _fetch(S3A, target)
    return _all_jars(target)


def _try_graphframes(target: Path) -> str | None:
    try:
        _fetch(GRAPHFRAMES, target)
    except EnvironmentProblem as problem:
        # the JAR is optional: the reason becomes part of the answer instead of an error
        return problem.found
    return None


def _fetch(jar_set: JarSet, target: Path) -> None:
    """Resolve what is not there into a folder beside the JARs, then move them in, one rename each."""
    if jar_set.jars_in(target) is not None:
        return
    require_java()
    try:
        target.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".resolving-", dir=target))
    except OSError as problem:
        raise EnvironmentProblem(
            found=f"the folder for JARs is not writable ({problem.strerror})",
            expected="a folder that can be written",
            where=str(target),
            next_step=f"choose another folder with {FOLDER_VARIABLE}",
        ) from problem
    try:
        output = ""
        for _ in range(_ATTEMPTS):
            output = _run_resolver(jar_set, scratch)
            if jar_set.jars_in(scratch / "jars") is not None:
                _move_in(jar_set, scratch / "jars", target)
                return
            if "timed out" not in output.lower():
                break
        raise _not_fetched(jar_set, target, output)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run_resolver(jar_set: JarSet, scratch: Path) -> str:
    """Let spark-submit resolve for an empty script, without starting Spark. Returns everything it printed."""
    nothing = scratch / "nothing.py"
    nothing.write_text("", encoding="utf-8")
    home = _spark_home()
    command = [str(home / "bin" / "spark-submit"), "--master", "local[1]"]
    command += ["--packages", ",".join(jar_set.coordinates)]
    command += ["--conf", f"spark.jars.excludes={','.join(jar_set.excludes)}"]
    command += ["--conf", f"spark.jars.ivy={scratch}", "--driver-java-options", _TIMEOUTS, str(nothing)]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYSPARK_")}
    environment = {**inherited, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    try:
        answer = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_RESOLVE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "timed out"
    return answer.stdout + answer.stderr


def _move_in(jar_set: JarSet, source: Path, target: Path) -> None:
    """Move the JARs, those named by a coordinate last: they are what tells that a set is complete."""
    named = jar_set.jars_in(source) or []
    transitive = sorted(set(source.glob("*.jar")) - set(named))
    for jar in [*transitive, *named]:
        jar.replace(target / jar.name)


def _not_fetched(jar_set: JarSet, target: Path, output: str) -> EnvironmentProblem:
    asked = set(re.findall(r"https?://([^/:\s]+)", output))
    unknown = set(re.findall(r"Host (\S+) not found", output))
    if "timed out" in output.lower():
        reason = "a Maven repository did not answer in time, twice"
    elif "onnection refused" in output or (unknown and not asked - unknown):
        reason = "no Maven repository can be reached"
    elif ": not found" in output:
        reason = "the Maven repositories that can be reached do not have them"
    else:
        said = [line.strip() for line in output.splitlines() if "Exception" in line or "rror:" in line]
        reason = f"Spark's resolver failed ({said[0] if said else 'it said nothing'})"
    return EnvironmentProblem(
        found=f"the {jar_set.name} JARs could not be fetched: {reason}",
        expected=", ".join(jar_set.coordinates),
        where=str(target),
        next_step=(
            "connect to the network and try again, put the JARs into this folder yourself, "
            f"or let {FOLDER_VARIABLE} name a folder that has them"
        ),
    )


def _all_jars(folder: Path) -> list[Path]:
    return sorted(jar.resolve() for jar in folder.glob("*.jar"))


def _spark_home() -> Path:
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise EnvironmentProblem(
            found="the package pyspark is not installed",
            expected="pyspark 4.2.0",
            where=sys.executable,
            next_step="pip install oneuser",
        )
    return Path(spec.origin).parent


def _project_folder() -> Path:
    """`.jars` of the source tree this module runs from; a folder that does not exist where it runs from a wheel."""
    return Path(__file__).resolve().parents[3] / ".jars"


def _cache_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "oneuser" / "jars"


def main(arguments: list[str]) -> int:
    """Fetch the JARs into the folder given, or into the cache. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(
        prog="python -m oneuser.spark.jars", description="Fetch the JARs that are missing."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=_cache_folder(), help="where to; the cache by default")
    parser.add_argument("--with", choices=["s3"], dest="more", help="those for s3a:// paths, too")
    asked = parser.parse_args(arguments)
    try:
        resolved = resolve_jars(asked.folder)
        s3a_jars = resolve_s3a_jars(asked.folder) if asked.more else []
    except OneUserError as problem:
        _log.error("%s", problem)
        return problem.exit_code
    _log.info("Delta: %s are there", ", ".join(DELTA.coordinates))
    if resolved.graphframes_missing:
        _log.info(
            "GraphFrames: not there, and not needed unless `graph.engine: graphframes` is asked for (%s)",
            resolved.graphframes_missing,
        )
    else:
        _log.info("GraphFrames: %s are there", ", ".join(GRAPHFRAMES.coordinates))
    if s3a_jars:
        _log.info("S3A: %s are there, %d JARs with all that they need", ", ".join(S3A.coordinates), len(s3a_jars))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
