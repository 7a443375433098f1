//! What a run may cost, and what is sent again when its answer is lost: as a manifest asks for it.

use serde_json::json;

use crate::SERVICE;
use crate::support::hostile::{Act, Hostile, Request, ok, succeeded};
use crate::support::money::{amount, sum};
use crate::support::{Bench, Emulator, by_user};

fn fine(request: &Request) -> Act {
    succeeded(&format!("r{}", request.row()), &json!({"n": request.row()}))
}

/// A service whose rows cost 0.25 credit and 7 tokens, and a job over ten of them.
fn ten_rows(limits: &str, workflow: &str) -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(fine);
    bench.dataset(10);
    bench.job(&server.url, "sync", &format!("limits: {{concurrency: 4, {limits}}}\n"));
    let job = bench.read("job.yaml").replace("  mode:", &format!("{workflow}  mode:"));
    bench.write("job.yaml", job);
    (bench, server)
}

#[test]
fn a_run_stops_at_its_budget_and_goes_on_with_a_larger_one() {
    let price = "  price: {unit: credit, per_unit: \"0.01\", currency: USD}\n";
    let (bench, server) = ten_rows("budget: {cost: 0.01 USD, cost_per_row: 0.25 credit}", price);
    let ended = bench.run(&["run", "job.yaml", "--id", "r", "--json"]).exits(4);
    let told = ended.clone().says(&["a budget of 1 credit (0.25 for each row at most)"]).json();
    assert_eq!((&told["verdict"]["reason"], &told["verdict"]["retry"]), (&"budget".into(), &"fix".into()));
    assert_eq!((&told["cost"]["total"], server.invokes().len()), (&"1.00".into(), 4));
    let message = told["verdict"]["message"].as_str().unwrap();
    assert!(message.contains("`resume --set limits.budget.cost=…`"), "{message}");
    let next = told["verdict"]["next"].as_str().unwrap();
    assert!(next.starts_with("flowbatch resume ") && next.ends_with(" --set limits.budget.cost=…"), "{next}");
    assert_eq!(
        told["budget"],
        json!({"cost": {"limit": "1", "spent": "1.00", "reserved": "0"}, "tokens": null})
    );
    assert_eq!(bench.outcomes()[3..5], ["succeeded", "not_run"]);
    bench.run(&["resume", "r"]).exits(4);
    assert_eq!(server.invokes().len(), 4, "the same budget allows no more");
    bench.run(&["resume", "r", "--set", "limits.budget.cost=1.5"]).exits(4);
    assert_eq!(server.invokes().len(), 6);
    let told = bench.run(&["resume", "r", "--set", "limits.budget.cost=0.03 USD", "--json"]).exits(0).json();
    assert_eq!((&told["cost"]["total"], server.sends(10)), (&"2.50".into(), vec![1; 10]));
}

#[test]
fn tokens_have_a_budget_of_their_own() {
    let (bench, server) = ten_rows("budget: {tokens: 30}, halt: none", "");
    let told = bench.run(&["run", "job.yaml", "-j", "1", "--json"]).exits(4).json();
    assert_eq!((&told["tokens"]["total"], server.invokes().len()), (&28.into(), 4));
    bench.run(&["resume", "--set", "limits.budget.tokens=70"]).exits(0);
}

#[test]
fn a_service_that_tells_no_costs_spends_no_budget_unseen() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| {
        ok(&json!({"workflowRunId": format!("r{}", request.row()), "status": "SUCCEED", "output": {}}))
    });
    bench.dataset(10);
    bench.job(&server.url, "sync", "limits: {budget: {cost: 100}}\n");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(4).json();
    assert_eq!((server.invokes().len(), &told["cost"]["unknown_rows"]), (4, &4.into()));
    let set = ["resume", "--set", "limits.budget.cost_per_row=20", "--json"];
    let told = bench.run(&set).exits(4).json();
    assert_eq!((server.invokes().len(), &told["verdict"]["reason"]), (5, &"budget".into()));
}

#[test]
fn a_budget_in_a_unit_that_nobody_defines_is_a_mistake() {
    let (bench, server) = ten_rows("budget: {cost: 3 USD}", "");
    bench.run(&["run", "job.yaml"]).exits(2).says(&["limits.budget.cost", "workflow.price"]);
    bench.run(&["check", "job.yaml"]).exits(2);
    assert_eq!(server.invokes().len(), 0);
}

#[test]
fn what_was_lost_is_sent_again_when_asked_for_and_its_cost_stays_unknown() {
    let bench = Bench::new();
    let lost = "faults_for: {\"fb-.*-2\": [reset_after_accept, none], \"fb-.*-4\": [reset_after_accept, \
                reset_after_accept, reset_after_accept]}\n";
    let service = Emulator::serve(&bench, &format!("{SERVICE}{lost}"));
    bench.dataset(5);
    let limits = "limits: {delivery: at_least_once, retry: {attempts: 3, backoff: 1ms..5ms}}\n";
    bench.job(&service.url, "sync", limits);
    let told = bench.run(&["run", "job.yaml", "--id", "r", "--json"]).exits(1).json();
    assert_eq!(bench.outcomes(), ["succeeded", "succeeded", "succeeded", "in_doubt", "succeeded"]);
    let charged = by_user(&service.charged());
    let counts: Vec<_> = (1..=5).map(|row| charged[&format!("fb-r-{row}")]).collect();
    assert_eq!(counts, [1, 2, 1, 3, 1], "each send that was lost had been executed, and billed");
    assert_eq!((&told["cost"]["unknown_rows"], &told["cost"]["known_rows"]), (&2.into(), &3.into()));
    let doubtful = &told["cost"]["in_doubt"];
    assert_eq!((&doubtful["rows"], &doubtful["executions"]), (&1.into(), &3.into()), "{doubtful}");
    assert_eq!((&doubtful["at_most"], &doubtful["basis"]), (&json!(null), &"known_rows".into()));
    let total = amount(told["cost"]["total"].as_str().unwrap());
    assert!(total < sum(&service.charged(), "cost"), "the lost executions are no part of the total");
    let journal = bench.read(bench.run_dir().join("journal.jsonl"));
    assert!(journal.contains(r#""delivery":"at_least_once""#));
    bench.run(&["resume", "r"]).exits(1);
    assert_eq!(service.charged().len(), 8, "a row whose attempts are used up is held");
}

#[test]
fn a_journal_need_only_survive_the_process_when_the_manifest_says_so() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(6);
    bench.job(&service.url, "async", "output: {durability: process}\n");
    bench.run(&["run", "job.yaml", "--id", "r", "--limit", "3"]).exits(0);
    bench.run(&["resume", "r", "--all"]).exits(0);
    assert_eq!((bench.outcomes(), service.charged().len()), (vec!["succeeded".to_owned(); 6], 6));
    bench
        .run(&["check", "job.yaml", "--set", "output.durability=disk"])
        .exits(2)
        .says(&["`disk`", "`power`"]);
}
