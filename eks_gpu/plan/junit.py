"""Findings as JUnit XML: a test case for each check and subject, for CI systems that show tests."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from eks_gpu.checks import CHECKS, Finding
from eks_gpu.io.visible import visible


def junit(stacks: Mapping[str, Iterable[Finding]]) -> str:
    """The JUnit XML of stacks by name, a suite each. A warning is output of a passed case; a waived failure, and a
    check without a verdict, are skipped.

    Each case that does not pass has the reason of its check and the link to it.
    """
    report = JUnitXml()
    for name, findings in stacks.items():
        report.add_testsuite(_suite(name, findings))
    report.update_statistics()
    return report.tostring().decode()


def _suite(name: str, findings: Iterable[Finding]) -> TestSuite:
    suite = TestSuite(visible(name))
    for told in findings:
        finding = replace(told, subject=visible(told.subject), message=visible(told.message), fix=visible(told.fix))
        case = TestCase(finding.subject, classname=finding.id)
        if finding.fails_plan:
            case.result = [_told(Failure(f"{finding.message}. Fix: {finding.fix}", "check"), finding)]
        elif finding.passed is None:
            case.result = [_told(Skipped(f"not judged: {finding.message}"), finding)]
        elif finding.waived:
            case.result = [_told(Skipped(f"waived: {visible(finding.waived)}"), finding)]
        elif not finding.passed:
            case.system_out = f"warning: {finding.message}. Fix: {finding.fix}\n{_why(finding)}"
        suite.add_testcase(case)
    return suite


def _told(result: Failure | Skipped, finding: Finding) -> Failure | Skipped:
    result.text = _why(finding)
    return result


def _why(finding: Finding) -> str:
    check = CHECKS[finding.id]
    return f"{check.reason}\n{check.link}".rstrip()
