//! When connections come to stand: a request that had to wait for one goes out later than its permit said.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

/// When the last connection of a client came to stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    last: Arc<Mutex<Option<Instant>>>,
}

impl Connections {
    /// Gives the instant at which the last connection since this was last asked came to stand.
    pub(super) fn take(&self) -> Option<Instant> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

impl<S> Layer<S> for Connections {
    type Service = Noting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Noting { inner, connections: self.clone() }
    }
}

/// A connector that notes what it has made.
#[derive(Clone, Debug)]
pub(super) struct Noting<S> {
    inner: S,
    connections: Connections,
}

impl<S, R> Service<R> for Noting<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let (connecting, connections) = (self.inner.call(target), self.connections.clone());
        Box::pin(async move {
            let made = connecting.await;
            if made.is_ok() {
                connections.note();
            }
            made
        })
    }
}
