//! Free requests ask for a permit where they count against a rate: who keeps the rate answers when it is their turn.

use tokio::sync::{mpsc, oneshot};

/// One request that waits for its permit; it goes out when it is told.
pub type Ask = oneshot::Sender<()>;

/// How many wait at once; more wait to ask.
const WAITING: usize = 16;

/// Where permits are asked for.
#[derive(Clone, Debug, Default)]
pub struct Asks {
    into: Option<mpsc::Sender<Ask>>,
}

impl Asks {
    /// Makes a place to ask at, and one to answer from.
    pub fn channel() -> (Self, mpsc::Receiver<Ask>) {
        let (into, asks) = mpsc::channel(WAITING);
        (Self { into: Some(into) }, asks)
    }

    /// Says whether there is anything to ask for.
    pub(super) fn is_needed(&self) -> bool {
        self.into.is_some()
    }

    /// Waits for a permit. When nobody answers any more, there is no rate to keep.
    pub async fn permit(&self) {
        let Some(into) = &self.into else { return };
        let (ask, told) = oneshot::channel();
        if into.send(ask).await.is_ok() {
            let _ = told.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_permit_is_waited_for_where_there_is_someone_to_give_it() {
        Asks::default().permit().await;
        let (asks, mut asked) = Asks::channel();
        let waiting = tokio::spawn({
            let asks = asks.clone();
            async move { asks.permit().await }
        });
        let ask = asked.recv().await.unwrap();
        assert!(!waiting.is_finished() && asks.is_needed() && !Asks::default().is_needed());
        ask.send(()).unwrap();
        waiting.await.unwrap();
        drop(asked);
        asks.permit().await;
    }
}
