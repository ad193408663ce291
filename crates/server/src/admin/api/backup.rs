//! A copy of all that is on disk, while the broker runs.

use super::request::Body;
use crate::admin::access::Caller;
use crate::admin::context::Context;
use crate::admin::problem::{Problem, Refusals};
use crate::node_log;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;
use utoipa::ToSchema;

/// The one request that may take as long as it needs.
pub(in crate::admin) const PATH: &str = "/api/v1/backup";

/// Where the copy is to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupRequest {
    /// A directory on the broker's machine that is not there yet, by its whole path.
    directory: String,
}

/// A copy that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Backup {
    directory: String,
    /// What the copy takes on its disk.
    bytes: u64,
}

/// Copy what is on disk, as of one moment
///
/// The copy is a data directory of its own, on disk when the answer comes: `waypost serve --data-dir
/// DIRECTORY` goes on from it. Needs the role `admin`, and takes as long as copying takes.
#[utoipa::path(
    post, path = "/api/v1/backup", tag = "broker", request_body = BackupRequest,
    responses(
        (status = 200, body = Backup, description = "It is made"),
        (status = 409, body = Problem, content_type = "application/problem+json",
            description = "There is nothing on disk, the directory is there already, or another copy is being made"),
        Refusals
    )
)]
pub(super) async fn backup(
    State(context): State<Arc<Context>>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<BackupRequest>,
) -> Result<Json<Backup>, Problem> {
    let directory = PathBuf::from(&request.directory);
    if !directory.is_absolute() {
        let what = "directory must be a whole path, such as /var/backups/waypost-1";
        return Err(Problem::bad_request(what));
    }
    let failed = |error: io::Error| {
        let what = format!("{}: {error}", directory.display());
        Problem::new(StatusCode::CONFLICT, what)
    };
    tracing::info!(path = %directory.display(), "{:?} makes a backup", caller.name);
    DirBuilder::new()
        .mode(0o700)
        .create(&directory)
        .map_err(failed)?;
    let log = directory.join(node_log::FOLDER);
    let (sender, answer) = oneshot::channel();
    let done = move |copied| {
        // Whoever asked may have given up.
        let _ = sender.send(copied);
    };
    if context.wiring.log.backup(log.clone(), done).is_err() {
        // It is empty.
        let _ = std::fs::remove_dir(&directory);
        let what = "nothing is kept on disk: durability is \"memory\"";
        return Err(Problem::new(StatusCode::CONFLICT, what));
    }
    let copied = answer.await;
    copied
        .map_err(|_| Problem::unavailable("the log has stopped"))?
        .and_then(|()| size(&log))
        .map(|bytes| {
            let directory = request.directory;
            Json(Backup { directory, bytes })
        })
        .map_err(failed)
}

fn size(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
