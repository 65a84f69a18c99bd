"""How sessions of tests plan. Frames of tests are small: what is compiled for them is over before it has paid.

Expressions that are interpreted, and plans that stay as they are, take three quarters of the processor time or less.
"""

from __future__ import annotations

import os

FOR_FEW_ROWS = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
FOR_MANY_ROWS = {
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
}
# it is over before the optimising compiler of Java has earned what it costs, too
LITTLE_JAVA = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1"}
# what tests plan with that ask for nothing else; `make soak` does tests of frames once more, as for many rows
AS_ASKED = FOR_MANY_ROWS if os.environ.get("ONEUSER_TEST_PLANS") == "many_rows" else FOR_FEW_ROWS
