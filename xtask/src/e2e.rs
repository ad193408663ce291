//! `cargo xtask e2e`: pytest with real clients against the binary (see `tests/e2e/README.md`).

use crate::install;
use crate::process::{Failure, Outcome, failed, shown};
use crate::workspace::Workspace;
use std::fmt;
use std::fs;
use std::process::Stdio;

/// Debian packages, each with a file that it brings.
const PACKAGES: [(&str, &str); 5] = [
    ("mosquitto-clients", "/usr/bin/mosquitto_sub"),
    ("chromium", "/usr/bin/chromium"),
    ("prometheus", "/usr/bin/promtool"),
    ("haproxy", "/usr/sbin/haproxy"),
    ("strace", "/usr/bin/strace"),
];

/// Most tests wait for an event rather than for a core.
const WORKERS: &str = "4";

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

impl Summary {
    /// A failure where a test failed, or none ran.
    pub(crate) fn verdict(self) -> Outcome {
        match self {
            Summary {
                failed: 0, passed, ..
            } if passed > 0 => Ok(()),
            Summary { failed: 0, .. } => failed("no end-to-end test ran"),
            Summary { failed: n, .. } => failed(format!("{n} end-to-end tests failed")),
        }
    }

    /// Reads the counts off the root of a JUnit report.
    fn from_junit(xml: &str) -> Option<Self> {
        let suite = &xml[xml.find("<testsuite ")?..];
        let suite = &suite[..suite.find('>')?];
        let count = |name: &str| -> Option<u32> {
            let after = suite.split_once(&format!(" {name}=\""))?.1;
            after.split_once('"')?.0.parse().ok()
        };
        let failed = count("failures")? + count("errors")?;
        let skipped = count("skipped")?;
        Some(Summary {
            passed: count("tests")?.saturating_sub(failed + skipped),
            failed,
            skipped,
        })
    }
}

/// `cargo xtask e2e [FILTER]`.
pub(crate) fn command(args: &[String]) -> Outcome {
    let filter = match args {
        [] => None,
        [filter] => Some(filter.as_str()),
        _ => return Err(Failure::Usage("usage: cargo xtask e2e [FILTER]".into())),
    };
    let summary = run(&Workspace::find()?, filter)?;
    println!("{summary}");
    summary.verdict()
}

/// Installs what is missing, builds the broker, runs the tests that `filter` selects.
pub(crate) fn run(ws: &Workspace, filter: Option<&str>) -> Outcome<Summary> {
    let tests = ws.root.join("tests").join("e2e");
    install::debian(&PACKAGES)?;
    let venv = install::python(ws, "e2e-venv", &tests.join("requirements.txt"))?;
    let node = install::node(ws, "e2e-node", &tests)?;
    let report = ws.target.join("e2e-report.xml");
    let _ = fs::remove_file(&report);
    let mut pytest = ws.command(venv.join("bin").join("python"));
    pytest
        .args(["-m", "pytest", "-q", "-n", WORKERS, "-c"])
        .arg(tests.join("pytest.ini"))
        .arg(format!("--junitxml={}", report.display()))
        .args(["-o", "junit_family=xunit1"])
        .arg(&tests)
        .env("E2E_NODE", node)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    if std::env::var_os("E2E_BROKER").is_none() {
        pytest.env("WAYPOST_BIN", ws.waypost()?);
    }
    if let Some(filter) = filter {
        pytest.args(["-k", filter]);
    }
    println!("$ {}", shown(&pytest));
    if let Err(e) = pytest.status() {
        return failed(format!("cannot start `{}`: {e}", shown(&pytest)));
    }
    let counts = fs::read_to_string(&report).ok();
    match counts.as_deref().and_then(Summary::from_junit) {
        Some(summary) => Ok(summary),
        None => failed("pytest left no report: see its output above"),
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn counts_are_read_and_shown_as_runners_show_them() {
        let xml = r#"<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest"
            errors="1" failures="2" skipped="3" tests="10" time="0.5"><testcase/>"#
            .replace("\n           ", "");
        let summary = Summary::from_junit(&xml);
        let want = Summary {
            passed: 4,
            failed: 3,
            skipped: 3,
        };
        assert_eq!(summary, Some(want));
        assert_eq!(want.to_string(), "4 passed, 3 failed, 3 skipped");
        assert!(want.verdict().is_err());
        assert!(Summary::default().verdict().is_err());
    }
}
