//! Installs what tests need, into `target/`, by the ordinary package clients; present is left alone.
//!
//! Debian's packages alone go to the system, and none of them may start a service.

use crate::process::{Outcome, failed, run, succeeds};
use crate::workspace::Workspace;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian's packages ask whether they may start a service.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

/// A cargo tool of exactly `version`, built without optimisation: that is the quickest to have.
pub(crate) fn cargo_tool(ws: &Workspace, name: &str, version: &str) -> Outcome<PathBuf> {
    let tools = ws.target.join("tools");
    let binary = tools.join("bin").join(name);
    let stamp = tools.join(format!("{name}.version"));
    if binary.is_file() && fs::read_to_string(&stamp).is_ok_and(|have| have == version) {
        return Ok(binary);
    }
    println!(
        "{name} {version} is not in {}: building it",
        tools.display()
    );
    let build = tools.join("build");
    run(ws
        .cargo(&["install", "--locked", "--debug", "--force", "--quiet"])
        .args(["--version", version, "--root"])
        .arg(&tools)
        .arg(name)
        .env("CARGO_TARGET_DIR", &build)
        .env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    // Its object files are several times the size of the tool and of no further use.
    let _ = fs::remove_dir_all(&build);
    write(&stamp, version)?;
    Ok(binary)
}

/// Debian packages, each with a file that it brings.
pub(crate) fn debian(packages: &[(&str, &str)]) -> Outcome {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|(_, file)| !Path::new(file).exists())
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("install by hand: apt-get install {}", missing.join(" "));
    if !succeeds(Command::new("apt-get").arg("--version")) {
        return failed(format!("this system has no apt-get; {by_hand}"));
    }
    let _no_services = NoServices::begin()?;
    let _ = run(Command::new("apt-get").args(["-q", "-q", "update"]));
    let installed = run(Command::new("apt-get")
        .args(["-q", "-q", "-y", "--no-install-recommends", "install"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive"));
    match installed {
        Ok(()) => Ok(()),
        Err(e) => failed(format!("{e}; {by_hand}")),
    }
}

/// While it lives, no package that is installed starts a service.
struct NoServices {
    made: bool,
}

impl NoServices {
    fn begin() -> Outcome<Self> {
        if Path::new(SERVICE_POLICY).exists() {
            return Ok(NoServices { made: false });
        }
        write(Path::new(SERVICE_POLICY), "#!/bin/sh\nexit 101\n")?;
        let executable = fs::Permissions::from_mode(0o755);
        match fs::set_permissions(SERVICE_POLICY, executable) {
            Ok(()) => Ok(NoServices { made: true }),
            Err(e) => failed(format!("cannot make {SERVICE_POLICY} executable: {e}")),
        }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_file(SERVICE_POLICY);
        }
    }
}

/// A Python environment `target/NAME` with the packages of a requirements file; gives its folder.
pub(crate) fn python(ws: &Workspace, name: &str, requirements: &Path) -> Outcome<PathBuf> {
    let wanted = read(requirements)?;
    let dir = ws.target.join(name);
    let stamp = dir.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(dir);
    }
    run(ws
        .command("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&dir))?;
    run(ws
        .command(dir.join("bin").join("python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(requirements))?;
    write(&stamp, &wanted)?;
    Ok(dir)
}

/// Node packages in `target/NAME`, as pinned by the `package.json` and `package-lock.json` of
/// `manifests`; gives the folder.
pub(crate) fn node(ws: &Workspace, name: &str, manifests: &Path) -> Outcome<PathBuf> {
    let dir = ws.target.join(name);
    let lock = read(&manifests.join("package-lock.json"))?;
    let stamp = dir.join("installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == lock) {
        return Ok(dir);
    }
    if let Err(e) = fs::create_dir_all(&dir) {
        return failed(format!("cannot make {}: {e}", dir.display()));
    }
    for file in ["package.json", "package-lock.json"] {
        write(&dir.join(file), &read(&manifests.join(file))?)?;
    }
    run(Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&dir))?;
    write(&stamp, &lock)?;
    Ok(dir)
}

fn read(path: &Path) -> Outcome<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(e) => failed(format!("cannot read {}: {e}", path.display())),
    }
}

fn write(path: &Path, text: &str) -> Outcome {
    match fs::write(path, text) {
        Ok(()) => Ok(()),
        Err(e) => failed(format!("cannot write {}: {e}", path.display())),
    }
}
