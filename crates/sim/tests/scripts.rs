//! All protocol scripts, one test for each folder of them.

use std::path::Path;

fn check(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts")
        .join(folder);
    let scripts = sim::script::scripts_below(&folder);
    assert!(!scripts.is_empty(), "{} has no scripts", folder.display());
    let failures: Vec<String> = scripts
        .iter()
        .flat_map(|path| sim::script::check(path))
        .collect();
    assert!(
        failures.is_empty(),
        "{} failures:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

macro_rules! folders {
    ($($name:ident)+) => {$(
        #[test]
        fn $name() {
            check(stringify!($name));
        }
    )+

        /// A new folder needs a line above.
        #[test]
        fn no_folder_is_left_out() {
            let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
            let known = [$(stringify!($name)),+];
            for entry in std::fs::read_dir(all).unwrap().flatten().filter(|e| e.path().is_dir()) {
                let name = entry.file_name();
                assert!(known.iter().any(|k| **k == *name), "tests/scripts.rs does not name {name:?}");
            }
        }
    };
}

folders! { auth clauses connect crash flow malformed operator publish session settings states subscribe will }
