//! `top` on a pseudo terminal: what it shows, what keys do, and how it leaves the terminal.

use super::Home;
use super::fake::Fake;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything expected may take.
const WAIT: Duration = Duration::from_secs(20);

const ROWS: NonZero<u16> = NonZero::new(24).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();

struct Terminal {
    keys: File,
    line: File,
    child: Child,
    output: Receiver<Vec<u8>>,
    /// What an emulator makes of the output.
    screen: vt100::Parser,
    _home: Home,
}

impl Terminal {
    /// `top` on 80 by 24, as ann with her password.
    fn open(fake: &Fake) -> Terminal {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap();
        let line = OpenOptions::new()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let size = Winsize {
            ws_row: ROWS.get(),
            ws_col: COLUMNS.get(),
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&line, size).unwrap();
        let side = || Stdio::from(OwnedFd::from(line.try_clone().unwrap()));
        let home = Home::new();
        let child = home
            .command(&[
                "top",
                "--interval",
                "0.1",
                "--api",
                &fake.url,
                "--user",
                "ann",
            ])
            .env("WAYPOST_PASSWORD", "secret")
            .env("TERM", "xterm-256color")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        let keys = File::from(keys);
        let mut screen = keys.try_clone().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 4096];
            while let Ok(n @ 1..) = screen.read(&mut bytes) {
                if sender.send(bytes[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            keys,
            line,
            child,
            output,
            screen: vt100::Parser::new(ROWS, COLUMNS, 0),
            _home: home,
        }
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen is so.
    fn until(&mut self, what: &str, so: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + WAIT;
        while !so(self.screen.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.output.recv_timeout(left) else {
                panic!("not {what}:\n{}", self.text());
            };
            self.screen.process(&bytes);
        }
    }

    fn shows(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end, and checks that the terminal is as it was: cooked, cursor shown, the usual
    /// screen.
    fn ended(mut self) {
        self.until("the usual screen", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor()
        });
        let code = self.child.wait().unwrap().code();
        assert_eq!(code, Some(0), "{}", self.text());
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        let cooked = LocalModes::ICANON | LocalModes::ECHO;
        assert!(modes.contains(cooked), "{modes:?}");
    }
}

/// A test that fails leaves no process behind.
impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_client_is_found_and_disconnected() {
    let fake = Fake::broker();
    let mut top = Terminal::open(&fake);
    top.shows("q quit");
    assert!(top.screen.screen().alternate_screen() && top.screen.screen().hide_cursor());
    assert!(top.text().contains("\nsensor-7 "), "{}", top.text());
    let hostile = "\nx\\u{1b}[31m\\u{9b}2J";
    assert!(top.text().contains(hostile), "{}", top.text());
    let login = fake.requests()[0].clone();
    assert!(
        login.is("POST", "/api/v1/login"),
        "one login, then its token"
    );
    assert_eq!(
        fake.requests()[1].authorization.as_deref(),
        Some("Bearer operator")
    );
    // Sorted by rate, which is none: by name.
    top.press("\u{1b}[B");
    top.press("k");
    top.shows("disconnect sensor-7? (y/n)");
    top.press("y");
    top.shows("sensor-7 is disconnected");
    let asked = |method: &str, path: &str| fake.requests().iter().any(|r| r.is(method, path));
    assert!(asked("DELETE", "/api/v1/connections/sensor-7"));
    top.press("q");
    top.ended();
    // A look may still have been under way.
    assert!(asked("POST", "/api/v1/logout"));
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let mut top = Terminal::open(&Fake::broker());
    top.shows("q quit");
    let pid = Pid::from_raw(top.child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    top.ended();
}
