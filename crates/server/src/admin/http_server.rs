//! The admin listeners: connections in, TLS where they speak it, HTTP/1.1, requests to the router.
//!
//! Owns the sockets. Bounded: so many connections at one time, more wait in the system's queue; so long
//! for a TLS handshake, for the headers of a request, for its answer.

use super::access::{Visit, gate};
use super::api;
use super::context::Context;
use super::problem::Problem;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

/// What requests in progress are given when the node stops.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// After an accept that failed for want of something that others hold.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Headers of a request together, and what is read at once.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// A bound socket of an admin listener.
pub(crate) struct AdminDoor {
    /// Its number in the configuration.
    pub(crate) listener: u16,
    pub(crate) socket: TcpListener,
}

/// Serves until told to stop.
pub(super) async fn serve(
    doors: Vec<AdminDoor>,
    context: Arc<Context>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let router = router(context.clone());
    let places = Arc::new(Semaphore::new(context.terms().limits.max_connections));
    let mut accepting = JoinSet::new();
    for door in doors {
        let socket = tokio::net::TcpListener::from_std(door.socket)?;
        let acceptor = Acceptor {
            listener: door.listener,
            context: context.clone(),
            router: router.clone(),
            places: places.clone(),
            stopped: stopped.clone(),
        };
        accepting.spawn(acceptor.run(socket));
    }
    // An error means that the node itself is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
    accepting.shutdown().await;
    let all = u32::try_from(context.terms().limits.max_connections).unwrap_or(u32::MAX);
    // All places are free again when the last connection has ended.
    let _ = timeout(STOP_WITHIN, places.acquire_many(all)).await;
    Ok(())
}

fn router(context: Arc<Context>) -> Router {
    let unknown = || async { Problem::not_found("there is nothing at this path") };
    let wrong = || async {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path does not have this method",
        )
    };
    let routes = api::routes(&context)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong);
    let within = middleware::from_fn_with_state(context.clone(), within);
    let gate = middleware::from_fn_with_state(context, gate);
    // The gate is outermost, around the answers to unknown paths too.
    routes.layer(within).layer(gate)
}

/// Gives a request up that takes too long.
async fn within(State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    if request.uri().path() == api::backup::PATH {
        return next.run(request).await;
    }
    let time = Duration::from_millis(context.terms().limits.request_timeout_ms);
    match timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("the answer took too long: ask for less").into_response(),
    }
}

/// Accepts for one listener.
struct Acceptor {
    listener: u16,
    context: Arc<Context>,
    router: Router,
    places: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Acceptor {
    async fn run(self, socket: tokio::net::TcpListener) {
        // Never closed.
        while let Ok(place) = self.places.clone().acquire_owned().await {
            match socket.accept().await {
                Ok((stream, peer)) => self.begin(stream, peer, place),
                Err(error) => {
                    tracing::warn!(%error, "an admin connection was not accepted");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn begin(&self, stream: TcpStream, peer: std::net::SocketAddr, place: OwnedSemaphorePermit) {
        // Answers are written at once; where the option is refused they come a little later.
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let visit = Visit { peer, local };
        let counted = self.context.visitor(self.listener);
        let limits = self.context.terms().limits.clone();
        let entrance = self.context.wiring.entrances.get(self.listener);
        let tls = entrance.and_then(|entrance| entrance.tls_config());
        let handshake = Duration::from_millis(self.context.wiring.entrances.timeout_ms());
        let (router, stopped) = (self.router.clone(), self.stopped.clone());
        let headers = Duration::from_millis(limits.header_timeout_ms);
        tokio::spawn(async move {
            match tls {
                None => answer(stream, router, visit, headers, stopped).await,
                Some(tls) => {
                    let accepted = TlsAcceptor::from(tls).accept(stream);
                    match timeout(handshake, accepted).await {
                        Ok(Ok(stream)) => answer(stream, router, visit, headers, stopped).await,
                        Ok(Err(error)) => {
                            tracing::info!(address = %peer, %error, "TLS of an admin connection failed");
                        }
                        Err(_) => {}
                    }
                }
            }
            drop((place, counted));
        });
    }
}

/// One connection, request by request.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    visit: Visit,
    headers: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(visit);
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(headers)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // How a peer leaves is of no interest.
    let stop = async {
        // An error means that the node itself is gone.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
