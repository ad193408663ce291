//! The admin side: HTTP API, metrics, health, and what the broker says about itself below `$SYS`.
//!
//! All of it runs on the control thread, the only one with tokio. It owns the admin listeners' sockets,
//! logins and the answers that it is making, and nothing of the broker: it asks shards by letters and
//! never waits for one longer than a moment. A shard never waits for it.

mod access;
mod api;
mod context;
mod health;
mod http_server;
mod metrics;
mod problem;
mod process;
mod shards;
mod sys;

pub(crate) use access::Access;
pub use access::{AdminUsers, AdminUsersError, NewSecret, admin_user_entry};
pub(crate) use context::{Context, Stage};
pub(crate) use http_server::AdminDoor;

use crate::config::Config;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use tokio::sync::watch;

/// The control thread, while it runs.
pub(crate) struct Admin {
    pub(crate) context: Arc<Context>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Admin {
    /// Serves at `doors`, and publishes `$SYS`. `ended` is called where it ends unasked.
    pub(crate) fn start(
        doors: Vec<AdminDoor>,
        context: Arc<Context>,
        ended: impl FnOnce(String) + Send + 'static,
    ) -> io::Result<Admin> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime
            .enable_io()
            .enable_time()
            .max_blocking_threads(access::MAX_PASSWORD_CHECKS)
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let shared = context.clone();
        let thread = Builder::new().name("control".into()).spawn(move || {
            let served = runtime.block_on(async {
                let sys = tokio::spawn(sys::publish(shared.clone(), stopped.clone()));
                let served = http_server::serve(doors, shared, stopped).await;
                sys.abort();
                served
            });
            if let Err(error) = served {
                ended(format!("the admin listener: {error}"));
            }
        })?;
        Ok(Admin {
            context,
            stop,
            thread,
        })
    }

    /// Ends it; requests that are being answered have a moment.
    pub(crate) fn stop(self) -> std::thread::Result<()> {
        // Where nobody listens it has ended already.
        let _ = self.stop.send(true);
        self.thread.join()
    }
}

/// The users and tokens of the HTTP side. The first start makes a user, and says its password once.
pub(crate) fn access(config: &Config) -> Result<Access, AdminUsersError> {
    let data_dir = &config.values.data_dir;
    let (users, password) = AdminUsers::load_or_make(data_dir)?;
    if let Some(password) = password {
        say_password(&password, data_dir);
    }
    Ok(Access::new(users, config.api_tokens.clone()))
}

/// On standard error beside the log, whose lines may be kept for long.
fn say_password(password: &str, data_dir: &Path) {
    use std::io::Write;
    let user = access::FIRST_USER;
    let line = "=".repeat(72);
    let data_dir = data_dir.display();
    let text = format!(
        "{line}\nFirst start: the password of the HTTP API's user {user:?} is\n\n    {password}\n\n\
         It is shown only now. To set another: waypost admin passwd {user} --data-dir {data_dir}\n{line}\n"
    );
    // Where standard error is closed nobody would have seen it; `waypost admin passwd` helps.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
