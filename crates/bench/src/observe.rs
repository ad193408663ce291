//! What the broker and this program cost: CPU and resident memory, as /proc tells (proc(5)).
//!
//! Reads and never writes; owns nothing but numbers.

use crate::net::clock::SECOND;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whose cost is looked at.
#[derive(Clone, Debug)]
pub enum Watched {
    Nothing,
    Process(u32),
    /// A thread of this process that counts its own CPU, in nanoseconds.
    Thread(Arc<AtomicU64>),
}

/// CPU so far, and memory now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) cpu_ns: u64,
    pub(crate) resident: Option<u64>,
}

impl Watched {
    /// None where nothing is watched, or the process is gone.
    pub(crate) fn usage(&self) -> Option<Usage> {
        match self {
            Watched::Nothing => None,
            Watched::Process(pid) => Some(Usage {
                cpu_ns: cpu_of(&format!("/proc/{pid}/stat"))?,
                resident: resident_of(*pid),
            }),
            Watched::Thread(cpu) => Some(Usage {
                cpu_ns: cpu.load(Ordering::Relaxed),
                resident: None,
            }),
        }
    }

    /// Says why nothing can be seen of the process, before a run depends on it.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Watched::Process(pid) if self.usage().is_none() => Err(format!(
                "there is no process {pid} on this machine: --pid is for a broker that runs here"
            )),
            _ => Ok(()),
        }
    }
}

/// User and system time of a process, all its threads.
fn cpu_of(stat: &str) -> Option<u64> {
    let stat = fs::read_to_string(stat).ok()?;
    // The name stands in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let tick = SECOND / rustix::param::clock_ticks_per_second().max(1);
    Some((user + system) * tick)
}

fn resident_of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// CPU of the calling thread so far, in nanoseconds.
pub(crate) fn own_thread_cpu() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as u64 * SECOND + now.tv_nsec as u64
}

/// The process of this machine that listens on a TCP port; that of a user whose files we may look at.
pub fn listener_of(port: u16) -> Option<u32> {
    let inodes: Vec<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?;
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // A socket that was inherited is its first owner's.
    let mut owners: Vec<u32> = pids.filter(|pid| holds(*pid, &inodes)).collect();
    owners.sort_unstable();
    owners.first().copied()
}

fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, hex) = fields.get(1)?.rsplit_once(':')?;
        let listens = *fields.get(3)? == "0A";
        let same = u16::from_str_radix(hex, 16).ok()? == port;
        if listens && same {
            fields.get(9)?.parse().ok()
        } else {
            None
        }
    };
    table.lines().skip(1).filter_map(inode).collect()
}

fn holds(pid: u32, inodes: &[u64]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    files.filter_map(Result::ok).any(|file| {
        let link = fs::read_link(file.path()).unwrap_or_default();
        let inode = link.to_str().and_then(|link| {
            let inode = link.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse::<u64>().ok()
        });
        inode.is_some_and(|inode| inodes.contains(&inode))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_can_be_seen() {
        let usage = Watched::Process(std::process::id()).usage().unwrap();
        assert!(usage.resident.unwrap() > 100_000);
        let before = own_thread_cpu();
        let mut x = 1u64;
        while own_thread_cpu() < before + 1_000_000 {
            x = x.wrapping_mul(3);
        }
        assert_ne!(x, 0);
        assert!(Watched::Process(u32::MAX).check().is_err());
        assert_eq!(Watched::Nothing.usage(), None);
    }

    #[test]
    fn a_listener_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(listener_of(port), Some(std::process::id()));
        // Nothing can listen there.
        assert_eq!(listener_of(0), None);
    }
}
