"""Findings as JUnit's XML: a case for each check and subject, for CI systems that draw tests."""

from collections.abc import Iterable

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from eks_gpu.checks import Finding


def junit(name: str, findings: Iterable[Finding]) -> str:
    """`name` is the stack's. A warning is told in the output of a case that passes; a waived failure is skipped."""
    suite = TestSuite(name)
    for finding in findings:
        case = TestCase(finding.subject, classname=finding.id)
        if finding.fails_plan:
            case.result = [Failure(f"{finding.message}. Fix: {finding.fix}", "check")]
        elif finding.waived:
            case.result = [Skipped(f"waived: {finding.waived}")]
        elif not finding.passed:
            case.system_out = f"warning: {finding.message}"
        suite.add_testcase(case)
    report = JUnitXml()
    report.add_testsuite(suite)
    report.update_statistics()
    return report.tostring().decode()
