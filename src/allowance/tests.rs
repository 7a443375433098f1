use super::*;
use crate::pace::Rate;

const T0: Duration = Duration::from_secs(1_800_000_000);

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn bucket(folder: &Path) -> Bucket {
    Bucket::open(folder.join("b")).unwrap()
}

/// Ten seconds between two requests, and a second's grace.
fn terms() -> Terms {
    (s(10.0), s(1.0))
}

#[test]
fn two_processes_share_what_one_would_have_alone() {
    let temp = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (bucket(temp.path()), bucket(temp.path()));
    assert!(one.was_empty && other.was_empty);
    assert_eq!(one.take(terms(), T0), Ok(()));
    assert_eq!(other.take(terms(), T0), Err(s(9.0)));
    assert_eq!((other.wait(terms(), 0, T0), other.wait(terms(), 2, T0)), (s(9.0), s(29.0)));
    assert_eq!(other.take(terms(), T0 + s(9.0)), Ok(()));
    assert_eq!(one.take(terms(), T0 + s(9.0)), Err(s(10.0)));
    // A process that begins later knows of both.
    let mut third = bucket(temp.path());
    assert!(!third.was_empty);
    assert_eq!(third.take(terms(), T0 + s(18.9)), Err(s(0.1)));
    assert_eq!(third.take(terms(), T0 + s(500.0)), Ok(()));
}

#[test]
fn a_clock_that_is_set_back_holds_nobody_for_longer_than_one_request() {
    let temp = tempfile::tempdir().unwrap();
    let mut bucket = bucket(temp.path());
    bucket.take(terms(), T0).unwrap();
    let earlier = T0.saturating_sub(s(86_400.0));
    assert_eq!(bucket.wait(terms(), 0, earlier), Duration::ZERO, "not believed");
    assert_eq!(bucket.take(terms(), earlier), Err(s(10.0)), "it may have been a moment ago");
    assert_eq!(
        (bucket.wait(terms(), 0, earlier), bucket.take(terms(), earlier + s(10.0))),
        (s(10.0), Ok(()))
    );
    // A clock that is set forward lets one request go.
    assert_eq!(bucket.take(terms(), T0), Ok(()));
    assert_eq!(bucket.take(terms(), T0), Err(s(9.0)));
}

#[test]
fn what_cannot_be_read_counts_as_a_request_just_now_and_is_mended() {
    for content in [
        "x",
        "flowbatch-rate-1 1 2\n",
        "flowbatch-rate-2 1 2 3\n",
        "flowbatch-rate-1 1 999999999999999 3\n",
        "flowbatch-rate-1 99999999999999999999999999 1 3\n",
        "\u{0}",
        "flowbatch-rate-1 00000000000000000001 00000000000000000001 00000000000000000001\nand more",
    ] {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("b"), content).unwrap();
        let mut bucket = bucket(temp.path());
        assert_eq!(bucket.take(terms(), T0), Err(s(10.0)), "{content:?}");
        assert_eq!(bucket.take(terms(), T0 + s(9.9)), Err(s(0.1)), "{content:?}");
        assert_eq!(bucket.take(terms(), T0 + s(10.0)), Ok(()), "{content:?}");
    }
}

#[test]
fn a_file_that_is_held_is_asked_for_again_and_not_waited_for() {
    let temp = tempfile::tempdir().unwrap();
    let mut bucket = bucket(temp.path());
    let holder = File::open(temp.path().join("b")).unwrap();
    holder.lock().unwrap();
    assert_eq!(bucket.take(terms(), T0), Err(BUSY));
    holder.unlock().unwrap();
    assert_eq!(bucket.take(terms(), T0), Ok(()));
}

#[test]
fn each_rate_has_a_file_and_no_name_gives_the_key_away() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("a/b");
    let rate = || Some(Rate::new(3, s(60.0), None));
    let open = |host: &str, key: &str, rates: &Rates| Allowance::open(&folder, host, key, rates).unwrap();
    let apart = Rates::Apart { invoke: rate(), poll: rate() };
    let mut one = open("h", "app-secret", &apart);
    assert!(one.is_fresh());
    assert_eq!(one.take(Request::Invoke, terms()), Ok(()));
    assert_eq!(one.take(Request::Poll, terms()), Ok(()));
    assert!(one.take(Request::Poll, terms()).is_err());
    assert!(open("h", "app-secret", &apart).take(Request::Invoke, terms()).is_err());
    assert_eq!(open("other", "app-secret", &apart).take(Request::Invoke, terms()), Ok(()));
    assert_eq!(open("h", "app-other", &apart).take(Request::Invoke, terms()), Ok(()));
    let mut shared = open("h", "app-secret", &Rates::Shared(rate().unwrap()));
    assert_eq!(shared.take(Request::Poll, terms()), Ok(()));
    assert!(
        shared.take(Request::Invoke, terms()).is_err() && shared.wait(Request::Invoke, terms(), 0) > s(8.0)
    );
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!format!("{path:?}{text}").contains("secret"), "{path:?}");
    }
}

#[test]
fn only_what_has_a_rate_has_a_file() {
    let temp = tempfile::tempdir().unwrap();
    let rates = Rates::Apart { invoke: None, poll: Some(Rate::new(3, s(60.0), None)) };
    let mut allowance = Allowance::open(temp.path(), "h", "k", &rates).unwrap();
    assert_eq!(temp.path().read_dir().unwrap().count(), 1);
    assert_eq!(allowance.take(Request::Invoke, terms()), Ok(()));
    assert_eq!(allowance.wait(Request::Invoke, terms(), 5), Duration::ZERO);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_made_is_said_so() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("file"), "").unwrap();
    let rates = Rates::Shared(Rate::new(3, s(60.0), None));
    assert!(Allowance::open(&temp.path().join("file/rates"), "h", "k", &rates).is_err());
}
