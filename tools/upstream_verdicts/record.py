"""Judge a set of manifests anew by one of the programs beside, and write the verdicts back: SET PROGRAM DEFINITIONS."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def changed(base: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    """A manifest with changes: each has a path, and a value unless what stands there goes."""
    made = copy.deepcopy(base)
    for change in changes:
        *way, last = change["path"]
        at: Any = made
        for part in way:
            at = at[part]
        if "value" in change:
            at[last] = change["value"]
        else:
            del at[last]
    return made


def lines(known: dict[str, Any]) -> str:
    """The input of a program: one case a line."""
    made: list[str] = []
    for index, case in enumerate(known["cases"]):
        base = known["bases"][case["base"]]
        line = {"id": str(index), "manifest": changed(base, case["changes"]), "featureGates": case.get("gates")}
        if "old" in case:
            line["oldManifest"] = changed(base, case["old"])
        made.append(json.dumps(line) + "\n")
    return "".join(made)


def text_of(known: dict[str, Any]) -> str:
    """The set as a file: one case a line."""
    cases = ",\n".join(json.dumps(case, ensure_ascii=False) for case in known["cases"])
    head = {key: value for key, value in known.items() if key != "cases"}
    return json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "cases": [\n' + cases + "\n]}\n"


def main() -> None:
    """Ask the program about all cases."""
    file, program, definitions = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    known = json.loads(file.read_text("utf-8"))
    answer = subprocess.run([program, definitions], input=lines(known), capture_output=True, text=True, check=True)
    for case, line in zip(known["cases"], answer.stdout.splitlines(), strict=True):
        verdict = json.loads(line)
        case["expect"], case["stage"] = verdict["expect"], verdict.get("stage", "")
    file.write_text(text_of(known), "utf-8")


if __name__ == "__main__":
    main()
