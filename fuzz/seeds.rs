//! Writes mqtt-codec's case table into the corpora of the mqtt targets, each packet behind the byte that stands for
//! its version there.

#[path = "../crates/mqtt-codec/tests/cases/mod.rs"]
mod cases;

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in ["mqtt_decode", "mqtt_roundtrip", "mqtt_differential"] {
        let dir = corpus.join(target);
        fs::create_dir_all(&dir)?;
        for (index, (version, wire)) in cases::seeds().into_iter().enumerate() {
            let mut input = vec![version.level() - 3];
            input.extend_from_slice(&wire);
            fs::write(dir.join(format!("case-{index:03}")), input)?;
        }
    }
    Ok(())
}
