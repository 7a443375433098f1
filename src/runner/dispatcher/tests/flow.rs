//! How much is asked of the service, and when.

use super::*;

fn sends(provider: &Provider) -> usize {
    provider.books.lock().unwrap().sent.len()
}

#[tokio::test(start_paused = true)]
async fn adaptive_concurrency_grows_to_its_ceiling_while_the_service_bears_it() {
    let mut run = Run::of(800);
    run.limits.concurrency = Concurrency { max: 32, adaptive: true };
    let provider = run.provider([]);
    let state = run.go(&provider).await;
    assert_eq!(outcomes(&state), [800, 0, 0, 0, 0]);
    assert_eq!(provider.books.lock().unwrap().most_in_flight, 32);
}

#[tokio::test(start_paused = true)]
async fn adaptive_concurrency_stays_near_what_the_service_bears() {
    let refused = async |adaptive: bool| {
        let mut run = Run::of(900);
        run.limits.concurrency = Concurrency { max: 64, adaptive };
        let mut provider = Arc::into_inner(run.provider([])).unwrap();
        provider.capacity = Some(12);
        let provider = Arc::new(provider);
        let state = run.go(&provider).await;
        assert_eq!(outcomes(&state), [900, 0, 0, 0, 0]);
        sends(&provider) - 900
    };
    let (fixed, adaptive) = (refused(false).await, refused(true).await);
    assert!(adaptive * 10 < fixed, "{adaptive} refusals against {fixed}");
}
