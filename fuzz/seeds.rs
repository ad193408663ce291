//! Writes mqtt-codec's case table into the corpora of the mqtt targets, each packet behind the byte that stands for
//! its version there, amqp-codec's frames into that of `amqp091`, a file of each kind into that of `config`, headers into that of `proxy_protocol`.

#[path = "../crates/mqtt-codec/tests/cases/mod.rs"]
mod cases;

#[path = "../crates/amqp-codec/tests/cases/mod.rs"]
mod frames;

use std::fs;
use std::path::Path;

const FILES: [&str; 4] = [
    "\0topic read public/#\nuser ann\ntopic readwrite a/+/b\ntopic deny a/secret\npattern write dev/%u/%c/#\n",
    "\x01# users\nann:$argon2id$v=19$m=8,t=1,p=1$bm90IGEgcmVhbCBzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
    "\x02data_dir = 'data'\nshards = 2\n[limits]\nmax_packet_size = '4 MiB'\nconnect_timeout_ms = \"10s\"\n[mqtt]\n\
     maximum_qos = 1\nserver_reference = 'b'\n[log]\nlevel = 'debug'\n[[listener]]\nurl = 'ws://127.0.0.1:0/mqtt'\n\
     origins = ['https://1.2']\n",
    "\x03limits.max_sessions=unlimited\nLIMITS__MAX_INFLIGHT=7\nlistener=[{url=\"mqtt://127.0.0.1:0?max_connections=2\"}]\n",
];

/// Behind the byte that says how they are cut: a line, a header of each family, one with what a proxy says of TLS.
const HEADERS: [&[u8]; 4] = [
    b"\x07PROXY TCP4 192.0.2.7 10.0.0.1 8080 1883\r\n\x10",
    b"\x01PROXY UNKNOWN\r\n",
    b"\xff\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x1f\x90\x07\x5b\x10",
    b"\x20\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x18\xc0\0\x02\x07\x0a\0\0\x01\x1f\x90\x07\x5b\x20\0\x09\x07\0\0\0\0\x22\0\x01a",
];

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
    let dir = corpus.join("amqp091");
    fs::create_dir_all(&dir)?;
    for (index, frame) in frames::seeds().into_iter().enumerate() {
        fs::write(dir.join(format!("frame-{index:03}")), frame)?;
    }
    let dir = corpus.join("proxy_protocol");
    fs::create_dir_all(&dir)?;
    for (index, header) in HEADERS.iter().enumerate() {
        fs::write(dir.join(format!("header-{index}")), header)?;
    }
    let dir = corpus.join("config");
    fs::create_dir_all(&dir)?;
    for (index, file) in FILES.iter().enumerate() {
        fs::write(dir.join(format!("file-{index}")), file)?;
    }
    Ok(())
}
