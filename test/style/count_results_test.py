#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `./dev test` counts, on a made-up run: a wrong sum there would hide a failure."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "cmake"))
from count_results import count  # noqa: E402

CTEST = """<testsuite>
<testcase name="unit" status="run"/>
<testcase name="unit.threads" status="run"/>
<testcase name="broken" status="fail"><failure message=""/></testcase>
<testcase name="leaks" status="fail"><failure message=""/></testcase>
<testcase name="cut_short" status="fail"><failure message="SIGSEGV"/></testcase>
<testcase name="script" status="run"/>
<testcase name="cannot_run_here" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>
</testsuite>"""

OTHER = "<testcase name='{}'><skipped/><system-out>- reason: 'disabled'</system-out></testcase>"
UNMET = "<testcase name='u'><skipped/><system-out>- reason: 'precondition failed: no'</system-out></testcase>"
PASSED = "<testcase name='p'></testcase>"
FAILED = "<testcase name='f'><failure/></testcase><testcase name='e'><error/></testcase>"

FILES = {
    "unit": f"<testsuite>{PASSED}{PASSED}{UNMET}{OTHER.format('t')}</testsuite>",
    "unit.threads": f"<testsuite>{OTHER.format('a')}{PASSED}</testsuite>",
    "broken": f"<testsuite>{PASSED}{FAILED}</testsuite>",
    "leaks": f"<testsuite>{PASSED}</testsuite>",
    "cut_short": "<testsuite><testcase name='a'>",
}
# passed: 2 + 1 + 1 + 1 + the script; failed: 2, the leak, the crash; skipped: 1 case, 1 CTest.
EXPECTED = {"passed": 6, "failed": 4, "skipped": 2}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        ctest_file = Path(folder, "ctest.xml")
        ctest_file.write_text(CTEST)
        for name, text in FILES.items():
            Path(folder, f"{name}.xml").write_text(text)
        total = count(ctest_file, Path(folder))
    found = {outcome: total[outcome] for outcome in EXPECTED}
    if found != EXPECTED:
        print(f"counted {found} instead of {EXPECTED}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
