//! `cargo xtask perf --guard`: how many instructions the hot paths take for a message, against what is recorded.
//!
//! Each path of `crates/hot-paths` runs under callgrind in a process of its own. Counts have no noise: the same source,
//! toolchain and libc give the same ones on any x86-64 machine, however busy it is.

mod record;

use crate::install;
use crate::process::{self, Outcome, failed, shown};
use crate::workspace::Workspace;
use record::{Change, Record};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the counts are recorded.
const RECORD: &str = "crates/hot-paths/instructions.toml";
/// See `Cargo.toml`.
const PROFILE: &str = "counted";
const PROGRAM: &str = "hot-paths";
/// The function of the paths while which is running callgrind counts.
const COUNTED: &str = "*counted_by_callgrind*";
/// The libc is to choose the copies and comparisons of any x86-64, whatever this one has besides.
const PLAIN_X86_64: &str = "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX,-AVX_Fast_Unaligned_Load,-AVX512F,\
                            -AVX512VL,-BMI2,-ERMS,-FSRM,-LZCNT,-MOVBE,-SSSE3,-SSE4_1,-SSE4_2";

/// An error where counts could not be compared with the recorded ones.
pub(crate) fn supported() -> Outcome {
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        Ok(())
    } else {
        failed("They are recorded for x86-64 Linux with valgrind; count them there.")
    }
}

/// Counts the paths whose name holds `filter`; fails where one takes more than it may.
pub(crate) fn compare(ws: &Workspace, filter: &str) -> Outcome {
    let counts = count(ws, filter)?;
    let record = Record::read(&ws.root.join(RECORD))?;
    let changes = record.compare(&counts, filter);
    print(&changes);
    let slower = changes.iter().filter(|change| change.is_failure()).count();
    let faster = changes.iter().filter(|change| change.is_gain()).count();
    if faster > 0 {
        println!("{faster} take fewer: record them with `cargo xtask perf --guard --record`");
    }
    if slower == 0 {
        return Ok(());
    }
    let mut why = format!(
        "{slower} paths differ from {RECORD}. Where the instructions of one go: callgrind_annotate {}. If it is worth \
         them, record the new counts with `cargo xtask perf --guard --record`",
        profile_of(ws, "NAME").display()
    );
    let (then, now) = (&record.made_with, made_with());
    if *then != now {
        why.push_str(&format!(
            ". They were recorded with {then}; here is {now}, which may be all of it"
        ));
    }
    failed(why)
}

/// Counts the paths whose name holds `filter`, and writes them into the record.
pub(crate) fn record(ws: &Workspace, filter: &str) -> Outcome {
    let counts = count(ws, filter)?;
    let path = ws.root.join(RECORD);
    let mut record = match path.exists() {
        true => Record::read(&path)?,
        false => Record::default(),
    };
    let changes = record.compare(&counts, filter);
    print(&changes);
    record.take(changes, made_with());
    record.write(&path)
}

fn print(changes: &[Change]) {
    let width = changes.iter().map(|c| c.name.len()).max().unwrap_or(0);
    println!("\n{:<width$}  recorded       now", "path");
    for change in changes {
        println!("{change:<width$}");
    }
    println!("instructions per message");
}

/// Instructions per message of the paths whose name holds `filter`.
fn count(ws: &Workspace, filter: &str) -> Outcome<BTreeMap<String, f64>> {
    supported()?;
    install::debian(&[("valgrind", "/usr/bin/valgrind")])?;
    let mut build = ws.cargo(&["build", "--locked", "--profile", PROFILE]);
    process::run(build.args(["--package", PROGRAM]))?;
    let folder = ws.target.join(PROFILE);
    let listed = read(Command::new(folder.join(PROGRAM)))?;
    let names: Vec<&str> = listed.lines().filter(|n| n.contains(filter)).collect();
    let profiles = profile_of(ws, "");
    if let Err(e) = profiles.parent().map_or(Ok(()), fs::create_dir_all) {
        return failed(format!("cannot make the folder of {profiles:?}: {e}"));
    }
    let left = Mutex::new(names.into_iter());
    let next = || left.lock().map_or(None, |mut names| names.next());
    let counts = Mutex::new(BTreeMap::new());
    let gone_wrong = AtomicBool::new(false);
    let work = || {
        while let Some(name) = next().filter(|_| !gone_wrong.load(Ordering::Relaxed)) {
            let counted = count_one(&folder, name, &profile_of(ws, name));
            gone_wrong.fetch_or(counted.is_err(), Ordering::Relaxed);
            if let Ok(mut counts) = counts.lock() {
                counts.insert(name.to_owned(), counted);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let counts = counts.into_inner().unwrap_or_default().into_iter();
    counts.map(|(name, count)| Ok((name, count?))).collect()
}

/// Where callgrind leaves what it has seen of a path.
fn profile_of(ws: &Workspace, name: &str) -> PathBuf {
    ws.target.join("instructions").join(format!("{name}.out"))
}

/// Started from its own folder and without an environment, whose lengths would move the stack.
fn count_one(folder: &Path, name: &str, profile: &Path) -> Outcome<f64> {
    let mut valgrind = Command::new("/usr/bin/valgrind");
    valgrind
        .current_dir(folder)
        .env_clear()
        .env("GLIBC_TUNABLES", PLAIN_X86_64)
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(format!("./{PROGRAM}"))
        .arg(name);
    let said = read(valgrind)?;
    let messages = number_after(&said, "messages ");
    let counted = match fs::read_to_string(profile) {
        Ok(text) => number_after(&text, "totals: "),
        Err(e) => return failed(format!("{name}: cannot read {}: {e}", profile.display())),
    };
    match (counted, messages) {
        (Some(counted), Some(messages)) if counted > 0 && messages > 0 => {
            Ok(counted as f64 / messages as f64)
        }
        _ => failed(format!(
            "{name}: nothing was counted in {}: is {COUNTED} still the name of a function?",
            profile.display()
        )),
    }
}

/// The number of the line that begins with `key`.
fn number_after(text: &str, key: &str) -> Option<u64> {
    let mut lines = text.lines();
    let rest = lines.find_map(|line| line.strip_prefix(key))?;
    rest.trim().parse().ok()
}

/// Runs it and gives what it says; what it complains of is shown.
fn read(mut command: Command) -> Outcome<String> {
    command.stderr(std::process::Stdio::inherit());
    match command.output() {
        Ok(out) if out.status.success() => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        Ok(out) => failed(format!(
            "`{}` ended with {}: {}",
            shown(&command),
            out.status,
            String::from_utf8_lossy(&out.stdout).trim()
        )),
        Err(e) => failed(format!("cannot start `{}`: {e}", shown(&command))),
    }
}

/// What moves counts though the source is the same.
fn made_with() -> String {
    let first_line = |program: &str, arg: &str| {
        let mut command = Command::new(program);
        command.arg(arg);
        let said = read(command).unwrap_or_default();
        said.lines().next().unwrap_or("unknown").to_owned()
    };
    format!(
        "{}, {}",
        first_line("rustc", "--version"),
        first_line("getconf", "GNU_LIBC_VERSION")
    )
}
