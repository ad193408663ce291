//! What the system says about this process: processor time, memory, open files.
//!
//! Owns nothing; reads `/proc/self`. What cannot be read is not known, and nowhere shown as 0.

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// As of now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    /// User and system time together.
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_files: Option<u64>,
    /// `None` where there is no limit.
    pub(super) max_open_files: Option<u64>,
}

impl Process {
    pub(super) fn now() -> Process {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Process {
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            resident_bytes: resident_bytes(),
            open_files: std::fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count() as u64),
            max_open_files: getrlimit(Resource::Nofile).current,
        }
    }
}

/// The second number of `statm` is in pages.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_known_of_this_process() {
        let process = Process::now();
        assert!(process.cpu_seconds > 0.0);
        assert!(process.resident_bytes.unwrap() > 100_000);
        assert!(process.open_files.unwrap() >= 3);
    }
}
