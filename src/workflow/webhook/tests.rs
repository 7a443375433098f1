use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{Request, State};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::receiver::{Desk, WAITING, receive};
use super::*;
use crate::reply::Delivered;

const KEY: &str = "app-0123456789abcdef";
const RESULT: &str = r#"{"workflowRunId":"w-1","status":"SUCCEED","output":{"a":1},"totalCost":0.1}"#;

fn tokens() -> Tokens {
    Tokens::new(&Secret::new(KEY), "20261124T060000Z-7f3a")
}

fn settings() -> ReceiverSettings {
    let secrets = vec![Secret::new(KEY), Secret::new("hook-token-42")];
    ReceiverSettings { listen: "127.0.0.1:0".parse().unwrap(), tokens: tokens(), body_limit: 1_024, secrets }
}

async fn post(desk: &Arc<Desk>, method: &str, path: &str, body: &str) -> u16 {
    let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
    receive(State(Arc::clone(desk)), request).await.as_u16()
}

/// Tells every delivery that it is durable, and gives what was said.
fn runner(
    mut deliveries: mpsc::Receiver<Delivery>,
) -> tokio::task::JoinHandle<Vec<(u64, u32, &'static str, Delivered)>> {
    tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(delivery) = deliveries.recv().await {
            seen.push((delivery.row, delivery.attempt, delivery.method, delivery.said));
            delivery.durable.send(()).unwrap();
        }
        seen
    })
}

#[test]
fn a_token_is_of_one_send_of_one_row_of_one_run_under_one_key() {
    let path =
        |key: &str, run_id: &str, row, attempt| Tokens::new(&Secret::new(key), run_id).path(row, attempt);
    // It must be known again after a crash, also by a later version.
    assert_eq!(path("k", "r", 1, 1), "/flowbatch/r/1/1/ifaApkLlcEi0_mTeeIixKh");
    let all = [
        path("k", "r", 1, 1),
        path("k", "r", 1, 2),
        path("k", "r", 2, 1),
        path("k", "r", 11, 1),
        path("k", "r1", 1, 1),
        path("k2", "r", 1, 1),
        path(&"k".repeat(1_000), "r", 1, 1),
        path("", "r", 1, 1),
    ];
    let token = |path: &String| path.rsplit('/').next().unwrap().to_owned();
    let distinct: std::collections::BTreeSet<_> = all.iter().map(token).collect();
    assert_eq!(distinct.len(), all.len());
    assert!(distinct.iter().all(|token| token.len() == 22));
}

#[test]
fn only_the_very_path_is_read_behind_whatever_a_proxy_puts_before_it() {
    let tokens = tokens();
    let path = tokens.path(7, 2);
    for good in [path.clone(), format!("/hooks/a{path}"), format!("/flowbatch{path}")] {
        assert_eq!(tokens.read(&good), Some((7, 2)), "{good}");
    }
    let other = Tokens::new(&Secret::new("another key"), "20261124T060000Z-7f3a").path(7, 2);
    let another_run = Tokens::new(&Secret::new(KEY), "20261124T060000Z-0000").path(7, 2);
    for bad in [
        String::new(),
        "/".to_owned(),
        path[..path.len() - 1].to_owned(),
        format!("{path}A"),
        format!("{path}/"),
        path.to_ascii_lowercase(),
        path.replace("/7/2/", "/7/3/"),
        path.replace("/7/2/", "/8/2/"),
        path.replace("/7/2/", "/07/2/"),
        path.replace("/7/2/", "/+7/2/"),
        path.replace("/7/2/", "/7/4294967298/"),
        path.replace("flowbatch", "flowbetch"),
        path.rsplit_once('/').unwrap().0.to_owned() + "/",
        other,
        another_run,
    ] {
        assert_eq!(tokens.read(&bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_path_makes_the_reader_panic_and_each_of_ours_is_read(text in ".{0,60}", row: u64, attempt: u32) {
        let tokens = tokens();
        prop_assert_eq!(tokens.read(&text), None);
        prop_assert_eq!(tokens.read(&tokens.path(row, attempt)), Some((row, attempt)));
    }
}

#[tokio::test]
async fn a_delivery_is_answered_when_it_is_durable() {
    let (desk, mut deliveries) = Desk::new(settings());
    let asking = tokio::spawn({
        let desk = Arc::clone(&desk);
        async move { post(&desk, "POST", &tokens().path(3, 1), RESULT).await }
    });
    let delivery = deliveries.recv().await.unwrap();
    assert!(!asking.is_finished());
    assert_eq!((delivery.row, delivery.attempt, delivery.method), (3, 1, "POST"));
    assert_eq!(delivery.sha256, hex::encode(<sha2::Sha256 as sha2::Digest>::digest(RESULT)));
    let Delivered::Ended(reply) = delivery.said else { panic!("{:?}", delivery.said) };
    assert_eq!((reply.workflow_run_id.as_deref(), reply.http_status), (Some("w-1"), 200));
    assert_eq!((reply.cost.unwrap().to_string(), reply.raw.unwrap().get()), ("0.1".to_owned(), RESULT));
    delivery.durable.send(()).unwrap();
    assert_eq!(asking.await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_not_durable_in_time_is_to_come_again() {
    let (desk, mut deliveries) = Desk::new(settings());
    let start = tokio::time::Instant::now();
    assert_eq!(post(&desk, "POST", &tokens().path(1, 1), RESULT).await, 503);
    assert_eq!(start.elapsed().as_secs(), 2);
    // Turned away by the runner, or when the run is over.
    let _ = deliveries.recv().await.unwrap();
    let path = tokens().path(1, 1);
    let (status, _) = tokio::join!(post(&desk, "POST", &path, RESULT), deliveries.recv());
    assert_eq!(status, 503);
    drop(deliveries);
    assert_eq!(post(&desk, "POST", &tokens().path(1, 1), RESULT).await, 503);
}

#[tokio::test(start_paused = true)]
async fn a_full_channel_turns_deliveries_away() {
    let (desk, deliveries) = Desk::new(settings());
    let start = tokio::time::Instant::now();
    let waiting: Vec<_> = (1..=WAITING as u64)
        .map(|row| {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move { post(&desk, "POST", &tokens().path(row, 1), RESULT).await })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert_eq!(post(&desk, "POST", &tokens().path(1, 2), RESULT).await, 503);
    assert_eq!(start.elapsed().as_millis(), 1, "at once");
    let runner = runner(deliveries);
    for status in waiting {
        assert_eq!(status.await.unwrap(), 200);
    }
    drop(desk);
    assert_eq!(runner.await.unwrap().len(), WAITING);
}

#[tokio::test]
async fn what_carries_no_right_token_is_refused_and_counted_and_goes_no_further() {
    let (desk, deliveries) = Desk::new(settings());
    let runner = runner(deliveries);
    let path = tokens().path(1, 1);
    for (method, path) in
        [("POST", "/"), ("GET", "/flowbatch"), ("POST", &path[..path.len() - 1]), ("PUT", "/x")]
    {
        assert_eq!(post(&desk, method, path, RESULT).await, 404);
    }
    assert_eq!(desk.refused.load(Ordering::Relaxed), 4);
    assert_eq!(post(&desk, "PUT", &path, RESULT).await, 405);
    assert_eq!(post(&desk, "POST", &path, &"x".repeat(1_025)).await, 413);
    drop(desk);
    assert!(runner.await.unwrap().is_empty());
}

#[tokio::test]
async fn what_can_not_be_read_is_a_hint_and_so_is_every_get() {
    let (desk, deliveries) = Desk::new(settings());
    let runner = runner(deliveries);
    let enveloped = format!(r#"{{"code":0,"message":"OK","data":{RESULT}}}"#);
    for (method, body, expected) in [
        ("POST", "", "nothing"),
        ("POST", "\u{0}{", "nothing"),
        ("POST", r#"{"code":40000,"message":"no"}"#, "nothing"),
        ("POST", r#"{"workflowRunId":"w-1","status":"RUNNING"}"#, "known w-1"),
        ("POST", r#"{"status":"RUNNING"}"#, "nothing"),
        ("POST", RESULT, "ended"),
        ("POST", &enveloped, "ended"),
        ("GET", RESULT, "nothing"),
        ("GET", "", "nothing"),
    ] {
        let path = format!("{}?workflowRunId=w-1&status=SUCCEED", tokens().path(1, 1));
        assert_eq!(post(&desk, method, &path, body).await, 200, "{expected}");
    }
    drop(desk);
    let said = runner.await.unwrap().into_iter().map(|(_, _, _, said)| match said {
        Delivered::Ended(_) => "ended".to_owned(),
        Delivered::Known { workflow_run_id, .. } => format!("known {workflow_run_id}"),
        Delivered::Nothing => "nothing".to_owned(),
    });
    let expected =
        ["nothing", "nothing", "nothing", "known w-1", "nothing", "ended", "ended", "nothing", "nothing"];
    assert_eq!(said.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn secrets_that_a_delivery_brings_back_are_cut_out() {
    let (desk, deliveries) = Desk::new(settings());
    let runner = runner(deliveries);
    let path = tokens().path(1, 1);
    let token = path.rsplit('/').next().unwrap();
    let echo = format!(
        r#"{{"status":"SUCCEED","totalCost":1,"output":["http://h{path}","{}",{{"k":"{KEY}"}},"hook-token-42"]}}"#,
        path.replace('/', "\\/")
    );
    assert_eq!(post(&desk, "POST", &path, &echo).await, 200);
    drop(desk);
    let (_, _, _, Delivered::Ended(reply)) = runner.await.unwrap().remove(0) else { panic!("an answer") };
    let raw = reply.raw.unwrap().get().to_owned();
    assert!(reply.redacted && !raw.contains(token) && !raw.contains(KEY) && !raw.contains("hook-"), "{raw}");
    assert_eq!(raw.matches("[secret]").count(), 4, "{raw}");
}

#[tokio::test]
async fn a_receiver_listens_until_it_is_stopped_and_tells_what_it_refused() {
    let (receiver, deliveries) = Receiver::start(settings()).await.unwrap();
    let address = receiver.address();
    let runner = runner(deliveries);
    let ask = async |path: String| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n", RESULT.len());
        stream.write_all(format!("{head}connection: close\r\n\r\n{RESULT}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(ask(tokens().path(5, 1)).await, "200");
    assert_eq!(ask(tokens().path(5, 1).replace("/5/", "/6/")).await, "404");
    let taken = Receiver::start(ReceiverSettings { listen: address, ..settings() }).await;
    let error = taken.unwrap_err().to_string();
    assert!(error.contains(&format!("nothing can listen on {address}")), "{error}");
    assert_eq!(receiver.stop().await, 1);
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(runner.await.unwrap().len(), 1);
}

#[test]
fn an_entry_is_ours_first_and_then_the_users_in_their_order() {
    let none = Webhooks::default();
    assert_eq!(none.write(1, 1), None);
    let forward = json!({"method": "GET", "url": "https://h/?a", "headers": {"A": "b"}});
    let webhooks = Webhooks { forward: vec![forward], ..Webhooks::default() };
    let written = webhooks.write(1, 1).unwrap();
    assert_eq!(written, r#"[{"method":"GET","url":"https://h/?a","headers":{"A":"b"}}]"#);
    let webhooks = webhooks.with_receiver("https://hooks.example.com/x/", tokens()).unwrap();
    let written: Value = serde_json::from_str(&webhooks.write(9, 2).unwrap()).unwrap();
    assert_eq!(written[0]["url"], format!("https://hooks.example.com/x{}", tokens().path(9, 2)));
    assert_eq!((written[0]["method"].as_str(), written.as_array().unwrap().len()), (Some("POST"), 2));
    assert!(!format!("{webhooks:?}").contains("hooks.example.com"));
    for bad in ["", "hooks.example.com", "ftp://h", "https://h/?secret-1", "https://h/#secret-1"] {
        let error = Webhooks::default().with_receiver(bad, tokens()).unwrap_err().to_string();
        assert!(error.contains("workflow.webhook.public_url") && !error.contains("secret-1"), "{error}");
    }
}
