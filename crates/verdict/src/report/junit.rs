//! The run as JUnit XML, which CI systems draw as a list of tests.
//!
//! One test suite for each window, one test case for each check that has something to say.
//! A file is red exactly where the gate is: a failing finding is a `<failure>`, a required
//! check that could not be made an `<error>`, any other check that could not be made is
//! `<skipped>`. Warnings pass and say why in their output.

use crate::report::format::{amount, clip, count, subject, window_span};
use crate::report::summary::worst_first;
use crate::{Finding, FindingKind, Run, Severity, VerdictError, Window};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// Terms that are named in one window's output.
const TERMS: usize = 50;

/// The run as JUnit XML. Characters that XML forbids are left out.
///
/// # Errors
/// [`VerdictError::Render`] if the XML cannot be written.
pub fn junit(run: &Run) -> Result<String, VerdictError> {
    let mut report = Report::new(xml(&format!("driftline {}", run.pipeline)));
    for (place, window) in run.windows.iter().enumerate() {
        report.add_test_suite(suite(window, place));
    }
    if run.windows.is_empty() {
        let mut suite = TestSuite::new("windows");
        suite.add_test_case(case(
            "windows",
            "any window",
            non_success(
                NonSuccessKind::Error,
                "no_window",
                "no window of live data was evaluated",
            ),
        ));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| VerdictError::Render {
        format: "JUnit",
        reason: error.to_string(),
    })
}

fn suite(window: &Window, place: usize) -> TestSuite {
    let name = xml(&window_span(window, place));
    let mut suite = TestSuite::new(name.as_str());
    let status = if window.rows == 0 {
        non_success(NonSuccessKind::Error, "no_rows", "the window has no rows")
    } else {
        TestCaseStatus::success()
    };
    let mut rows = case(&name, "rows", status);
    rows.set_system_out(format!("{} rows read", count(window.rows)));
    suite.add_test_case(rows);
    for finding in worst_first(window) {
        suite.add_test_case(finding_case(&name, finding));
    }
    if let Some(terms) = terms_case(&name, window) {
        suite.add_test_case(terms);
    }
    for check in &window.not_evaluated {
        let status = if check.required {
            non_success(NonSuccessKind::Error, "not_evaluated", &check.reason)
        } else {
            let mut status = TestCaseStatus::skipped();
            status.set_message(xml(&check.reason));
            status
        };
        suite.add_test_case(case(&name, &check.check, status));
    }
    suite
}

fn finding_case(window: &str, finding: &Finding) -> TestCase {
    let name = format!("{}: {}", finding.kind.name(), subject(finding));
    let detail = amount(finding).map_or_else(
        || finding.message.clone(),
        |amount| format!("{} ({amount})", finding.message),
    );
    if finding.severity == Severity::Error {
        let mut status = non_success(
            NonSuccessKind::Failure,
            finding.kind.name(),
            &finding.message,
        );
        status.set_description(xml(&detail));
        case(window, &name, status)
    } else {
        let mut passed = case(window, &name, TestCaseStatus::success());
        passed.set_system_out(xml(&format!("{}: {detail}", finding.severity.name())));
        passed
    }
}

/// Terms are no checks: one passing case names them.
fn terms_case(window: &str, found: &Window) -> Option<TestCase> {
    let terms: Vec<&Finding> = found
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Term)
        .collect();
    let failing = terms.iter().find(|term| term.severity == Severity::Error);
    let status = match failing {
        Some(term) => non_success(NonSuccessKind::Failure, "term", &term.message),
        None => TestCaseStatus::success(),
    };
    let named: Vec<String> = terms
        .iter()
        .take(TERMS)
        .map(|term| clip(&subject(term), 80))
        .collect();
    let more = terms.len() - named.len();
    let mut text = named.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    (!terms.is_empty()).then(|| {
        let mut case = case(window, "terms", status);
        case.set_system_out(xml(&text));
        case
    })
}

fn case(window: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(xml(name), status);
    case.set_classname(window);
    case
}

fn non_success(kind: NonSuccessKind, code: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(code).set_message(xml(message));
    status
}

/// Text without the characters that XML 1.0 (section 2.2) forbids; the writer drops control
/// characters, but not these two.
fn xml(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "")
}
