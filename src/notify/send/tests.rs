use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A receiver on loopback that answers the n-th connection with `answers[n]`, the last again and again; nothing is
/// written for an empty answer, and `hang` is silence.
async fn receiver(answers: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let nth = counted.fetch_add(1, Ordering::SeqCst);
            let answer = answers[nth.min(answers.len() - 1)];
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                let _ = stream.read(&mut bytes).await;
                match answer {
                    "hang" => std::future::pending().await,
                    answer => stream.write_all(answer.as_bytes()).await.unwrap(),
                }
            });
        }
    });
    (url, count)
}

fn letter(url: &str) -> Letter {
    Letter {
        about: "x".into(),
        method: Method::POST,
        url: Secret::new(url),
        headers: vec![("X-Key".into(), Secret::new("k"))],
        body: Some(json!({"a": 1})),
    }
}

/// As a run is, without its pauses.
const HASTY: Patience = Patience { pause: Duration::from_millis(1), ..PATIENCE };

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const ERROR: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const DENIED: &str = "HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const MOVED: &str =
    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

async fn check(answers: &'static [&'static str], expected: Result<(), &str>, sends: usize) {
    let (url, count) = receiver(answers).await;
    let ended = deliver(&[letter(&url)], HASTY).await.remove(0);
    match (&ended, expected) {
        (Ok(()), Ok(())) => {}
        (Err(why), Err(part)) => {
            assert!(why.contains(part) && !why.contains("secret-path"), "{why}, not {part}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(count.load(Ordering::SeqCst), sends, "{answers:?}");
}

#[tokio::test]
async fn a_receiver_that_recovers_is_told_and_one_that_refuses_is_left() {
    check(&[OK], Ok(()), 1).await;
    check(&[ERROR, ERROR, OK], Ok(()), 3).await;
    check(&["", OK], Ok(()), 2).await;
    check(&[ERROR], Err("HTTP 503 (5 attempts)"), 5).await;
    check(&[DENIED], Err("HTTP 403"), 1).await;
    check(&[MOVED], Err("redirects are not followed"), 1).await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_nothing_up_beyond_the_bound() {
    let (url, _) = receiver(&["hang"]).await;
    let patience =
        Patience { bound: Duration::from_millis(200), attempt: Duration::from_millis(40), ..HASTY };
    let ended = deliver(&[letter(&url), letter(&url), letter(&url)], patience).await;
    assert!(ended.iter().all(|ended| ended.as_ref().is_err_and(|why| why.contains("no answer in time"))));
    let ended = deliver(&[letter("http://127.0.0.1:1/"), letter("nonsense")], HASTY).await;
    assert!(ended.iter().all(Result::is_err), "{ended:?}");
}
