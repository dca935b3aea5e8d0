"""`corbel fibers` in gdb lists every parked fiber by name, with the functions that led to its wait.

    gdb_test.py PARKED-PROGRAM CORBEL.PY     exits with 77 (skipped) where there is no gdb or it may not trace
"""

import shutil
import subprocess
import sys

program, script = sys.argv[1:3]
if not shutil.which("gdb"):
    sys.exit(77)
result = subprocess.run(
    ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-x", script, "-ex", "break all_parked", "-ex", "run 3",
     "-ex", "corbel fibers parked", "-ex", "corbel fibers main", "-ex", "kill", program],
    capture_output=True, text=True, timeout=120)
if "ptrace" in result.stderr and "not permitted" in result.stderr:
    sys.exit(77)

output = result.stdout
lines = output.splitlines()
problems = []
if sum('"parked" parked' in line for line in lines) != 3:
    problems.append("three fibers named \"parked\" were expected")
if "3 fibers" not in lines:
    problems.append("a count of 3 was expected")
if '"main" running' not in output:
    problems.append("the main fiber runs")
for function in ("park_below", "park", "child_main", "fiber_main", "context_entry"):
    if sum(f" {function} at " in line for line in lines) != 3:
        problems.append(f"{function} was expected in three backtraces")
if problems:
    sys.exit("\n".join(problems) + "\n" + output + result.stderr)
