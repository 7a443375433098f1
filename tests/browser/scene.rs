//! A run to look at: support tickets in several languages, classified by a service that is sometimes slow.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;

use fastrand::Rng;
use flowbatch::checks::Checks;
use flowbatch::model::{Cost, Outcome, RowKey, Throttling};
use flowbatch::report::{HtmlWriter, ResultError, ResultRow, Summary};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

const LABELS: [&str; 5] = ["refund", "delivery", "account", "praise", "other"];
const LANGUAGES: [&str; 6] = ["en", "de", "zh", "ar", "es", "ja"];
const TEXTS: [(&str, &str); 6] = [
    (
        "My parcel was left in the rain and the box is soaked through. I would like my money back, please.",
        "Sorry about the soaked parcel. We have started your refund; it arrives within five working days.",
    ),
    (
        "Seit drei Tagen steht die Sendung auf „in Zustellung“, aber nichts kommt an.",
        "Ihre Sendung wurde heute neu verladen und kommt voraussichtlich morgen an.",
    ),
    (
        "我的账号无法登录,重置密码的邮件一直没有收到,请帮忙处理。",
        "我们已重新发送重置邮件,请检查垃圾邮件文件夹。",
    ),
    (
        "أريد إرجاع المنتج لأنه لا يعمل كما هو موضح في الصفحة.",
        "يمكنك إرجاع المنتج خلال ثلاثين يومًا، وقد أرسلنا إليك ملصق الشحن.",
    ),
    (
        "El cargo aparece dos veces en mi tarjeta; necesito que anulen uno de los dos.",
        "Hemos anulado el cargo duplicado; verá el abono en su extracto.",
    ),
    (
        "注文した色と違う商品が届きました。交換できますか。",
        "ご迷惑をおかけしました。交換品を本日発送いたします。",
    ),
];

/// What was written, for a test to compare with.
pub(crate) struct Scene {
    pub(crate) failed: u64,
    pub(crate) wrong_labels: u64,
    pub(crate) bytes: u64,
}

struct Counts {
    outcomes: [u64; 5],
    checks: [[u64; 4]; 2],
    confusion: [[u64; 5]; 5],
    cost: Cost,
    tokens: u64,
    latencies: Vec<u64>,
    throttling: Throttling,
}

/// Writes the page of so many rows.
pub(crate) fn write(path: &Path, rows: u64) -> Scene {
    let mut spool = tempfile::tempfile().unwrap();
    let mut page = HtmlWriter::begin(&mut spool);
    let mut random = Rng::with_seed(7);
    let mut counts = Counts {
        outcomes: [0; 5],
        checks: [[0; 4]; 2],
        confusion: [[0; 5]; 5],
        cost: Cost::ZERO,
        tokens: 0,
        latencies: Vec::new(),
        throttling: Throttling::default(),
    };
    let mut clock = 1_795_500_000_000_u64;
    for number in 1..=rows {
        add_row(&mut page, number, rows, &mut random, &mut counts, &mut clock);
    }
    page.throttled(&counts.throttling);
    let summary = summary(rows, &mut counts);
    let mut target = File::create(path).unwrap();
    page.finish(&summary, &mut target).unwrap();
    target.flush().unwrap();
    Scene {
        failed: counts.outcomes[1],
        wrong_labels: counts.checks[0][1],
        bytes: target.stream_position().unwrap(),
    }
}

fn add_row(
    page: &mut HtmlWriter<'_>,
    number: u64,
    rows: u64,
    random: &mut Rng,
    counts: &mut Counts,
    clock: &mut u64,
) {
    let language = random.usize(..LANGUAGES.len());
    let expected = random.usize(..LABELS.len());
    let label = if random.u8(..100) < 8 { random.usize(..LABELS.len()) } else { expected };
    let (subject, reply) = TEXTS[language];
    let ticket = random.u32(10_000..99_999);
    let input = json!({"subject": format!("#{ticket}"), "body": subject, "language": LANGUAGES[language]});
    let output = json!({"label": LABELS[label], "reply": format!("{reply} (#{ticket})"), "confidence": f64::from(random.u32(500..1000)) / 1000.0});
    let slow = number * 10 / rows.max(1) == 6;
    let latency = 600 + (-(1.0 - random.f64()).ln() * if slow { 2600.0 } else { 700.0 }) as u64;
    *clock += (40.0 * 60_000.0 / rows as f64 * if slow { 3.0 } else { 1.0 }) as u64;
    let backoff = if slow { random.u64(500..4_000) } else { 0 };
    for _ in 0..if slow { random.u8(..4) } else { 0 } {
        counts.throttling.note(*clock + random.u64(..2_000));
    }
    let draw = random.u16(..1000);
    let outcome = match draw {
        0..18 => Outcome::Failed,
        18..22 => Outcome::InDoubt,
        22..26 => Outcome::Rejected,
        _ if number + rows / 200 > rows => Outcome::NotRun,
        _ => Outcome::Succeeded,
    };
    let place = Outcome::ALL.iter().position(|it| *it == outcome).unwrap();
    counts.outcomes[place] += 1;
    let answered = matches!(outcome, Outcome::Succeeded | Outcome::Failed);
    let ran = answered || outcome == Outcome::InDoubt;
    let tokens = 180 + random.u64(..240) + u64::from(subject.len() > 80) * 130;
    let cost: Cost = format!("0.{:04}", 11 + tokens / 3).parse().unwrap();
    if answered {
        counts.cost = counts.cost.checked_add(cost).unwrap();
        counts.tokens += tokens;
        counts.latencies.push(latency);
    }
    let succeeded = outcome == Outcome::Succeeded;
    let said = format!("{reply} (#{ticket})");
    let checks = if succeeded { checks_of([label, expected], &said, random, counts) } else { Map::new() };
    let input = RawValue::from_string(input.to_string()).unwrap();
    let output = RawValue::from_string(output.to_string()).unwrap();
    let key = RowKey(format!("T-{number:06}"));
    let run_id = format!("6a1f{number:012x}");
    let error = match outcome {
        Outcome::Failed if draw.is_multiple_of(3) => {
            Some(("server_error", "HTTP 500: the model is overloaded, try again later", Some(500)))
        }
        Outcome::Failed => Some((
            "workflow_failed",
            "the node `classify` failed: <b>context</b> is too long (8,192 tokens)",
            None,
        )),
        Outcome::InDoubt => Some(("timeout", "no result within 10m; it may still run", None)),
        Outcome::Rejected => Some(("mapping", "`row.subject` is missing", None)),
        _ => None,
    };
    page.add(&ResultRow {
        row_number: number,
        row_key: Some(&key),
        repeat: None,
        outcome,
        input: (outcome != Outcome::NotRun).then_some(&input),
        output: (outcome == Outcome::Succeeded).then_some(Cow::Borrowed(&*output)),
        error: error.map(|(kind, message, http_status)| ResultError {
            kind,
            message,
            http_status,
            code: None,
        }),
        attempts: u32::from(ran) * (1 + u32::from(backoff > 3_000)),
        workflow_run_id: ran.then_some(run_id.as_str()),
        workflow_version: ran.then_some("1.0.1"),
        cost: if answered { Some(cost) } else { (!ran).then_some(Cost::ZERO) },
        tokens: if answered { Some(tokens) } else { (!ran).then_some(0) },
        latency_ms: answered.then_some(latency),
        server_ms: answered.then_some(latency - 90),
        queue_ms: ran.then_some(random.u64(..40)),
        backoff_ms: ran.then_some(backoff),
        started_at: None,
        finished_at: None,
        started_ms: ran.then_some(*clock),
        finished_ms: ran.then_some(*clock + latency + backoff),
        checks: judged(checks),
        reused: None,
    })
    .unwrap();
}

/// Verdicts as results.jsonl has them.
pub(crate) fn judged(checks: Map<String, Value>) -> Checks {
    let read = |(name, result): (String, Value)| (name.into(), serde_json::from_value(result).unwrap());
    Checks(checks.into_iter().map(read).collect())
}

fn checks_of(
    [label, expected]: [usize; 2],
    said: &str,
    random: &mut Rng,
    counts: &mut Counts,
) -> Map<String, Value> {
    let mut checks = Map::new();

    let right = label == expected;
    counts.checks[0][usize::from(!right)] += 1;
    counts.confusion[expected][label] += 1;
    checks.insert("label".to_owned(), json!({"verdict": if right { "pass" } else { "fail" }, "score": u8::from(right),
            "reason": (!right).then(|| format!("`{}` is not `{}`", LABELS[label], LABELS[expected])), "path": "output.label",
            "expected": LABELS[expected], "actual": LABELS[label]}));
    let kind = random.u8(..100);
    let verdict = match kind {
        0..6 => "fail",
        6..7 => "error",
        7..20 => "skipped",
        _ => "pass",
    };
    counts.checks[1][match verdict {
        "pass" => 0,
        "fail" => 1,
        "error" => 2,
        _ => 3,
    }] += 1;
    checks.insert("polite".to_owned(), json!({"verdict": verdict, "score": if verdict == "pass" { json!(0.93) } else { json!(0.41) },
            "reason": (verdict == "fail").then_some("similarity 0.41 is below 0.6"), "path": "output.reply",
            "expected": said.replace("five working days", "three days").replace("morgen", "heute"), "actual": said}));
    checks
}

fn summary(rows: u64, counts: &mut Counts) -> Summary {
    counts.latencies.sort_unstable();
    let at = |share: u64| {
        let rank = (counts.latencies.len() as u64 * share).div_ceil(100).max(1);
        counts.latencies.get(usize::try_from(rank).unwrap() - 1).copied()
    };
    let times = json!({"p50": at(50), "p90": at(90), "p95": at(95), "p99": at(99), "max": at(100)});
    let small = json!({"p50": 12, "p90": 31, "p95": 35, "p99": 39, "max": 40});
    let [succeeded, failed, in_doubt, rejected, not_run] = counts.outcomes;
    let share = |part: u64, of: u64| {
        if of == 0 { Value::Null } else { json!((part as f64 / of as f64 * 1e6).floor() / 1e6) }
    };
    let check = |of: &[u64; 4]| {
        let scored = of[0] + of[1];
        let rate = of[0] as f64 / scored.max(1) as f64;
        json!({"passed": of[0], "failed": of[1], "error": of[2], "skipped": of[3], "unscored": rows - of.iter().sum::<u64>(),
            "pass_rate": rate, "pass_rate_interval": [rate - 0.012, rate + 0.011], "mean_score": rate})
    };
    let mut label = check(&counts.checks[0]);
    let classes: Vec<_> = LABELS.iter().map(|name| json!({"label": name, "precision": 0.931, "recall": 0.934, "f1": 0.9325, "support": rows / 5})).collect();
    label["labels"] = json!({"accuracy": label["pass_rate"], "macro_f1": 0.9324, "classes": classes,
        "confusion": {"labels": LABELS, "counts": counts.confusion}});
    label["repeats"] = json!({"n": 5, "rows": rows / 5, "flaky_rows": rows / 31, "pass_at_1": 0.936, "pass_at_k": {"1": 0.936, "2": 0.971, "5": 0.994},
        "pass_hat_k": {"1": 0.936, "2": 0.902, "5": 0.841}, "agreement": 0.9412});
    let groups: Vec<_> = LANGUAGES.iter().map(|name| json!({"by": "lang", "value": name, "rows": rows / 6, "succeeded": rows / 6 - rows / 300,
        "success_rate": 0.98, "cost": {"total": "41.2", "unknown_rows": 0}, "tokens": {"total": 51_234, "unknown_rows": 0}, "latency_ms": times})).collect();
    serde_json::from_value(json!({
        "run_id": "20261124T060000Z-7f3a", "manifest": "support-triage", "description": "Classify the support inbox, and draft a reply",
        "labels": {"team": "support", "cost_center": "4711"}, "complete": false,
        "verdict": {"exit_code": 4, "reason": "gate_failed", "retry": "fix", "message": "a gate failed: label.pass_rate >= 95% (it is 93.6%)", "next": "flowbatch report runs/support-triage/20261124T060000Z-7f3a"},
        "coverage": share(succeeded + failed, rows), "success_rate": share(succeeded, rows),
        "rows": {"total": rows, "succeeded": succeeded, "failed": failed, "in_doubt": in_doubt, "rejected": rejected, "not_run": not_run},
        "attempts": rows, "invokes": rows + 512, "polls": 0, "throttled": 512,
        "concurrency": {"max": 32, "adaptive": true, "lowest": 9, "final": 32},
        "cost": {"total": counts.cost, "unit": "credit", "known_rows": succeeded + failed, "unknown_rows": in_doubt,
            "per_row": {"mean": "0.0141", "p50": "0.0138", "p95": "0.0189", "max": "0.0194"},
            "in_doubt": {"rows": in_doubt, "executions": in_doubt, "at_most": "2", "estimate": null, "basis": "cost_per_row"},
            "money": {"amount": "14.10", "currency": "USD"}},
        "tokens": {"total": counts.tokens, "known_rows": succeeded + failed, "unknown_rows": in_doubt},
        "budget": null, "latency_ms": times, "server_ms": times, "queue_ms": small, "backoff_ms": small, "wall_ms": 2_890_000,
        "errors": [
            {"kind": "workflow_failed", "outcome": "failed", "count": failed * 2 / 3, "example": "the node `classify` failed: <b>context</b> is too long (8,192 tokens)", "row_number": 41},
            {"kind": "server_error", "outcome": "failed", "count": failed / 3, "example": "HTTP 500: the model is overloaded, try again later", "row_number": 77},
            {"kind": "timeout", "outcome": "in_doubt", "count": in_doubt, "example": "no result within 10m; it may still run", "row_number": 180}],
        "groups": groups,
        "checks": {"label": label, "polite": check(&counts.checks[1])},
        "repeats": {"n": 5, "cost": {"rows": rows / 5, "mean": 0.0141, "variance": 0.000_004_2, "cv": 0.1453}, "latency_ms": {"rows": rows / 5, "mean": 1420.5, "variance": 512_330.25, "cv": 0.5039}},
        "judges": {"polite": {"checks": ["polite"], "manifest": "politeness", "runs": ["20261124T070000Z-1a2b"], "complete": true, "waiting": 0, "errors": counts.checks[1][2], "calls": succeeded + 3,
            "rows": {"total": succeeded, "succeeded": succeeded - 2, "failed": 2, "in_doubt": 0, "rejected": 0, "not_run": 0},
            "cost": {"total": "3.3075", "unit": "credit", "unknown_rows": 1}, "tokens": {"total": 412_804, "unknown_rows": 1}}},
        "bill": {"cost": {"total": "17.4075", "unit": "credit", "unknown_rows": in_doubt + 1}, "judges": {"cost": {"total": "3.3075", "unit": "credit", "unknown_rows": 1},
            "tokens": {"total": 412_804, "unknown_rows": 1}, "calls": succeeded + 3, "errors": counts.checks[1][2]}},
        "gates": [
            {"gate": "label.pass_rate >= 95%", "unit": "share", "value": 0.936, "bound": 0.95, "margin": -0.014, "passed": false, "reason": null},
            {"gate": "coverage >= 98%", "unit": "share", "value": 0.991, "bound": 0.98, "margin": 0.011, "passed": true, "reason": null},
            {"gate": "cost.per_row.max <= 0.02 credit", "unit": "cost", "value": "0.0194", "bound": "0.02", "margin": "0.0006", "passed": null, "reason": "the cost of some rows is unknown"}],
        "versions": {"1.0.1": succeeded + failed},
        "notes": ["requests were held to 90/min (`limits.rate`)"],
    }))
    .unwrap()
}
