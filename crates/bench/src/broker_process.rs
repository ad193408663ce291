//! A broker that a comparison starts for itself: a command line, a free port, a folder; gone when dropped.
//!
//! Owns the process and the folder. Stops by process id, and nothing but what it started.

use crate::BenchError;
use crate::observe::listener_of;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a broker may take to accept, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(10);
/// What is shown of the output of a broker that does not start.
const LOG_LINES: usize = 10;

pub(crate) struct BrokerProcess {
    child: Child,
    folder: PathBuf,
    pub(crate) port: u16,
    /// The process that listens, which a shell may have started.
    pub(crate) pid: u32,
}

impl BrokerProcess {
    /// Starts `command` with `{port}` and `{dir}` filled in, and waits until it accepts.
    pub(crate) fn start(name: &str, command: &str) -> Result<BrokerProcess, BenchError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("waypost-bench-{}-{n}", std::process::id()));
        let cannot = |source| BenchError::Io {
            what: "cannot prepare a broker",
            source,
        };
        fs::create_dir_all(&folder).map_err(cannot)?;
        let log = fs::File::create(folder.join("output.log")).map_err(cannot)?;
        let errors = log.try_clone().map_err(cannot)?;
        let port = free_port().map_err(cannot)?;
        let command = command
            .replace("{port}", &port.to_string())
            .replace("{dir}", &folder.display().to_string());
        let child = Command::new("sh")
            .arg("-c")
            .arg(&command)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // Ctrl-C is for this program, which then stops the broker itself.
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let mut broker = BrokerProcess {
            pid: child.id(),
            child,
            folder,
            port,
        };
        broker.wait_until_it_accepts(name, &command)?;
        broker.pid = listener_of(port).unwrap_or(broker.pid);
        Ok(broker)
    }

    fn wait_until_it_accepts(&mut self, name: &str, command: &str) -> Result<(), BenchError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let begun = Instant::now();
        while TcpStream::connect_timeout(&address, PATIENCE).is_err() {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let how = match ended {
                    Some(status) => format!("ended with {status}"),
                    None => format!("does not accept on port {}", self.port),
                };
                return Err(BenchError::Failed(format!(
                    "{name}: `{command}` {how}; it said:\n{}",
                    self.last_lines()
                )));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn last_lines(&self) -> String {
        let log = fs::read_to_string(self.folder.join("output.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        lines[from..].join("\n")
    }

    fn signal(&self, signal: Signal) {
        for pid in [self.child.id(), self.pid] {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                // It may have ended by itself.
                let _ = kill_process(pid, signal);
            }
            if self.pid == self.child.id() {
                break;
            }
        }
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.signal(Signal::TERM);
            let begun = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) {
                if begun.elapsed() > PATIENCE {
                    self.signal(Signal::KILL);
                    // Nothing survives that.
                    let _ = self.child.wait();
                    break;
                }
                std::thread::sleep(LOOK);
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
