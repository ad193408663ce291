//! Protocol scripts: what clients send and what they must be sent, as text files.
//!
//! [`check`] runs all cases of a file on several worlds. The syntax is explained in
//! `scripts/README.md`. Packets are written and read here without the broker's codec, so that a fault
//! of the codec shows.

mod case;
mod client_end;
mod decode;
mod encode;
mod operate;
mod packet;
mod props;
mod run;
mod setting;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// Runs every case of a script file; the failures, as text.
pub fn check(path: &Path) -> Vec<String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return vec![format!("{}: {error}", path.display())],
    };
    let cases = match case::parse(&text) {
        Ok(cases) => cases,
        Err((line, what)) => return vec![format!("{}:{line}: {what}", path.display())],
    };
    let failures = cases.iter().filter_map(|case| run::check(case).err());
    failures
        .map(|f| format!("{}:{f}", path.display()))
        .collect()
}

/// All scripts below a folder, in order of their paths.
pub fn scripts_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "script") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
