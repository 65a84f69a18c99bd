"""Names of Java that Python has looked up once are not looked up again.

PySpark asks the JVM what a name is, whenever it is used: each `functions.col` looks for the class `functions` in every
JAR of the class path, finds none, and then tries the packages that are imported. Over a run these are ten thousand
looks, a sixth of what a small run costs. What a name is never changes: it is kept where it was found, on the objects
of py4j that are asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py4j.java_gateway import JavaClass, JavaMember, JavaPackage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# what PySpark, and we, begin with in the JVM; each is asked for hundreds of times in a small run
_FIRST_NAMES = (
    "functions",
    "org.apache.spark.sql.functions",
    "PythonUtils",
    "PythonSQLUtils",
    "org.apache.spark.sql.api.python.PythonSQLUtils",
    "org.apache.spark.sql.types.Metadata",
    "org.apache.spark.sql.classic.SparkSession",
    "org.apache.spark.sql.Observation",
    "SimplePythonFunction",
    "py4j",
    "org",
    "java",
    "scala",
)


class _KnownClass(JavaClass):  # type: ignore[misc]  # py4j has no types
    """A class of Java whose methods are looked up once. Values of its fields may change, and are read each time."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if isinstance(found, JavaMember):
            self.__dict__[name] = found
        return found


class _KnownPackage(JavaPackage):  # type: ignore[misc]
    """A package of Java whose packages and classes are looked up once."""

    def __getattr__(self, name: str) -> Any:
        found = _known(super().__getattr__(name))
        # py4j takes a class that is missing for a package: it may come with a JAR that is added later
        if isinstance(found, JavaClass) or name.islower():
            self.__dict__[name] = found
        return found


def keep_java_names(session: SparkSession) -> None:
    """Have names of Java kept for as long as the JVM of this session lives; a second call does nothing."""
    jvm: Any = session._jvm  # noqa: SLF001 - the documented way to reach the JVM
    for name in _FIRST_NAMES:
        if name not in vars(jvm):
            setattr(jvm, name, _known(getattr(jvm, name)))


def _known(found: Any) -> Any:
    if isinstance(found, JavaClass):
        return _KnownClass(found._fqn, found._gateway_client)  # noqa: SLF001 - what it was made of
    if isinstance(found, JavaPackage):
        return _KnownPackage(found._fqn, found._gateway_client, found._jvm_id)  # noqa: SLF001
    return found
