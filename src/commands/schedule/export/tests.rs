use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;

use super::fields::{cron_text, in_utc, on_calendar};
use super::job::Job;
use super::{Exported, crontab, github, kubernetes, systemd};
use crate::calendar::{Calendar, Cron, Dst};
use crate::commands::schedule::scheduled::Scheduled;
use crate::manifest::{self, Overrides, Secrets};

const CRONS: [&str; 9] = [
    "30 2 * * *",
    "0 6 * * 1-5",
    "*/15 * * * *",
    "45 0-23/5 * * SUN",
    "15,45 1-3,22 * * *",
    "0 0 * * FRI-SUN",
    "5 12 1,15 JAN,MAR-JUN *",
    "0-59/10 20 * * 7",
    "@hourly",
];

fn slots(cron: &str, zone: &str, dst: Dst) -> Vec<Timestamp> {
    let bound = |text: &str| text.parse::<Timestamp>().unwrap();
    let calendar = Calendar::parse(cron, zone, dst).unwrap();
    let slots = calendar.slots(bound("2026-01-01T00:00:00Z"), bound("2027-01-01T00:00:00Z"));
    slots.map(|slot| slot.nominal).collect()
}

/// Exports a manifest with such a schedule, and more of it.
fn exported(schedule: &str, more: &str, export: impl Fn(&Job<'_>) -> Vec<Exported>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nightly.yaml");
    std::fs::write(folder.path().join("tickets.csv"), "subject\na\n").unwrap();
    let source = format!(
        "version: 1\nname: nightly\ndataset: tickets.csv\ninput: {{a: '{{{{row.subject}}}}'}}\nschedule: {schedule}\n{more}\n"
    );
    std::fs::write(&path, source).unwrap();
    let environment = |name: &str| (name == "TONE").then(|| "brief".to_owned());
    let (mut manifest, _) = manifest::load(&path, &Overrides::default(), Secrets::NotNeeded, &environment)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false)));
    manifest.folder = PathBuf::from("jobs");
    manifest.path = PathBuf::from("jobs/nightly.yaml");
    let schedule = manifest.schedule.clone().unwrap();
    let of = Scheduled { manifest, schedule };
    export(&Job::new(&of, &[], Path::new("/srv/a b"))).into_iter().map(|file| file.text).collect()
}

const KEYED: &str = "workflow: {provider: gptbots, api_key: '${KEY}'}\nvars: {tone: '${TONE}'}";
const IN_FILE: &str = "workflow: {provider: gptbots, api_key: {file: /run/secrets/gptbots}}";

/// Says whether all parts stand in a text.
fn says(text: &str, parts: &[&str]) {
    // Comments go over as many lines as they need.
    let text = text.replace("\n#   ", " ");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn a_cron_text_in_plain_words_means_the_same() {
    for text in CRONS {
        let cron = Cron::parse(text).unwrap();
        let plain = Cron::parse(&cron_text(&cron)).unwrap();
        assert_eq!(plain.numbers(), cron.numbers(), "{text}");
        assert_eq!(plain.follows_real_time(), cron.follows_real_time(), "{text}");
        assert!(!plain.text().contains(|c: char| c.is_ascii_alphabetic() || c == '7'), "{}", plain.text());
    }
    assert_eq!(cron_text(&Cron::parse("0-59/10 1,2,3,7 * * FRI-SUN").unwrap()), "*/10 1-3,7 * * 0,5,6");
}

#[test]
fn a_time_in_utc_is_the_same_time() {
    for (zone, minutes) in
        [("Asia/Kolkata", 330), ("Asia/Tokyo", 540), ("America/Bogota", -300), ("Asia/Kathmandu", 345)]
    {
        for text in CRONS {
            let Ok(texts) = in_utc(&Cron::parse(text).unwrap(), minutes) else {
                assert_eq!((text, zone), ("5 12 1,15 JAN,MAR-JUN *", "Pacific/Apia"));
                continue;
            };
            let mut found: Vec<_> = texts.iter().flat_map(|text| slots(text, "UTC", Dst::Once)).collect();
            found.sort_unstable();
            assert_eq!(found, slots(text, zone, Dst::Once), "{text} in {zone}: {texts:?}");
        }
    }
    assert_eq!(in_utc(&Cron::parse("*/15 * * * *").unwrap(), 120).unwrap(), ["0,15,30,45 * * * *"]);
    let first = Cron::parse("0 1 1 * *").unwrap();
    assert!(in_utc(&first, 120).unwrap_err().contains("the day before"));
    assert_eq!(in_utc(&first, 60).unwrap(), ["0 0 1 * *"]);
}

#[test]
fn what_systemd_is_told_are_the_same_times() {
    for text in CRONS {
        let when = on_calendar(&Cron::parse(text).unwrap(), "Asia/Kolkata");
        let asked = Command::new("systemd-analyze")
            .args(["calendar", "--base-time=2026-01-01 00:00:00 UTC", "--iterations=40", &when])
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .output();
        // Where there is no systemd, its words are taken as they are.
        let Ok(asked) = asked else { return };
        let told = String::from_utf8_lossy(&asked.stdout).into_owned();
        assert!(asked.status.success(), "{when}: {told}{}", String::from_utf8_lossy(&asked.stderr));
        let times = told.lines().filter(|line| {
            line.contains("Next elapse:") || line.contains("Iteration #") || line.contains("Iter. #")
        });
        let times: Vec<Timestamp> = times
            .map(|line| {
                let words: Vec<_> = line.split_whitespace().rev().collect();
                format!("{}T{}Z", words[2], words[1]).parse().unwrap()
            })
            .collect();
        assert!(times.len() == 40, "{told}");
        let ours: Vec<_> = slots(text, "Asia/Kolkata", Dst::Once).into_iter().take(40).collect();
        // systemd counts from the instant itself, which is a slot of some.
        let ours: Vec<_> = ours.into_iter().filter(|at| *at >= times[0]).collect();
        assert_eq!(times[..ours.len()], ours, "{text}: {when}");
    }
}

#[test]
fn systemd_gets_a_service_and_a_timer() {
    let schedule =
        "{cron: '30 2 * * 1-5', time_zone: Europe/Rome, jitter: 10m, overlap: queue_one, catch_up: none}";
    let files = exported(schedule, KEYED, systemd::export);
    says(
        &files[0],
        &[
            "WorkingDirectory=/srv/a b\n",
            "EnvironmentFile=/etc/flowbatch/flowbatch-nightly.env",
            "Put NAME=value lines for KEY, TONE into",
            "flowbatch schedule slot '/srv/a b/jobs/nightly.yaml' > \\\"$$RUNTIME_DIRECTORY/slot\\\"",
            "RestartPreventExitStatus=1 2 3 4 101",
            "TimeoutStopSec=80",
        ],
    );
    says(
        &files[1],
        &[
            "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 02:30:00 Europe/Rome\nPersistent=false",
            "RandomizedDelaySec=600\nFixedRandomDelay=true",
            "can't say `overlap: queue_one`; a slot that is due while an earlier run goes on is left out.",
        ],
    );
    // From Monday to Friday no clock is changed at night in Rome; every day it is.
    assert!(!files[1].contains("when the clock is changed"), "{}", files[1]);
    let daily = exported(
        "{cron: '30 2 * * *', time_zone: Europe/Rome}",
        "workflow: {provider: gptbots}",
        systemd::export,
    );
    says(&daily[1], &["systemd leaves out runs that `dst: once` has", "Persistent=true"]);
}

#[test]
fn a_crontab_gets_a_line_and_what_it_cannot_say() {
    let line = |schedule: &str| exported(schedule, KEYED, |job| vec![crontab::export(job)]).remove(0);
    let text = line("{cron: '@daily', time_zone: Asia/Tokyo, overlap: queue_all, catch_up: none}");
    says(
        &text,
        &[
            "\nCRON_TZ=Asia/Tokyo\n0 0 * * * cd '/srv/a b' && set -a && . /etc/flowbatch/flowbatch-nightly.env && set +a && flock .flowbatch-nightly.lock flowbatch run ",
            "--id \"$(flowbatch schedule slot '/srv/a b/jobs/nightly.yaml')\"",
            "right only on a machine whose zone is Asia/Tokyo",
        ],
    );
    assert!(!text.contains("can't say `overlap") && !text.contains("can't say `catch_up"), "{text}");
    let text = line("{cron: '30 2 * * *', time_zone: Europe/Rome, dst: literal, pause_on_failure: true}");
    says(
        &text,
        &[
            "can't say `pause_on_failure`",
            "flock -n ",
            "has runs that `dst: literal` has not",
            "leaves out runs",
        ],
    );
}

#[test]
fn kubernetes_gets_a_job_that_goes_on_with_its_run() {
    let schedule = "{cron: '0 6 * * MON-FRI,7', time_zone: Europe/Rome, overlap: cancel_other, catch_up: {missed: last, window: 6h}, \
                    start_deadline: 1h, keep: {succeeded: 30, failed: 10}}";
    let text = exported(schedule, IN_FILE, |job| vec![kubernetes::export(job, "ghcr.io/a/b:1")]).remove(0);
    let (job, volume) = text.split_once("\n---\n").unwrap();
    let job: serde_json::Value = serde_yaml::from_str(job).unwrap();
    let volume: serde_json::Value = serde_yaml::from_str(volume).unwrap();
    assert_eq!(volume["metadata"]["name"], "flowbatch-nightly");
    let spec = &job["spec"];
    assert_eq!((&spec["schedule"], &spec["timeZone"]), (&"0 6 * * 0-5".into(), &"Europe/Rome".into()));
    assert_eq!(
        (&spec["concurrencyPolicy"], &spec["startingDeadlineSeconds"]),
        (&"Replace".into(), &3600.into())
    );
    assert_eq!(
        (&spec["successfulJobsHistoryLimit"], &spec["failedJobsHistoryLimit"]),
        (&30.into(), &10.into())
    );
    let rules = &spec["jobTemplate"]["spec"]["podFailurePolicy"]["rules"];
    assert_eq!(rules[0]["onExitCodes"]["values"], serde_json::json!([1, 2, 3, 4, 101]));
    assert_eq!((&rules[0]["action"], &rules[2]["action"]), (&"FailJob".into(), &"Count".into()));
    let pod = &spec["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    let container = &pod["containers"][0];
    assert_eq!((&container["name"], &container["image"]), (&"flowbatch".into(), &"ghcr.io/a/b:1".into()));
    assert_eq!(container["args"][1], "/manifests/nightly.yaml");
    assert_eq!(container["args"][3], "$(SLOT)");
    assert_eq!(container["volumeMounts"][2]["mountPath"], "/run/secrets/gptbots");
    assert_eq!(pod["volumes"][2]["secret"]["secretName"], "flowbatch-nightly");
    let text = exported("{cron: '30 2 * * *', time_zone: Europe/Rome, jitter: 5m}", KEYED, |job| {
        vec![kubernetes::export(job, "b")]
    })
    .remove(0);
    says(
        &text,
        &[
            "name: KEY\n                  valueFrom: {secretKeyRef: {name: flowbatch-nightly, key: KEY}}",
            "can't say `jitter: 5m`",
            "Kubernetes leaves out runs that `dst: once` has",
            "Kubernetes has runs that `dst: once` has not",
        ],
    );
    assert!(!text.contains("startingDeadlineSeconds:"), "{text}");
}

#[test]
fn github_gets_the_times_in_utc_at_each_offset() {
    let file = |schedule: &str| exported(schedule, KEYED, |job| vec![github::export(job).unwrap()]).remove(0);
    let text = file("{cron: '30 2 * * *', time_zone: Europe/Rome, dst: literal, overlap: cancel_other}");
    let parsed: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(parsed["on"]["schedule"][0]["cron"], "30 1 * * *");
    assert_eq!(parsed["on"]["schedule"][1]["cron"], "30 0 * * *");
    assert_eq!(parsed["concurrency"]["cancel-in-progress"], true);
    says(
        &text,
        &[
            "KEY: ${{ secrets.KEY }}",
            "TONE: ${{ vars.TONE }}",
            "'30 1 * * *') due=' +0100 '",
            "TZ: Europe/Rome",
        ],
    );
    assert!(!text.contains("sk-") && !text.contains("brief"), "{text}");
    let text = file("{cron: '30 2 * * *', time_zone: Asia/Kolkata}");
    assert!(text.contains("cron: \"0 21 * * *\"") && !text.contains("id: clock"), "{text}");
    // What does not depend on the offset is scheduled once.
    let text = file("{cron: '*/15 * * * *', time_zone: Europe/Rome}");
    assert_eq!(text.matches("- cron:").count(), 1, "{text}");
    exported("{cron: '0 1 1 * *', time_zone: Europe/Rome}", KEYED, |job| {
        let why = github::export(job).unwrap_err();
        assert!(why.contains("jobs/nightly.yaml: GitHub knows no time zone but UTC"), "{why}");
        Vec::new()
    });
}

#[test]
fn a_manifest_has_a_name_that_kubernetes_takes() {
    let long = "x".repeat(80);
    for name in ["nightly", "Nightly.Run_2", "a", &long] {
        let name = super::job::object_name(name);
        let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        assert!(is_plain && name.len() <= 52 && !name.ends_with('-'), "{name}");
    }
    assert_ne!(super::job::object_name("a.b"), super::job::object_name("a-b"));
}
